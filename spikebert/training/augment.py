"""Augmentation as in Tang et al. 2019 (arXiv 1903.12136, section 3.3), which the paper uses in stage 2.

The new texts carry no label: the teacher's outputs are their only target.
"""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import NamedTuple

from textblob.en import tag

MASK_SHARE = 0.1  # of the words become the mask token
REPLACE_SHARE = 0.1  # of the words become another word of the same part of speech
NGRAM_SHARE = 0.25  # of the texts are cut to one n-gram
NGRAM_LONGEST = 5
# Scripts that put no space between words: Thai to Lao, Burmese, Khmer, kana, Chinese characters.
SPACELESS = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+")
Cut = Callable[[Sequence[str]], list[list[str]]]


class Word(NamedTuple):
    text: str
    part: str  # of speech; "" where no tagger knows the language
    apart: bool  # whether a space stands before it


class Augmenter:
    """Makes new texts out of `texts`, with the words of these alone.

    Words are parted by spaces, and tagged by TextBlob's English tagger: in other languages, what is replaced need not
    be of the same part of speech. Where a script has no spaces, `cut` parts its runs; without it each is one word. The
    two texts of a pair are altered each by itself.
    """

    def __init__(self, texts: Iterable[str], mask: str, seed: int, pairs: bool = False, cut: Cut | None = None):
        self.mask, self.random = mask, random.Random(seed)
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        parts = [text.split("\t", 1) if pairs else [text] for text in texts]
        runs = list(dict.fromkeys(run for part in chain.from_iterable(parts) for run in SPACELESS.findall(part)))
        pieces = dict(zip(runs, cut(runs), strict=True)) if cut and runs else {}
        self.words = [[_words(part, pieces) for part in text] for text in parts]
        for words in chain.from_iterable(self.words):
            for word in words:
                counts[word.part][word.text] += 1
        self.vocabulary = {part: (list(c), list(c.values())) for part, c in counts.items()}

    def texts(self, copies: int) -> list[str]:
        """Up to `copies` new texts of each; those that stand twice, or are not new, are left out."""
        known = {"\t".join(map(_joined, text)) for text in self.words}
        made = ("\t".join(map(self._one, text)) for _ in range(copies) for text in self.words)
        return [text for text in dict.fromkeys(made) if text and text not in known]

    def _one(self, words: Sequence[Word]) -> str:
        words = [word._replace(text=self._text(word)) for word in words]
        if self.random.random() < NGRAM_SHARE:
            length = self.random.randint(1, NGRAM_LONGEST)
            start = self.random.randint(0, max(0, len(words) - length))
            words = words[start : start + length]
        return _joined(words)

    def _text(self, word: Word) -> str:
        draw = self.random.random()
        if draw < MASK_SHARE:
            return self.mask
        if draw < MASK_SHARE + REPLACE_SHARE:
            words, counts = self.vocabulary[word.part]
            return self.random.choices(words, counts)[0]
        return word.text


def _words(text: str, pieces: dict[str, list[str]]) -> list[Word]:
    """The words of a text; the `pieces` of a run of a script without spaces are words, too."""
    found = []
    for word, part in tag(text, tokenize=False):
        if not pieces or not SPACELESS.search(word):
            found.append(Word(word, part, True))
            continue
        others, runs = SPACELESS.split(word), SPACELESS.findall(word)  # in turns, beginning and ending with others
        cut = [(others[0], part)]
        for run, other in zip(runs, others[1:], strict=True):
            cut += [*((piece, "") for piece in pieces[run]), (other, part)]
        cut = [(piece, of) for piece, of in cut if piece]
        found += [Word(piece, of, not place) for place, (piece, of) in enumerate(cut)]
    return found


def _joined(words: Iterable[Word]) -> str:
    return "".join(f" {word.text}" if word.apart else word.text for word in words).strip()
