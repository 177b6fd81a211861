"""Training texts of several tasks as unlabelled text (`spikebert-train --corpus`), for tasks that share a kind of text.

    python recipes/task_sentences.py data/sst2 data/sst5 data/mr data/subj --without data/sst2 -o near-sst2.txt.gz

No label is written. A text is left out that stands in the training or dev part of the task `--without`, which is the
one to train for, and one that contains a text of its dev part or is contained in one: these sets cut the same reviews
into different pieces.
"""

from __future__ import annotations

import argparse
import sys

from recipe import lines_recipe, recipe_parser
from sentences import letters, letters_of, overlap, unseen

from spikebert.data.tasks import load_task


def parser() -> argparse.ArgumentParser:
    p = recipe_parser(__doc__)
    p.add_argument("tasks", nargs="+")
    p.add_argument("--without", required=True, metavar="TASK")
    return p


def collect(options: argparse.Namespace) -> list[str]:
    own = load_task(options.without)
    dev = {letters(row.text) for row in own.dev}
    texts = (row.text for task in map(load_task, options.tasks) for row in task.train)
    return unseen(texts, letters_of(own), lambda key: any(overlap(key, other) for other in dev))


if __name__ == "__main__":
    sys.exit(lines_recipe(parser, collect, "texts"))
