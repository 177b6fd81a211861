"""Training texts of several tasks as unlabelled text (`spikebert-train --corpus`), for tasks that share a kind of text.

    python recipes/task_sentences.py data/sst2 data/sst5 data/mr data/subj --without data/sst2 -o near-sst2.txt.gz

No label is written. A text is left out that stands in the training or dev part of the task `--without`, which is the
one to train for, and one that contains a text of its dev part or is contained in one: these sets cut the same reviews
into different pieces.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from imdb_sentences import letters, letters_of, unseen, write_lines

from spikebert.core.errors import exit_cleanly
from spikebert.data.tasks import load_task

SHORT = 12  # letters; so few are contained in much without being a piece of it


def collect(tasks: list[str], without: str) -> list[str]:
    own = load_task(without)
    dev = {letters(row.text) for row in own.dev}
    texts = (row.text for task in map(load_task, tasks) for row in task.train)
    return unseen(texts, letters_of(own), lambda key: any(overlap(key, other) for other in dev))


def overlap(a: str, b: str) -> bool:
    return min(len(a), len(b)) >= SHORT and (a in b or b in a)


def main() -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("tasks", nargs="+")
    p.add_argument("--without", required=True, metavar="TASK")
    p.add_argument("-o", "--out", type=Path, required=True)
    options = p.parse_args()
    return exit_cleanly("task_sentences", lambda: run(options))


def run(options: argparse.Namespace) -> None:
    found = collect(options.tasks, options.without)
    write_lines(options.out, found)
    print(f"{options.out}: {len(found):,} texts")


if __name__ == "__main__":
    sys.exit(main())
