"""Sentences grouped into batches of packed tokens, so that time and memory follow the tokens and nothing is padded."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Tokens = NDArray[np.signedinteger]  # (N,) token ids of one sentence


def batches(sentences: Sequence[Tokens], rows: int) -> list[list[int]]:
    """The indices of the sentences, in order, in groups of at most `rows` tokens (a longer sentence stands alone)."""
    groups: list[list[int]] = []
    room = 0
    for index, tokens in enumerate(sentences):
        if len(tokens) > room:
            groups.append([])
            room = rows
        groups[-1].append(index)
        room -= len(tokens)
    return groups


def by_length(sentences: Sequence[Tokens], rows: int) -> list[list[int]]:
    """`batches` of the sentences in the order of their lengths: those of a batch are about as long."""
    order = sorted(range(len(sentences)), key=lambda i: len(sentences[i]))
    return [[order[i] for i in group] for group in batches([sentences[i] for i in order], rows)]
