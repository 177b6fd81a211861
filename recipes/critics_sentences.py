"""Sentences of critics' film reviews as unlabelled text (`spikebert-train --corpus`), from pages of Rotten Tomatoes.

    python recipes/critics_sentences.py rt.reviews.tsv.gz --without data/mr -o critics.txt.gz

rt.reviews.tsv.gz, 54,432 excerpts of reviews, is part of an exercise in data science of the Flatiron School
(https://github.com/learn-co-curriculum/dsc-phase-1-project-v2-4, folder zippedData). Its marks, fresh or rotten, are
not read. MR and what was made of it (SST-2, SST-5) are of such excerpts, too: a sentence that has a run of 25 letters
in common with a dev text of the task `--without` is left out, as are those that stand in its training part.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

from recipe import column_of, lenient_lines, lines_recipe, recipe_parser, table
from sentences import letters_of, refuses, sentences, unseen

from spikebert.data.tasks import load_task


def reviews(path: Path, *columns: str) -> list[tuple[str, ...]]:
    """The cells of `columns` of each row, which are columns of rt.reviews.tsv.gz."""
    names, rows = table(path, lenient_lines(path, "windows-1252"), "\t")
    found = [column_of(path, names, column) for column in columns]
    return [tuple(row[column] or "" for column in found) for row in rows]


def unknown_sentences(texts: Iterable[str], without: str) -> list[str]:
    """The sentences of the texts that the task `without` does not hold, "n't" written as it writes it."""
    task = load_task(without)
    treebank = any(" n't" in row.text for row in task.train)  # SST-2 writes "n't" as a word of its own, MR does not
    found = chain.from_iterable(map(sentences, texts))
    written = (text if treebank else text.replace(" n't", "n't") for text in found)
    return unseen(written, letters_of(task), refuses(row.text for row in task.dev))


def parser() -> argparse.ArgumentParser:
    p = recipe_parser(__doc__)
    p.add_argument("reviews", type=Path)
    p.add_argument("--without", required=True, metavar="TASK")
    return p


def collect(options: argparse.Namespace) -> list[str]:
    return unknown_sentences((review for (review,) in reviews(options.reviews, "review")), options.without)


if __name__ == "__main__":
    sys.exit(lines_recipe(parser, collect, "sentences"))
