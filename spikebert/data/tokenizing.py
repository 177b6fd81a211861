"""From texts to token ids with a tokenizer that came in a file: whatever it holds, its work ends, in bounded memory.

A tokenizer of the `tokenizers` library can be a regular expression that backtracks for years, replacements that double
a text again and again, or something at which the library panics. It therefore works in a child process (`bounded`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
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
    number: int


def require_loadable(tokenizer: str, what: str) -> None:
    """An InputError that begins with `what` if the JSON text of a tokenizer cannot be loaded."""

    def load() -> Iterator[bytes]:
        Tokenizer.from_str(tokenizer)
        yield b""

    list(results(load, what, SECONDS))


def of_any_length(tokenizer: str) -> str:
    """The JSON text of a tokenizer without its truncation and its padding, which no reader of a file expects."""
    fields = json.loads(tokenizer)
    if not fields.get("truncation") and not fields.get("padding"):
        return tokenizer
    return json.dumps({**fields, "truncation": None, "padding": None}, ensure_ascii=False)


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
            yield from _packed([[len(row), *row[:most]] for row in ids])

    return [Tokens(row[1:], int(row[0])) for row in _rows(work, texts, what)]


def cut_at_tokens(tokenizer: str, texts: Sequence[str], what: str) -> list[list[str]]:
    """Each text in pieces, of which one begins wherever a token begins; nothing of it is lost.

    Args and raises as `token_ids`.
    """

    def work() -> Iterator[bytes]:
        made = Tokenizer.from_str(tokenizer)
        made.no_padding()
        made.no_truncation()
        for part in _parts(texts):
            found = made.encode_batch(part, add_special_tokens=False)
            yield from _packed([sorted({0, *(start for start, _ in encoding.offsets)}) for encoding in found])

    starts = (row.tolist() for row in _rows(work, texts, what))
    return [
        [text[start:end] for start, end in pairwise([*places, len(text)])]
        for text, places in zip(texts, starts, strict=True)
    ]


def _packed(rows: Sequence[Sequence[int]]) -> Iterator[bytes]:
    yield np.array([len(row) for row in rows], np.int64).tobytes()
    yield np.array([value for row in rows for value in row], np.int64).tobytes()


def _rows(work: Callable[[], Iterator[bytes]], texts: Sequence[Text], what: str) -> Iterator[NDArray[np.int64]]:
    """What `work` packs in a child process, which gets the time that these texts may take."""
    received = results(work, what, SECONDS + sum(map(characters, texts)) // SPEED)
    for lengths in received:
        values = np.frombuffer(next(received), np.int64)
        yield from np.split(values, np.cumsum(np.frombuffer(lengths, np.int64)[:-1]))


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
