"""Sentences of film reviews as unlabelled text (`spikebert-train --corpus`), from IMDb's Large Movie Review Dataset.

    python recipes/imdb_sentences.py aclImdb --without data/sst2 data/sst5 data/mr data/subj -o imdb.txt.gz

aclImdb is the folder of the unpacked archive (Maas et al. 2011, "Learning Word Vectors for Sentiment Analysis",
https://ai.stanford.edu/~amaas/data/sentiment/). All its reviews are read, and none of its ratings. Sentences that
stand in a task of `--without`, be it its training or its dev part, are left out, as are repeats.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from recipe import lines_recipe, recipe_parser
from sentences import letters_of_tasks, sentences, unseen

from spikebert.core.errors import InputError

PARTS = ("test/neg", "test/pos", "train/neg", "train/pos", "train/unsup")


def reviews(folder: Path, parts: Sequence[str] = PARTS) -> Iterator[str]:
    for part in parts:
        paths = sorted((folder / part).glob("*_*.txt"))
        if not paths:
            raise InputError(f"{folder / part}: holds no reviews; give the folder of the unpacked archive")
        for path in paths:
            yield path.read_text("utf-8", errors="replace")


def parser() -> argparse.ArgumentParser:
    p = recipe_parser(__doc__)
    p.add_argument("folder", type=Path)
    p.add_argument("--without", nargs="*", default=[], metavar="TASK")
    return p


def collect(options: argparse.Namespace) -> list[str]:
    found = chain.from_iterable(map(sentences, reviews(options.folder)))
    return unseen(found, letters_of_tasks(options.without))


if __name__ == "__main__":
    sys.exit(lines_recipe(parser, collect, "sentences"))
