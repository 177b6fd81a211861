"""Sentences of different lengths as one matrix of tokens, without padding.

A batch (B, N) with its mask becomes M = sum of the lengths rows. All token-wise layers work on the rows, so padding
costs nothing and can change nothing; only attention needs the (B, N) form back.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Packing:
    """Where each of M packed token rows stands in a padded batch."""

    rows: Tensor  # (M,) int64: index into the flattened B · N
    lengths: Tensor  # (B,) int64
    batch: int
    width: int  # N of the padded batch

    @classmethod
    def from_mask(cls, mask: Tensor) -> Packing:
        """From an attention mask (B, N) of ones (tokens) and zeros (padding on the right)."""
        width = int(mask.sum(1).max())
        mask = mask[:, :width]
        return cls(mask.flatten().nonzero().squeeze(1), mask.sum(1), mask.shape[0], width)

    @property
    def positions(self) -> Tensor:
        """(M,) int64: the position of each token in its own sentence."""
        return self.rows % self.width

    @property
    def sentences(self) -> Tensor:
        """(M,) int64: the sentence that each token belongs to."""
        return self.rows // self.width

    def pack(self, padded: Tensor) -> Tensor:
        """(B, N, ...) → (M, ...)."""
        return padded[:, : self.width].flatten(0, 1)[self.rows]

    def pad(self, packed: Tensor) -> Tensor:
        """(T, M, D) → (T, B, N, D) with zeros, that is no spikes, on padding."""
        steps, _, features = packed.shape
        padded = packed.new_zeros(steps, self.batch * self.width, features)
        padded = padded.index_copy(1, self.rows, packed)
        return padded.view(steps, self.batch, self.width, features)

    def unpad(self, padded: Tensor) -> Tensor:
        """(T, B, N, D) → (T, M, D)."""
        return padded.flatten(1, 2).index_select(1, self.rows)

    def mean(self, packed: Tensor) -> Tensor:
        """(M, D) → (B, D): the mean over the tokens of each sentence."""
        total = packed.new_zeros(self.batch, packed.shape[1]).index_add(0, self.sentences, packed)
        return total / self.lengths.unsqueeze(1).to(torch.float32)


def segments(tokens: Tensor, separator: int) -> Tensor:
    """(B, N) ids → (B, N) int64: 1 behind a sentence's first separator, where the second text stands, 0 before.

    These are BERT's token types.
    """
    found = (tokens == separator).long()
    return (found.cumsum(1) > found).long()


def shared(tokens: Tensor, second: Tensor, lengths: Tensor) -> Tensor:
    """(B, N) ids → (B, N) int64: 1 where a token stands in the other text of its pair, too.

    Args:
        second: (B, N), the `segments`.
        lengths: (B,), which tell the padding: it shares nothing.
    """
    there = torch.arange(tokens.shape[1], device=tokens.device) < lengths[:, None]
    same = (tokens[:, :, None] == tokens[:, None, :]) & (second[:, :, None] != second[:, None, :]) & there[:, None, :]
    return same.any(2).long()
