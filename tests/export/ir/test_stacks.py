"""Sentences of similar lengths as one array."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from export.ir import arithmetic
from export.ir.stacks import WASTE, stacks

some_lengths = st.lists(st.integers(1, 300), min_size=1, max_size=12)


@given(some_lengths)
def test_stacks_hold_each_token_once_and_in_order_with_little_beside(lengths):
    tokens = np.arange(2 * sum(lengths)).reshape(1, -1, 2)
    found = list(stacks(lengths))
    assert np.array_equal(np.concatenate([stack.rows_of(stack.of(tokens)) for stack in found], axis=1), tokens)
    assert np.concatenate([stack.lengths for stack in found]).tolist() == lengths
    assert all(np.prod(stack.shape) <= WASTE * stack.lengths.sum() for stack in found)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=6), st.integers(0, 99))
def test_sentences_in_one_stack_attend_only_to_themselves(lengths, seed):
    qkv = np.random.default_rng(seed).integers(0, 2, (2, sum(lengths), 3 * 12)).astype(np.uint8)
    together = arithmetic.attention(arithmetic.heads_of(qkv, lengths, 3), lengths)
    alone = [arithmetic.coincidences(part, 3) for part in np.split(qkv, np.cumsum(lengths)[:-1], 1)]
    assert np.array_equal(together, np.concatenate(alone, axis=1))
