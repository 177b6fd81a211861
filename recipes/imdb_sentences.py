"""Sentences of film reviews as unlabelled text (`spikebert-train --corpus`), from IMDb's Large Movie Review Dataset.

    python recipes/imdb_sentences.py aclImdb --without data/sst2 data/sst5 data/mr data/subj -o imdb.txt.gz

aclImdb is the folder of the unpacked archive (Maas et al. 2011, "Learning Word Vectors for Sentiment Analysis",
https://ai.stanford.edu/~amaas/data/sentiment/). All its reviews are read, and none of its ratings. Sentences that
stand in a task of `--without`, be it its training or its dev part, are left out, as are repeats.
"""

from __future__ import annotations

import argparse
import gzip
import random
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path

from spikebert.core.errors import InputError, exit_cleanly
from spikebert.core.files import write_atomically
from spikebert.data.tasks import Task, load_task

PARTS = ("test/neg", "test/pos", "train/neg", "train/pos", "train/unsup")
WORDS = range(5, 41)  # in a sentence: shorter ones say little, longer ones are mostly several that no full stop parts
SENTENCE_END = re.compile(r"(?<=[.!?])[\"')]*\s+(?=[A-Z\"'(])")
LINE_BREAK = re.compile(r"<br\s*/?>")
NEGATION = re.compile(r"n't\b", re.IGNORECASE)


def reviews(folder: Path, parts: Sequence[str] = PARTS) -> Iterator[str]:
    for part in parts:
        paths = sorted((folder / part).glob("*_*.txt"))
        if not paths:
            raise InputError(f"{folder / part}: holds no reviews; give the folder of the unpacked archive")
        for path in paths:
            yield path.read_text("utf-8", errors="replace")


def sentences(review: str) -> Iterator[str]:
    """Of the lengths in WORDS, with "n't" as a word of its own, as treebanks write it."""
    for line in LINE_BREAK.sub("\n", review).split("\n"):
        for sentence in SENTENCE_END.split(line):
            words = NEGATION.sub(" n't", " ".join(sentence.split())).split()
            if len(words) in WORDS:
                yield " ".join(words)


def letters(text: str) -> str:
    """What is compared: letters and digits alone, since tasks part words and punctuation in their own ways."""
    return "".join(c for c in text.lower() if c.isalnum())


def letters_of(task: Task) -> set[str]:
    """Of all its texts, and those of no text at all."""
    return {letters(row.text) for row in task.train + task.dev} | {""}


def letters_of_tasks(tasks: list[str]) -> set[str]:
    return {""}.union(*map(letters_of, map(load_task, tasks)))


def unseen(texts: Iterable[str], seen: set[str], refused: Callable[[str], bool] = lambda key: False) -> list[str]:
    """The texts whose letters are neither in `seen` nor refused, each once, in an order drawn by a fixed seed."""
    found = {}
    for text in texts:
        key = letters(text)
        if key not in seen and key not in found and not refused(key):
            found[key] = text
    lines = list(found.values())
    random.Random(0).shuffle(lines)  # neighbours of one review must not be neighbours in a batch
    return lines


def collect(folder: Path, tasks: list[str]) -> list[str]:
    return unseen(chain.from_iterable(map(sentences, reviews(folder))), letters_of_tasks(tasks))


def write_lines(path: Path, lines: list[str]) -> None:
    """A gzipped text, one a line: the same lines give the same bytes."""

    def write(temporary: Path) -> None:
        # Without a name: gzip would write the temporary one, which differs each time, into the file.
        with temporary.open("wb") as raw, gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as file:
            file.writelines(f"{line}\n".encode() for line in lines)

    write_atomically(path, write)


def main() -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("folder", type=Path)
    p.add_argument("--without", nargs="*", default=[], metavar="TASK")
    p.add_argument("-o", "--out", type=Path, required=True)
    options = p.parse_args()
    return exit_cleanly("imdb_sentences", lambda: run(options))


def run(options: argparse.Namespace) -> None:
    found = collect(options.folder, options.without)
    write_lines(options.out, found)
    print(f"{options.out}: {len(found):,} sentences")


if __name__ == "__main__":
    sys.exit(main())
