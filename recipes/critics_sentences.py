"""Sentences of critics' film reviews as unlabelled text (`spikebert-train --corpus`), from pages of Rotten Tomatoes.

    python recipes/critics_sentences.py rt.reviews.tsv.gz --without data/mr -o critics.txt.gz

rt.reviews.tsv.gz, 54,432 excerpts of reviews, is part of an exercise in data science of the Flatiron School
(https://github.com/learn-co-curriculum/dsc-phase-1-project-v2-4, folder zippedData). Its marks, fresh or rotten, are
not read. MR and what was made of it (SST-2, SST-5) are of such excerpts, too: a sentence that has a run of RUN letters
in common with a dev text of the task `--without` is left out, as are those that stand in its training part.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path

from imdb_sentences import letters, letters_of, sentences, unseen, write_lines
from task_sentences import overlap

from spikebert.core.errors import InputError, exit_cleanly
from spikebert.core.files import require_file
from spikebert.data.lines import byte_lines
from spikebert.data.tasks import load_task

RUN = 25  # letters, some five words


def reviews(path: Path, columns: Sequence[str] = ("review",)) -> Iterator[dict[str, str]]:
    lines = (line.decode("windows-1252", errors="replace") for _, line in byte_lines(require_file(path, "review")))
    rows = csv.DictReader(lines, delimiter="\t")
    for column in columns:
        if column not in (rows.fieldnames or []):
            raise InputError(f"{path}: has no column named {column}; give rt.reviews.tsv.gz")
    return iter(rows)


def runs(key: str) -> set[str]:
    return {key[i : i + RUN] for i in range(len(key) - RUN + 1)}


def refuses(dev: Iterable[str]) -> Callable[[str], bool]:
    """Tells of a sentence's letters whether they share a run with a text of `dev`, or one is part of the other."""
    keys = [letters(text) for text in dev]
    short = [key for key in keys if len(key) < RUN]
    taboo = set().union(*map(runs, keys))

    def refused(key: str) -> bool:
        others = keys if len(key) < RUN else short
        return not taboo.isdisjoint(runs(key)) or any(overlap(key, other) for other in others)

    return refused


def collect(texts: Iterable[str], without: str) -> list[str]:
    task = load_task(without)
    treebank = any(" n't" in row.text for row in task.train)  # SST-2 writes "n't" as a word of its own, MR does not
    found = chain.from_iterable(map(sentences, texts))
    texts = (text if treebank else text.replace(" n't", "n't") for text in found)
    return unseen(texts, letters_of(task), refuses(row.text for row in task.dev))


def main() -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("reviews", type=Path)
    p.add_argument("--without", required=True, metavar="TASK")
    p.add_argument("-o", "--out", type=Path, required=True)
    options = p.parse_args()
    return exit_cleanly("critics_sentences", lambda: run(options))


def run(options: argparse.Namespace) -> None:
    texts = (row["review"] or "" for row in reviews(options.reviews))
    found = collect(texts, options.without)
    write_lines(options.out, found)
    print(f"{options.out}: {len(found):,} sentences")


if __name__ == "__main__":
    sys.exit(main())
