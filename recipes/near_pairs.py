"""Pairs of a task's own texts as unlabelled pairs (`spikebert-train --corpus`), for tasks of sentence pairs.

    python recipes/near_pairs.py data/glue/stsb -o pairs.txt.gz

A task of a few thousand pairs shows too few that lie between "the same" and "unlike". For each first text of the
training part this writes the second texts of other pairs that are most like it (by TF-IDF of words), one second text
drawn at random, and the text itself with some of its words left out. No label is written. Pairs that stand in the task
are left out, and no text of its dev part is used.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Iterator

from recipe import lines_recipe, recipe_parser
from sentences import letters_of, unseen
from sklearn.feature_extraction.text import TfidfVectorizer

from spikebert.core.errors import InputError
from spikebert.core.options import require_least
from spikebert.data.tasks import Task, load_task

TOGETHER = 1000  # first texts that are compared at once
KEPT = (0.3, 1.0)  # of the words of a copy, at least and at most


def near(firsts: list[str], seconds: list[str], count: int) -> Iterator[tuple[str, str]]:
    """Each first text with the `count` second texts that are most like it."""
    vectorizer = TfidfVectorizer(sublinear_tf=True).fit([*firsts, *seconds])
    columns = vectorizer.transform(seconds).T.tocsc()
    for start in range(0, len(firsts), TOGETHER):
        rows = firsts[start : start + TOGETHER]
        likeness = (vectorizer.transform(rows) @ columns).toarray()
        for first, order in zip(rows, (-likeness).argsort(1, kind="stable")[:, :count], strict=True):
            yield from ((first, seconds[k]) for k in order)


def shortened(text: str, draw: random.Random) -> str:
    """The text with some of its words left out, one at least kept."""
    words, share = text.split(), draw.uniform(*KEPT)
    return " ".join([word for word in words if draw.random() < share] or words[:1])


def pairs_of(task: Task, count: int) -> list[str]:
    """The new pairs of a task of pairs, `text<TAB>text`: `count` near ones for each first text, and two others."""
    if not task.pairs:
        raise InputError("the task has single texts; near pairs are made of the texts of pairs")
    draw = random.Random(0)
    parts = [row.text.split("\t") for row in task.train]
    firsts, seconds = (list(dict.fromkeys(part[side] for part in parts)) for side in (0, 1))
    pairs = [
        *near(firsts, seconds, count),
        *((first, draw.choice(seconds)) for first in firsts),
        *((first, shortened(first, draw)) for first in firsts),
    ]
    return unseen(map("\t".join, pairs), letters_of(task))


def parser() -> argparse.ArgumentParser:
    p = recipe_parser(__doc__)
    p.add_argument("task")
    p.add_argument(
        "--near", type=int, default=6, metavar="N", help="second texts for each first (default: %(default)s)"
    )
    return p


def collect(options: argparse.Namespace) -> list[str]:
    require_least(0, near=options.near)
    return pairs_of(load_task(options.task), options.near)


if __name__ == "__main__":
    sys.exit(lines_recipe(parser, collect, "pairs"))
