"""recipes/plot_sentences.py: sentences of the tables that tell of films, and none of a task's dev part."""

import gzip
import subprocess
import sys
from pathlib import Path

import pytest

RECIPE = Path(__file__).parents[2] / "recipes" / "plot_sentences.py"
SEEN = "a spy must find the stolen film before the morning comes ."


@pytest.fixture
def task(tmp_path):
    """A task whose dev part has one sentence of a plot."""
    folder = tmp_path / "task"
    folder.mkdir()
    (folder / "train.tsv").write_text("objective\ttwo brothers sell the farm\nsubjective\ta dull film\n")
    (folder / "dev.tsv").write_text(f"objective\t{SEEN}\nsubjective\ta fine film\n")
    return folder


def run(*arguments):
    return subprocess.run([sys.executable, RECIPE, *map(str, arguments)], capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("delimiter", ["\t", ";", ","])
def test_a_table_gives_the_sentences_of_its_plots_whatever_parts_its_columns(task, tmp_path, delimiter):
    table, out = tmp_path / "films.csv", tmp_path / "plots.txt.gz"
    plot = "The sailor returns to his empty house by the sea. He finds nobody there but an old friend."
    table.write_text(delimiter.join(["title", "overview"]) + "\n" + delimiter.join(["Sea", f'"{plot}"']) + "\n")
    assert run(table, "--without", task, "-o", out).returncode == 0
    assert sorted(gzip.decompress(out.read_bytes()).decode().splitlines()) == [
        "He finds nobody there but an old friend.",
        "The sailor returns to his empty house by the sea.",
    ]


def test_a_sentence_that_shares_a_run_of_letters_with_a_dev_text_is_left_out(task, tmp_path):
    table, out = tmp_path / "films.tsv", tmp_path / "plots.txt.gz"
    table.write_text(
        "synopsis\nTom must find the stolen film before it is sold.\nThe other story ends at the harbour.\n"
    )
    assert run(table, "--without", task, "-o", out).returncode == 0
    assert gzip.decompress(out.read_bytes()).decode() == "The other story ends at the harbour.\n"


def test_a_table_without_plots_is_refused_in_one_line_and_nothing_is_written(task, tmp_path):
    table, out = tmp_path / "films.tsv", tmp_path / "plots.txt.gz"
    table.write_text("title\tyear\nSea\t1999\n")
    finished = run(table, "--without", task, "-o", out)
    assert finished.returncode == 2 and finished.stderr.count("\n") == 1
    assert "has no column named synopsis or overview" in finished.stderr and not out.exists()


def test_a_table_that_a_spreadsheet_program_saved_has_its_columns_too(task, tmp_path):
    table, out = tmp_path / "films.csv", tmp_path / "plots.txt.gz"
    table.write_bytes("synopsis\r\nThe other story ends at the harbour.\r\n".encode("utf-8-sig"))
    assert run(table, "--without", task, "-o", out).returncode == 0
    assert gzip.decompress(out.read_bytes()).decode() == "The other story ends at the harbour.\n"


def test_a_table_that_is_no_csv_is_refused_in_one_line(task, tmp_path):
    table, out = tmp_path / "films.tsv", tmp_path / "plots.txt.gz"
    table.write_text(f"synopsis\n{'long ' * 30_000}\n")
    finished = run(table, "--without", task, "-o", out)
    assert finished.returncode == 2 and finished.stderr.count("\n") == 1
    assert "films.tsv, line 2: not CSV (field larger than field limit" in finished.stderr and not out.exists()


def test_a_place_that_is_not_there_is_refused_before_a_table_is_read(task, tmp_path):
    finished = run(tmp_path / "none.csv", "--without", task, "-o", tmp_path / "none/plots.txt.gz")
    assert finished.returncode == 2 and "its folder does not exist" in finished.stderr
