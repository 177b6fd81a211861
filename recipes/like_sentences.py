"""The lines of a corpus that read most like a task's texts, for `spikebert-train --corpus`.

    python recipes/like_sentences.py imdb.txt.gz --task data/mr --keep 0.25 -o imdb-mr.txt.gz

Lines are ranked by the difference of their cross entropies, a word, under a model of word pairs of the task's training
texts and under one of the corpus (Moore and Lewis 2010, "Intelligent Selection of Language Model Training Data"). No
label is read, and no text of `dev`.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from math import log

from recipe import recipe, recipe_parser, write_lines

from spikebert.core.errors import InputError
from spikebert.core.files import require_apart, require_file, require_folder_of
from spikebert.data.lines import read_lines
from spikebert.data.tasks import load_task

WORD = re.compile(r"[a-z]+(?:'[a-z]+)?|[^\sa-z]")
START, END = "<s>", "</s>"
SAMPLE = 100_000  # lines that the corpus is modelled by
PRIOR = 20.0  # how many occurrences of a word its frequency alone is worth, against what was seen to follow it


class WordPairs:
    """Probabilities of a word behind another, smoothed with those of the word."""

    def __init__(self, texts: Iterable[str]):
        self.words, self.pairs, self.before = Counter[str](), Counter[tuple[str, str]](), Counter[str]()
        for text in texts:
            words = split(text)
            self.words.update(words[1:])
            self.before.update(words[:-1])
            self.pairs.update(pairwise(words))
        self.total = self.words.total() + 0.5 * len(self.words)

    def __call__(self, before: str, word: str) -> float:
        alone = (self.words[word] + 0.5) / self.total
        return (self.pairs[before, word] + PRIOR * alone) / (self.before[before] + PRIOR)


def split(text: str) -> list[str]:
    return [START, *WORD.findall(text.lower()), END]


def likeness(text: str, task: WordPairs, corpus: WordPairs) -> float:
    """Nats a word by which the task's model foretells a text better than the corpus's."""
    words = split(text)
    steps = list(pairwise(words))
    return sum(log(task(*step) / corpus(*step)) for step in steps) / len(steps)


def select(lines: list[str], texts: Iterable[str], keep: float) -> list[str]:
    """The share `keep` of the lines, in their order."""
    task = WordPairs(texts)
    corpus = WordPairs(random.Random(0).sample(lines, min(SAMPLE, len(lines))))
    scores = [likeness(line, task, corpus) for line in lines]
    ranked = sorted(range(len(lines)), key=scores.__getitem__, reverse=True)
    return [lines[i] for i in sorted(ranked[: round(keep * len(lines))])]


def parser() -> argparse.ArgumentParser:
    p = recipe_parser(__doc__)
    p.add_argument("corpus")
    p.add_argument("--task", required=True)
    p.add_argument("--keep", type=float, default=0.25, help="share of the lines (default: %(default)s)")
    return p


def run(options: argparse.Namespace) -> None:
    if not 0 < options.keep <= 1:
        raise InputError(f"--keep {options.keep}: must lie in (0, 1]")
    require_folder_of(options.out, "-o")
    require_apart(options.out, "-o", options.corpus)
    lines = [line for _, line in read_lines(require_file(options.corpus, "corpus"))]
    found = select(lines, (row.text for row in load_task(options.task).train), options.keep)
    write_lines(options.out, found)
    print(f"{options.out}: {len(found):,} of {len(lines):,} lines")


if __name__ == "__main__":
    sys.exit(recipe(parser, run))
