"""recipes/critics_marks.py: excerpts of reviews with their marks, and none of a task's dev part."""

import gzip
import subprocess
import sys
from pathlib import Path

import pytest

from spikebert.data.tasks import load_task

MARKS = ("fresh", "rotten")
RECIPE = Path(__file__).parents[2] / "recipes" / "critics_marks.py"


@pytest.fixture
def task(tmp_path):
    """A task whose dev part has one sentence of a review."""
    folder = tmp_path / "task"
    folder.mkdir()
    (folder / "train.tsv").write_text("negative\ta dull film that goes nowhere at all\npositive\ta fine film\n")
    (folder / "dev.tsv").write_text("positive\tevery scene glows with quiet joy .\nnegative\ta poor film\n")
    return folder


def run(task, tmp_path, rows, header="id\treview\trating\tfresh"):
    """The finished recipe, and all rows that it wrote."""
    table, out = tmp_path / "reviews.tsv", tmp_path / "marks"
    table.write_text("\n".join([header, *rows]) + "\n")
    finished = subprocess.run(
        [sys.executable, RECIPE, table, "--without", task, "-o", out], capture_output=True, text=True, timeout=120
    )
    return finished, sorted("".join(gzip.open(path, "rt").read() for path in out.glob("*.tsv.gz")).splitlines())


def test_a_row_is_an_excerpt_behind_its_mark(task, tmp_path):
    finished, rows = run(
        task,
        tmp_path,
        [
            "1\tA long evening of very small jokes. Even the band looks tired.\t2/5\trotten",
            "2\tThe best western for many years.\t\tfresh",
            "3\tNobody has marked this excerpt yet.\t\t",
        ],
    )
    assert finished.returncode == 0, finished.stderr
    assert rows == [
        "fresh\tThe best western for many years.",
        "rotten\tA long evening of very small jokes. Even the band looks tired.",
    ]


def test_the_sentences_of_an_excerpt_that_stand_in_the_task_are_left_out(task, tmp_path):
    excerpt = "In short every scene glows with quiet joy. A dull film that goes nowhere at all. I laughed a good deal."
    finished, rows = run(task, tmp_path, [f"1\t{excerpt}\t\tfresh"])
    assert finished.returncode == 0, finished.stderr
    assert rows == ["fresh\tI laughed a good deal."]


def test_every_second_row_writes_not_as_treebanks_do(task, tmp_path):
    excerpts = [f"{i}\tThe {name} doesn't know its own story.\t\tfresh" for i, name in enumerate(("spy", "king"))]
    _, rows = run(task, tmp_path, excerpts)
    assert sorted("does n't" in row for row in rows) == [False, True]


def test_a_table_without_marks_is_refused_in_one_line_and_nothing_is_written(task, tmp_path):
    finished, rows = run(task, tmp_path, ["1\tA long evening of very small jokes."], header="id\treview")
    assert finished.returncode == 2 and finished.stderr.count("\n") == 1
    assert "has no column named fresh" in finished.stderr and not rows


def test_a_task_of_somebody_else_is_left_as_it_is(task, tmp_path):
    (tmp_path / "marks").mkdir()
    mine = gzip.compress(b"fresh\tmine\n")
    (tmp_path / "marks/train.tsv.gz").write_bytes(mine)
    finished, _ = run(task, tmp_path, ["1\tThe best western for many years.\t\tfresh"])
    assert finished.returncode == 2 and finished.stderr.count("\n") == 1
    assert "holds train.tsv.gz, which this command did not write" in finished.stderr
    assert (tmp_path / "marks/train.tsv.gz").read_bytes() == mine


def test_what_it_wrote_is_a_task_and_is_written_again(task, tmp_path):
    excerpts = [f"{i}\tThe best western of the year {i} at last.\t\t{MARKS[i % 2]}" for i in range(20)]
    for _ in range(2):
        finished, rows = run(task, tmp_path, excerpts)
        assert finished.returncode == 0, finished.stderr
    found = load_task(str(tmp_path / "marks"))
    assert (len(found.train), len(found.dev), len(rows)) == (18, 2, 20)
