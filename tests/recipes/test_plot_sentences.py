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
