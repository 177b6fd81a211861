"""Sentences, and which of them a task holds already: what the recipes that leave out a task's own texts share."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Iterator

from spikebert.data.tasks import Task, load_task

WORDS = range(5, 41)  # in a sentence: shorter ones say little, longer ones are mostly several that no full stop parts
SENTENCE_END = re.compile(r"(?<=[.!?])[\"')]*\s+(?=[A-Z\"'(])")
LINE_BREAK = re.compile(r"<br\s*/?>")
NEGATION = re.compile(r"n't\b", re.IGNORECASE)
SHORT = 12  # letters; so few are contained in much without being a piece of it
RUN = 25  # letters, some five words


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


def letters_of_tasks(tasks: Iterable[str]) -> set[str]:
    """Of all texts of the tasks of these names, and those of no text at all."""
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


def overlap(a: str, b: str) -> bool:
    """Whether the letters of one text, if they are SHORT or more, are a part of the other's."""
    return min(len(a), len(b)) >= SHORT and (a in b or b in a)


def refuses(dev: Iterable[str]) -> Callable[[str], bool]:
    """Tells of a sentence's letters whether they share a run with a text of `dev`, or one is part of the other."""
    keys = [letters(text) for text in dev]
    short = [key for key in keys if len(key) < RUN]
    taboo = set().union(*map(_runs, keys))

    def refused(key: str) -> bool:
        others = keys if len(key) < RUN else short
        return not taboo.isdisjoint(_runs(key)) or any(overlap(key, other) for other in others)

    return refused


def _runs(key: str) -> set[str]:
    return {key[i : i + RUN] for i in range(len(key) - RUN + 1)}
