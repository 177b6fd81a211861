"""Every tally against plain Python integers, in each dtype that activity comes in, at widths beyond 256."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export.ir.graph import LIF, Add, Attention
from export.runtime import tally
from simulate.fast import FastSimulator
from tests.random_graph import random_graph

DTYPES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"]
ZERO = np.zeros(1, np.int32)


def neurons(width):
    return LIF("neurons", ("x",), width, np.ones(1, np.int32), 0, ZERO, "zero")


@st.composite
def activities(draw, widths, most=1):
    """(values (S, M, D) in some dtype, lengths): from silent to all at the most, in widths on both sides of 256."""
    lengths = draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))
    shape = (draw(st.integers(1, 3)), sum(lengths), draw(widths))
    rng, rate = np.random.default_rng(draw(st.integers(0, 2**32))), draw(st.sampled_from([0.0, 0.3, 0.9, 1.0]))
    dtype = draw(st.sampled_from(DTYPES if most == 1 else DTYPES[1:]))
    return ((rng.random(shape) < rate) * rng.integers(1, most + 1, shape)).astype(dtype), lengths


def per_sentence(values, lengths, count):
    """(B, S) of `count` (an element → a Python integer), one element at a time."""
    parts = np.split(values, np.cumsum(lengths)[:-1], axis=1)
    return [[sum(count(int(v)) for row in step.tolist() for v in row) for step in part] for part in parts]


WIDE = st.sampled_from([1, 2, 255, 256, 257, 300, 515, 1024])


@given(activities(WIDE))
@settings(max_examples=80)
def test_the_spikes_of_a_layer_are_counted_in_any_dtype(case):
    values, lengths = case
    (counts,) = tally.tally(neurons(values.shape[2]), [], values, lengths).values()
    assert counts.dtype == np.int64
    assert counts.tolist() == per_sentence(values, lengths, int)


@given(activities(WIDE, most=100))
@settings(max_examples=60)
def test_the_events_of_a_stream_are_counted_in_any_dtype(case):
    values, lengths = case
    events, graded = tally.tally(Add("stream", ("a", "b"), values.shape[2]), [], values, lengths).values()
    assert events.tolist() == per_sentence(values, lengths, lambda v: int(v > 0))
    assert graded.tolist() == per_sentence(values, lengths, lambda v: int(v > 1))


@given(activities(st.sampled_from([3, 64, 300])), st.integers(1, 200))
@settings(max_examples=40)
def test_the_spikes_of_each_neuron_are_counted_in_any_dtype(case, repeats):
    values = np.repeat(case[0], repeats, axis=0)  # many rows: a neuron fires more than 256 times
    expected = [sum(column) for column in zip(*values.reshape(-1, values.shape[2]).astype(int).tolist(), strict=True)]
    assert tally.per_neuron(tally.firings(values, case[1])).tolist() == expected


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_a_neuron_that_fires_more_often_than_float32_can_count_is_counted(dtype):
    rows = np.broadcast_to(np.ones(1, dtype), (1, 2**24 + 3, 1))
    assert tally.per_neuron(tally.firings(rows, [2**24 + 3])).tolist() == [2**24 + 3]


@pytest.mark.parametrize(("norm", "levels"), [("batch", 1), ("layer", 1), ("batch", 3)])
def test_the_counts_of_recorded_spikes_are_those_of_the_run(norm, levels):
    graph = random_graph(width=384, blocks=1, norm=norm, reset="zero", levels=levels)
    sentences = [np.random.default_rng(n).integers(0, 50, n) for n in (5, 1, 7)]
    result = FastSimulator(graph).run(sentences, record=True)
    found = tally.tally_spikes(graph, result.spikes or {}, [5, 1, 7])
    assert list(found) == list(result.counts)
    assert all(np.array_equal(found[key], rows) for key, rows in result.counts.items())


def test_a_stream_of_more_layers_than_uint8_counts_is_counted():
    graph = random_graph(width=3, heads=1, blocks=130, norm="batch", reset="zero", steps=1)
    spikes = {node.name: np.ones((1, 2, node.width), np.uint8) for node in graph.neurons}
    found = tally.tally_spikes(graph, spikes, [2])
    assert found["blocks.129.mlp.add"].tolist() == [[6]] == found["blocks.127.attention.add"].tolist()  # 256 layers


@given(activities(st.sampled_from([3, 9, 3 * 257])), st.booleans())
@settings(max_examples=25)
def test_coincidences_are_counted_in_any_dtype(case, split):
    values, lengths = case
    width = values.shape[2] // 3
    heads = 3 if split and width % 3 == 0 else 1
    found = tally.tally(Attention("a", ("qkv",), width, heads), [values], values, lengths)
    parts = np.split(values, np.cumsum(lengths)[:-1], axis=1)
    expected = [[meetings(step.astype(int), width, heads) for step in part] for part in parts]
    for i, key in enumerate(tally.COINCIDENCES):
        assert found[f"a:{key}"].tolist() == [[step[i] for step in part] for part in expected], key


def meetings(qkv, width, heads):
    """COINCIDENCES of one sentence and step (N, 3 D), in Python integers."""
    size, total = width // heads, [0] * 5
    for h in range(heads):
        q, k, v = (qkv[:, p * width + h * size :][:, :size].tolist() for p in range(3))
        pairs = [[sum(a * b for a, b in zip(x, y, strict=True)) for y in k] for x in q]
        met = [[sum(a[d] * b[e] for a, b in zip(k, v, strict=True)) for e in range(size)] for d in range(size)]
        spikes = [sum(row) for row in v]
        total[0] += sum(map(sum, pairs))
        total[1] += sum(n for row in pairs for pair, n in zip(row, spikes, strict=True) if pair)
        total[2] += sum(map(sum, met))
        total[3] += sum(sum(x[d] for x in q) for d in range(size) for cell in met[d] if cell)
        total[4] += sum(pair * n for row in pairs for pair, n in zip(row, spikes, strict=True))
    return total
