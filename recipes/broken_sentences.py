"""Sentences as they stand and sentences that were broken, as a task for a teacher that is to know grammar.

    python recipes/broken_sentences.py films.txt.gz --rows 60000 --without data/glue/cola -o broken
    spikebert-train teacher --task broken --max-tokens 48 --teacher-epochs 1 --teacher-pooling mean --out runs/grammar

A sentence encoder such as MiniLM is made to forget the order and the forms of words, which acceptability (CoLA) asks
for. Every second sentence of the file is broken in one place: a word is swapped with its neighbour, moved, left out,
repeated, put in another form that the file has (`walks`, `walked`), or a frequent word stands where another stood. No
label of another set is read. A teacher that learned to tell the two apart is then fine-tuned for the smaller task. Some
broken sentences are still good ones, so no teacher tells all apart. A text of the tasks `--without` is left out.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path

from recipe import divided, lenient_lines, recipe_parser, task_recipe
from sentences import letters_of_tasks, unseen

from spikebert.core.errors import InputError
from spikebert.core.options import require_least

WORDS = range(4, 19)  # in a sentence
FREQUENT = 120  # words that stand for others: they are those of grammar
ENDINGS = ("ing", "ed", "es", "ly", "er", "s", "d", "")  # of forms of one stem, the longer ones first
STEM = 3  # letters at least
BROKEN, WHOLE = "broken", "whole"


class Breaker:
    """Breaks a sentence in one place, by words that the other sentences have."""

    def __init__(self, sentences: Iterable[str], seed: int = 0):
        counts = Counter(word for sentence in sentences for word in sentence.split() if word.isalpha())
        self.frequent = [word for word, _ in counts.most_common(FREQUENT)]
        self.forms: dict[str, list[str]] = defaultdict(list)  # {stem: words}
        for word in counts:
            self.forms[stem(word)].append(word)
        self.draw = random.Random(seed)
        self.ways: tuple[Callable[[list[str]], list[str]], ...] = (
            self._swapped,
            self._moved,
            self._without,
            self._repeated,
            self._other_form,
            self._other_form,
            self._other_frequent,
            self._other_frequent,
        )

    def __call__(self, sentence: str) -> str | None:
        """The sentence, broken in one place; None where the way that was drawn changes nothing.

        The marks behind its last letter or digit stay there, be they joined to it or not.
        """
        end = max((i + 1 for i, letter in enumerate(sentence) if letter.isalnum()), default=0)
        words = sentence[:end].split()
        if len(words) < 2:
            return None
        broken = self.draw.choice(self.ways)(words)
        return None if broken == words else " ".join(broken) + sentence[end:]

    def _swapped(self, words: list[str]) -> list[str]:
        i = self.draw.randrange(len(words) - 1)
        return [*words[:i], words[i + 1], words[i], *words[i + 2 :]]

    def _moved(self, words: list[str]) -> list[str]:
        rest = list(words)
        word = rest.pop(self.draw.randrange(len(rest)))
        rest.insert(self.draw.randrange(len(rest) + 1), word)
        return rest

    def _without(self, words: list[str]) -> list[str]:
        i = self.draw.randrange(len(words))
        return words[:i] + words[i + 1 :]

    def _repeated(self, words: list[str]) -> list[str]:
        """A frequent word, or one of the sentence, once more."""
        i = self.draw.randrange(len(words) + 1)
        word = self.draw.choice([self.draw.choice(words), self.draw.choice(self.frequent or words)])
        return [*words[:i], word, *words[i:]]

    def _other_form(self, words: list[str]) -> list[str]:
        others = {i: [form for form in self.forms[stem(word)] if form != word] for i, word in enumerate(words)}
        return self._put(words, {i: forms for i, forms in others.items() if forms})

    def _other_frequent(self, words: list[str]) -> list[str]:
        return self._put(words, {i: self.frequent for i, word in enumerate(words) if word in self.frequent})

    def _put(self, words: list[str], choices: dict[int, list[str]]) -> list[str]:
        """One of the words that have choices replaced by one of these; as they are where none has."""
        if not choices:
            return words
        i = self.draw.choice(list(choices))
        return [*words[:i], self.draw.choice(choices[i]), *words[i + 1 :]]


def stem(word: str) -> str:
    """The word without its ending, where enough of it is left."""
    return next(
        word.removesuffix(end) for end in ENDINGS if (word.endswith(end) and len(word) - len(end) >= STEM) or not end
    )


def parser() -> argparse.ArgumentParser:
    p = recipe_parser(__doc__)
    p.add_argument("sentences", type=Path, help="one a line, gzipped or not")
    p.add_argument("--rows", type=int, default=60000, help="as many at most (default: %(default)s)")
    p.add_argument("--without", nargs="+", default=[], metavar="TASK")
    return p


def parts(options: argparse.Namespace) -> tuple[list[str], list[str]]:
    lines = (" ".join(line.split()) for line in lenient_lines(options.sentences, "utf-8"))
    fit = (line for line in lines if len(line.split()) in WORDS and line[:1].isupper())
    require_least(1, rows=options.rows)
    found = list(islice(unseen(fit, letters_of_tasks(options.without)), options.rows))
    if len(found) < len(WORDS):
        raise InputError(
            f"{options.sentences}: has {len(found)} sentences of {WORDS[0]} to {WORDS[-1]} words; give more"
        )
    broken = Breaker(found)
    rows = []
    for i, sentence in enumerate(found):
        other = broken(sentence) if i % 2 else None
        rows.append(f"{WHOLE}\t{sentence}" if other is None else f"{BROKEN}\t{other}")
    return divided(rows)


if __name__ == "__main__":
    sys.exit(task_recipe(parser, parts))
