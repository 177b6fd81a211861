"""The recipes that make a corpus of a corpus, or of a task: what they refuse."""

import gzip
import subprocess
import sys
from pathlib import Path

import pytest

RECIPES = Path(__file__).parents[2] / "recipes"


@pytest.fixture
def run(films, tmp_path):
    """`run(name, arguments…)`: a finished recipe; tasks is `films`, the output is corpus.txt.gz."""

    def finished(name, *arguments):
        command = [sys.executable, RECIPES / f"{name}.py", *map(str, arguments), "-o", tmp_path / "corpus.txt.gz"]
        return subprocess.run(command, capture_output=True, text=True, timeout=120)

    return finished


def test_the_lines_that_read_like_the_task_are_kept(run, films, tmp_path):
    (tmp_path / "lines.txt").write_text("bad film\n\ngood film\nthe stock rose by nine points\n")
    assert run("like_sentences", tmp_path / "lines.txt", "--task", films, "--keep", 0.5).returncode == 0
    assert gzip.decompress((tmp_path / "corpus.txt.gz").read_bytes()).decode() == "bad film\ngood film\n"


def test_a_corpus_is_not_replaced_by_its_part(run, films, tmp_path):
    corpus = tmp_path / "corpus.txt.gz"
    corpus.write_bytes(gzip.compress(b"bad film\n"))
    finished = run("like_sentences", corpus, "--task", films)
    assert finished.returncode == 2 and "is read or written by this command, too" in finished.stderr
    assert gzip.decompress(corpus.read_bytes()) == b"bad film\n"


@pytest.mark.parametrize(
    ("encoding", "hint"), [("utf-8", ""), ("utf-8-sig", ""), ("gb18030", "line 2: not UTF-8; convert it")]
)
def test_reviews_of_things_bought_are_read_in_utf_8(encoding, hint, run, films, tmp_path):
    table = tmp_path / "shop.csv"
    table.write_bytes('cat,label,review\r\n书籍,1,"好 书"\r\n酒店,1,好\r\n'.encode(encoding))
    finished = run("shopping_reviews", table, "--without", films)
    assert finished.returncode == (2 if hint else 0) and hint in finished.stderr
    if not hint:
        assert gzip.decompress((tmp_path / "corpus.txt.gz").read_bytes()).decode() == "好 书\n"
