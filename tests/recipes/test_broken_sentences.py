"""recipes/broken_sentences.py: whole and broken sentences as a task."""

import gzip
import subprocess
import sys
from pathlib import Path

import pytest

RECIPE = Path(__file__).parents[2] / "recipes" / "broken_sentences.py"
NAMES = ("Ann", "Ben", "Cleo", "Dan", "Eve", "Finn", "Gus", "Hal", "Ida", "Jo")
SENTENCES = [f"{a} walked with {b} in the old park." for a in NAMES for b in NAMES if a != b]


def run(tmp_path, lines, *options):
    """The finished recipe, and the rows of both parts."""
    source, out = tmp_path / "lines.txt", tmp_path / "broken"
    source.write_text("\n".join(lines) + "\n", "utf-8")
    command = [sys.executable, RECIPE, source, *options, "-o", out]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=120)
    rows = [gzip.decompress(path.read_bytes()).decode().splitlines() for path in sorted(out.glob("*.tsv.gz"))]
    return finished, [[row.split("\t") for row in part] for part in rows]


def test_about_half_of_the_sentences_are_broken(tmp_path):
    finished, (dev, train) = run(tmp_path, SENTENCES)
    assert finished.returncode == 0, finished.stderr
    rows = dev + train
    assert len(rows) == len(SENTENCES) and len(dev) == len(SENTENCES) // 10
    broken = [text for label, text in rows if label == "broken"]
    assert 0.3 < len(broken) / len(rows) <= 0.5
    assert {text for label, text in rows if label == "whole"} < set(SENTENCES)
    assert len(set(broken) - set(SENTENCES)) > len(broken) / 2  # another name may make another whole one


def test_what_ends_a_sentence_stays_at_its_end(tmp_path):
    _, (dev, train) = run(tmp_path, SENTENCES)
    assert all(text.endswith(".") and text.count(".") == 1 for _, text in dev + train)


@pytest.mark.parametrize("end", [" .", '."', " ...", "!?", " )"])
def test_marks_at_the_end_stay_there_joined_to_the_last_word_or_not(tmp_path, end):
    _, (dev, train) = run(tmp_path, [sentence.removesuffix(".") + end for sentence in SENTENCES])
    texts = [text for _, text in dev + train]
    assert all(text.endswith(end) and text.removesuffix(end).replace(" ", "").isalpha() for text in texts)
    assert not any("  " in text for text in texts)


def test_sentences_of_hardly_any_letters_are_taken_too(tmp_path):
    lines = [f"A{i} - - ." for i in range(20)] + [f"B{i} 1 2 3" for i in range(20)]
    finished, (dev, train) = run(tmp_path, lines)
    assert finished.returncode == 0 and len(dev + train) == 40


def test_the_same_sentences_give_the_same_rows_each_drawn_once(tmp_path):
    first, second = tmp_path / "1", tmp_path / "2"
    first.mkdir(), second.mkdir()
    rows = run(first, SENTENCES * 2)[1]
    assert rows == run(second, SENTENCES)[1]
    assert len(run(tmp_path, SENTENCES, "--rows", "40")[1][1]) == 36


def test_a_sentence_of_the_task_is_left_out(tmp_path):
    task = tmp_path / "task"
    task.mkdir()
    (task / "train.tsv").write_text(f"1\t{SENTENCES[0].lower()}\n0\tsomething else\n")
    (task / "dev.tsv").write_text(f"1\t{SENTENCES[1]}\n0\tanother thing\n")
    _, (dev, train) = run(tmp_path, SENTENCES, "--without", str(task))
    assert len(dev + train) == len(SENTENCES) - 2


@pytest.mark.parametrize(
    ("options", "lines", "message"),
    [((), SENTENCES[:3], "has 3 sentences"), (("--rows", "0"), SENTENCES, "--rows 0: must be at least")],
)
def test_what_cannot_be_broken_is_told_in_one_line(tmp_path, options, lines, message):
    finished, _ = run(tmp_path, lines, *options)
    assert finished.returncode == 2 and message in finished.stderr and finished.stderr.count("\n") == 1
    assert not (tmp_path / "broken").exists()
