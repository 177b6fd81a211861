"""Augmentation as in Tang et al. 2019 (arXiv 1903.12136, section 3.3), which the paper uses in stage 2.

The new texts carry no label: the teacher's outputs are their only target.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import chain

from textblob.en import tag

MASK_SHARE = 0.1  # of the words become the mask token
REPLACE_SHARE = 0.1  # of the words become another word of the same part of speech
NGRAM_SHARE = 0.25  # of the texts are cut to one n-gram
NGRAM_LONGEST = 5


class Augmenter:
    """Makes new texts out of `texts`, with the words of these alone.

    Words are parted by spaces, and tagged by TextBlob's English tagger: texts of other languages keep their words
    together where they have no spaces, and what is replaced there need not be of the same part of speech. The two texts
    of a pair are altered each by itself.
    """

    def __init__(self, texts: Iterable[str], mask: str, seed: int, pairs: bool = False):
        self.mask, self.random = mask, random.Random(seed)
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        parts = (text.split("\t", 1) if pairs else [text] for text in texts)
        self.tagged = [[tag(part, tokenize=False) for part in text] for text in parts]
        for words in chain.from_iterable(self.tagged):
            for word, part in words:
                counts[part][word] += 1
        self.vocabulary = {part: (list(c), list(c.values())) for part, c in counts.items()}

    def texts(self, copies: int) -> list[str]:
        """Up to `copies` new texts of each; those that stand twice, or are not new, are left out."""
        known = {"\t".join(_joined(word for word, _ in words) for words in text) for text in self.tagged}
        made = ("\t".join(map(self._one, text)) for _ in range(copies) for text in self.tagged)
        return [text for text in dict.fromkeys(made) if text and text not in known]

    def _one(self, tagged: Sequence[tuple[str, str]]) -> str:
        words = [self._word(word, part) for word, part in tagged]
        if self.random.random() < NGRAM_SHARE:
            length = self.random.randint(1, NGRAM_LONGEST)
            start = self.random.randint(0, max(0, len(words) - length))
            words = words[start : start + length]
        return _joined(words)

    def _word(self, word: str, part: str) -> str:
        draw = self.random.random()
        if draw < MASK_SHARE:
            return self.mask
        if draw < MASK_SHARE + REPLACE_SHARE:
            words, counts = self.vocabulary[part]
            return self.random.choices(words, counts)[0]
        return word


def _joined(words: Iterable[str]) -> str:
    return " ".join(words)
