"""Sentences of similar lengths as one array, so that what is done within each is done for all of them by one call.

A shorter sentence ends in tokens without spikes. They meet nothing: no coincidence comes of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

WASTE = 1.25  # token slots for each token, at most


@dataclass(frozen=True)
class Stack:
    """B sentences next to each other, the longest of N tokens.

    rows: their tokens among the M of all sentences.
    lengths: (B,), their tokens.
    """

    rows: slice
    lengths: NDArray[np.int64]

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.lengths), int(self.lengths.max())

    @property
    def real(self) -> NDArray[np.bool_]:
        """(B, N): the slots that hold a token."""
        return np.arange(self.lengths.max()) < self.lengths[:, None]

    def of(self, x: NDArray) -> NDArray:
        """The rows of (S, M, D) that are theirs, as (S, B, N, D)."""
        if self.lengths.min() == self.lengths.max():
            return x[:, self.rows].reshape(len(x), *self.shape, -1)
        stacked = np.zeros((len(x), *self.shape, x.shape[-1]), x.dtype)
        stacked[:, self.real] = x[:, self.rows]
        return stacked

    def rows_of(self, stacked: NDArray) -> NDArray:
        """The tokens of (S, B, N, D) one after the other: (S, rows, D)."""
        if self.lengths.min() == self.lengths.max():
            return stacked.reshape(len(stacked), -1, stacked.shape[-1])
        return stacked[:, self.real]


def stacks(lengths: Sequence[int]) -> Iterator[Stack]:
    """All sentences, in their order, in as few stacks as WASTE allows."""
    first = row = 0
    while first < len(lengths):
        behind, tokens, longest = first, 0, 0
        while behind < len(lengths):
            longest_then = max(longest, lengths[behind])
            if longest_then * (behind + 1 - first) > WASTE * (tokens + lengths[behind]):
                break
            tokens, longest, behind = tokens + lengths[behind], longest_then, behind + 1
        yield Stack(slice(row, row + tokens), np.asarray(lengths[first:behind]))
        first, row = behind, row + tokens
