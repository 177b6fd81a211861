r"""Film reviews with their ratings as a task for a teacher, from IMDb's Large Movie Review Dataset (Maas et al. 2011).

    python recipes/imdb_ratings.py aclImdb --without data/sst2 data/sst5 data/mr data/subj -o imdb-ratings
    spikebert-train teacher --task imdb-ratings --max-tokens 64 --teacher-epochs 1 --teacher-pooling mean \
        --out runs/imdb-teacher

A teacher that learned the ratings first is then fine-tuned for a smaller task of the same kind (`spikebert-train
teacher --teacher runs/imdb-teacher/model`), as Phang et al. 2018 ("Sentence Encoders on STILTs") do. A row is some
consecutive sentences of one review and that review's side, positive or negative; a review of aclImdb's `train` part
gives a row of train, one of its `test` part a row of dev. Sentences of the tasks `--without` are left out.
"""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path

from imdb_sentences import reviews
from recipe import recipe_parser, task_recipe
from sentences import letters, letters_of_tasks, sentences

WORDS = 40  # in a row, at most: about as long as the longest texts of a sentence task
EACH = 2  # passages of a review for training
DEV = 2000  # passages
LABELS = {"neg": "negative", "pos": "positive"}


def passages(review: str, known: set[str]) -> list[str]:
    """The review in pieces of consecutive sentences, each as many as WORDS holds."""
    pieces: list[list[str]] = [[]]
    for sentence in sentences(review):
        if letters(sentence) in known:
            continue
        words = sentence.split()
        if len(pieces[-1]) + len(words) > WORDS:
            pieces.append([])
        pieces[-1] += words
    return [" ".join(piece) for piece in pieces if piece]


def rows(folder: Path, part: str, known: set[str], each: int, draw: random.Random) -> list[str]:
    """`label<TAB>text` of `each` passages of every review, the last one among them: there a review sums up."""
    found = []
    for side, label in LABELS.items():
        for review in reviews(folder, (f"{part}/{side}",)):
            pieces = passages(review, known)
            chosen = pieces[-1:] + draw.sample(pieces[:-1], max(0, min(each - 1, len(pieces) - 1)))
            found += [f"{label}\t{piece}" for piece in chosen]
    draw.shuffle(found)
    return found


def parser() -> argparse.ArgumentParser:
    p = recipe_parser(__doc__)
    p.add_argument("folder", type=Path)
    p.add_argument("--without", nargs="*", default=[], metavar="TASK")
    return p


def parts(options: argparse.Namespace) -> tuple[list[str], list[str]]:
    known, draw = letters_of_tasks(options.without), random.Random(0)
    train = rows(options.folder, "train", known, EACH, draw)
    return train, rows(options.folder, "test", known, 1, draw)[:DEV]


if __name__ == "__main__":
    sys.exit(task_recipe(parser, parts))
