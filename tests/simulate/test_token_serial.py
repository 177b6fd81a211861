"""Tokens one by one, with Kᵀ V in memory, give the spikes of all tokens at once."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export.ir import arithmetic
from simulate.fast import FastSimulator
from simulate.token_serial import TokenSerialSimulator, passes
from tests.random_graph import pairs_of_texts, random_graph


@pytest.mark.parametrize("norm", ["layer", "batch"])
@pytest.mark.parametrize("residual", ["spikes", "membrane"])
@pytest.mark.parametrize(("reset", "levels"), [("subtract", 1), ("zero", 1), ("zero", 3)])
def test_token_after_token_gives_every_spike_and_logit_of_the_fast_simulator(norm, residual, reset, levels):
    graph = random_graph(norm=norm, residual=residual, reset=reset, levels=levels)
    rng = np.random.default_rng(1)
    sentences = [rng.integers(0, 50, length) for length in (1, 7, 16)]
    serial, fast = TokenSerialSimulator(graph).run(sentences), FastSimulator(graph).run(sentences, record=True)
    assert np.array_equal(serial.logits, fast.logits)
    assert np.array_equal(serial.predictions, fast.predictions)
    for layer in graph.neurons:
        assert np.array_equal(serial.spikes[layer.name], fast.spikes[layer.name]), layer.name
        assert np.array_equal(serial.counts[layer.name], fast.counts[layer.name]), layer.name


@pytest.mark.parametrize("neighbours", [False, True])
def test_sentence_pairs_stream_like_single_texts(neighbours):
    graph, sentences = random_graph(separator=7, shared_words=1, neighbours=neighbours), pairs_of_texts(7)
    serial, fast = TokenSerialSimulator(graph).run(sentences), FastSimulator(graph).run(sentences, record=True)
    assert np.array_equal(serial.logits, fast.logits)
    assert all(np.array_equal(serial.spikes[name], train) for name, train in fast.spikes.items())


def test_a_sentence_streams_once_more_than_there_are_attentions():
    parts = passes(random_graph(blocks=3))
    assert len(parts) == 4
    assert [part.filled and part.filled.name for part in parts] == [
        "blocks.0.attention.coincidences",
        "blocks.1.attention.coincidences",
        "blocks.2.attention.coincidences",
        None,
    ]


def test_queries_and_the_residual_stream_are_all_that_waits():
    assert passes(random_graph(blocks=2))[2].waiting == ("blocks.1.attention.qkv.lif", "blocks.0.mlp.add")


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.integers(1, 20), st.integers(1, 3), st.integers(1, 4))
def test_the_memory_of_a_sentence_is_the_sum_of_its_tokens_memories(seed, tokens, heads, width):
    rng = np.random.default_rng(seed)
    qkv = rng.integers(0, 2, (2, tokens, 3 * heads * width)).astype(np.float32)
    terms = sum(arithmetic.memory(qkv[:, [n]], heads) for n in range(tokens))
    assert np.array_equal(terms, arithmetic.memory(qkv, heads))
    assert np.array_equal(arithmetic.recall(qkv, terms), arithmetic.coincidences(qkv, heads))
