"""Critics' film reviews with their marks, fresh or rotten, as a task for a teacher, from pages of Rotten Tomatoes.

    python recipes/critics_marks.py rt.reviews.tsv.gz --without data/sst2 data/sst5 data/mr -o critics-marks
    spikebert-train teacher --task critics-marks --max-tokens 64 --teacher-epochs 1 --teacher-pooling mean \
        --out runs/critics-teacher

`critics_sentences.py` tells what rt.reviews.tsv.gz is. A teacher that learned the marks first is then fine-tuned for a
smaller task of the same kind (`spikebert-train teacher --teacher runs/critics-teacher/model`), as Phang et al. 2018
("Sentence Encoders on STILTs") do. A row is the sentences of one excerpt. A sentence that has a run of 25 letters in
common with a dev text of the tasks `--without`, or that stands in one of these tasks, is left out. Every second row
writes "n't" as a word of its own, as SST-2 does and MR does not.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from critics_sentences import reviews
from recipe import divided, recipe_parser, task_recipe
from sentences import letters, letters_of_tasks, refuses, sentences, unseen

from spikebert.data.tasks import load_task

MARKS = ("rotten", "fresh")


def rows(marked: Iterable[tuple[str, ...]], known: set[str], refused: Callable[[str], bool]) -> Iterator[str]:
    """`mark<TAB>text` of each excerpt that has a mark and a sentence that may be read."""
    for mark, review in marked:
        keys = {sentence: letters(sentence) for sentence in sentences(review)}
        kept = [sentence for sentence, key in keys.items() if key not in known and not refused(key)]
        if mark in MARKS and kept:
            yield f"{mark}\t{' '.join(kept)}"


def parser() -> argparse.ArgumentParser:
    p = recipe_parser(__doc__)
    p.add_argument("reviews", type=Path)
    p.add_argument("--without", nargs="+", required=True, metavar="TASK")
    return p


def parts(options: argparse.Namespace) -> tuple[list[str], list[str]]:
    dev = [row.text for task in map(load_task, options.without) for row in task.dev]
    marked = reviews(options.reviews, "fresh", "review")
    found = unseen(rows(marked, letters_of_tasks(options.without), refuses(dev)), {""})
    found[::2] = [row.replace(" n't", "n't") for row in found[::2]]
    return divided(found)


if __name__ == "__main__":
    sys.exit(task_recipe(parser, parts))
