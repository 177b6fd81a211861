"""From texts to token ids with a tokenizer that came in a file: whatever it holds, its work ends, in bounded memory.

A tokenizer of the `tokenizers` library can be a regular expression that backtracks for years, replacements that double
a text again and again, or something at which the library panics. It therefore works in a child process (`bounded`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from spikebert.core.bounded import results
from spikebert.core.errors import InputError

LONGEST = 2**20  # characters of a text
TOGETHER = 2**20  # characters that are tokenised at once, since the library keeps far more than ids of each token
SECONDS = 8  # of computing for a tokenizer itself
SPEED = 50_000  # characters a second that it must then manage: a twentieth of what honest ones do

Text = str | tuple[str, str]


class Tokens(NamedTuple):
    """The ids (N,) int64 of a text, of which no more than asked for are kept; and how many there are."""

    ids: NDArray[np.int64]
    count: int


def require_loadable(tokenizer: str, what: str) -> None:
    """An InputError that begins with `what` if the JSON text of a tokenizer cannot be loaded."""

    def load() -> Iterator[bytes]:
        Tokenizer.from_str(tokenizer)
        yield b""

    list(results(load, what, SECONDS))


def token_ids(tokenizer: str, texts: Sequence[Text], most: int, truncate: bool, what: str) -> list[Tokens]:
    """The tokens of each text.

    Args:
        tokenizer: the JSON text of a tokenizer.
        texts: a pair of texts is two of them.
        most: tokens of a text to keep, or with `truncate` to cut it to, as the tokenizer does that.
        what: the beginning of a message about the tokenizer.
    Raises:
        InputError: the tokenizer cannot be loaded, fails, or takes more time or memory than is good for it.
    """

    def work() -> Iterator[bytes]:
        made = Tokenizer.from_str(tokenizer)
        made.no_padding()
        made.enable_truncation(most) if truncate else made.no_truncation()
        for part in _parts(texts):
            ids = [encoding.ids for encoding in made.encode_batch_fast(part)]
            counts = [[len(row), min(len(row), most)] for row in ids]
            yield np.array(counts, np.int64).tobytes()
            yield np.array([token for row in ids for token in row[:most]], np.int64).tobytes()

    seconds = SECONDS + sum(map(characters, texts)) // SPEED
    found, received = [], results(work, what, seconds)
    for counts in received:
        lengths = np.frombuffer(counts, np.int64).reshape(-1, 2)
        ids = np.frombuffer(next(received), np.int64)
        kept = np.split(ids, np.cumsum(lengths[:-1, 1]))
        found += [Tokens(*row) for row in zip(kept, lengths[:, 0].tolist(), strict=True)]
    return found


def require_bearable(text: Text, where: str) -> None:
    """An InputError if a text is longer than any that is tokenised."""
    if characters(text) > LONGEST:
        raise InputError(
            f"{where}: the text has {characters(text):,} characters, and {LONGEST:,} are the most; split or shorten it"
        )


def characters(text: Text) -> int:
    return len(text) if isinstance(text, str) else sum(map(len, text))


def _parts(texts: Sequence[Text]) -> Iterator[list[Text]]:
    """The texts in runs of TOGETHER characters each, or a little more."""
    part, size = [], 0
    for text in texts:
        part.append(text)
        size += characters(text) + 1
        if size >= TOGETHER:
            yield part
            part, size = [], 0
    if part:
        yield part
