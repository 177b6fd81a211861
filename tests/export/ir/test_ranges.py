"""The worst-case bounds: nothing leaves them, they can be reached, and what is too large is refused by name."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export.ir import arithmetic
from export.ir.graph import LIF, Add, Attention, LayerNorm, Linear, Readout
from export.ir.ranges import check_ranges, output_bounds
from spikebert.core.errors import InputError
from tests.export import naive
from tests.random_graph import random_graph

ONE = np.ones(1)


def with_node(graph, name, **changes):
    nodes = tuple(dataclasses.replace(n, **changes) if n.name == name else n for n in graph)
    return dataclasses.replace(graph, nodes=nodes)


def extreme(graph, seed):
    """The graph with the parameters of neurons and norms anywhere in their range, so that all fire, or none."""
    rng = np.random.default_rng(seed)

    def change(node):
        if isinstance(node, LIF):
            threshold = rng.integers(1, 2 ** rng.integers(1, 23), node.size).astype(np.int32)
            bias = rng.integers(-(2**20), 2**20, node.size).astype(np.int32)
            return dataclasses.replace(node, threshold=threshold, bias=bias, decay=int(rng.integers(0, 4097)))
        if isinstance(node, LayerNorm):
            gain = rng.integers(-(2**15), 2**15, node.width).astype(np.int16)
            return dataclasses.replace(node, gain=gain, epsilon=0)
        return node

    return dataclasses.replace(graph, nodes=tuple(map(change, graph)))


@given(
    st.integers(0, 10**6),
    st.sampled_from(["layer", "batch"]),
    st.sampled_from(["subtract", "zero"]),
    st.booleans(),
    st.booleans(),
    st.lists(st.integers(0, 8), min_size=1, max_size=6),
)
@settings(max_examples=30)
def test_no_value_leaves_its_worst_case_bound(seed, norm, reset, wild, neighbours, tokens):
    shape = dict(norm=norm, reset=reset, steps=3, vocabulary=9, max_tokens=6, neighbours=neighbours)
    graph = random_graph(seed, 6, 2, blocks=1, **shape)
    graph = extreme(graph, seed) if wild else graph
    bounds = output_bounds(graph)
    logits, outputs = naive.run(graph, tokens)
    for name, values in outputs.items():
        assert np.abs(np.array(values, object)).max() <= bounds[name], name
    assert max(map(abs, logits)) <= bounds["readout"]


def test_the_bound_of_an_embedding_is_reached_by_the_largest_of_each_table():
    graph = random_graph(width=2, heads=1, neighbours=True)
    tables = {name: np.full_like(table, -100) for name, table in graph.nodes[0].arrays.items() if name != "scale"}
    full = with_node(graph, "embeddings.word", **tables)
    outputs = naive.run(full, [1, 2, 3])[1]["embeddings.word"]
    assert output_bounds(full)["embeddings.word"] == 300 == -min(min(row) for row in outputs[0])


@given(st.integers(0, 999), st.integers(1, 2**30), st.booleans())
def test_the_bound_of_a_product_is_reached_by_the_worst_input(seed, largest, biased):
    rng = np.random.default_rng(seed)
    weight = rng.integers(-128, 128, (4, 5)).astype(np.int8)
    bias = rng.integers(-(2**31), 2**31, 4).astype(np.int32) if biased else None
    reached = 0
    for row in weight.astype(int):
        for sign in (1, -1):
            x = (np.where(row < 0, -1, 1) * sign * largest).tolist()
            y = naive.linear(x, weight.tolist(), None if bias is None else bias.tolist())
            reached = max(reached, *map(abs, y))
    assert arithmetic.linear_bound(weight, bias, largest) == reached


def test_the_bound_of_a_product_does_not_overflow_itself():
    weight = np.full((1, 1000), -128, np.int8)
    assert arithmetic.linear_bound(weight, None, 2**62) == 128_000 * 2**62


@given(st.integers(2, 700), st.integers(-(2**15), 2**15 - 1), st.integers(1, 2**20), st.integers(0, 1))
def test_the_bound_of_a_layer_norm_holds_for_one_feature_alone(width, gain, value, sign):
    # A single feature that differs lies sqrt(n - 1) standard deviations from the mean: no row has a larger one.
    value = min(value, 2**31 // width - 1)
    x = [0] * (width - 1) + [value if sign else -value]
    gains, bias = np.full(width, gain, np.int16), np.zeros(width, np.int32)
    bound = arithmetic.norm_bound(gains, bias)
    reached = max(map(abs, naive.layer_norm(x, gains.tolist(), bias.tolist(), 0)))
    assert reached <= bound
    # The bound is not idle either: it is off by the roundings and by sqrt(n) - sqrt(n - 1) alone.
    assert bound - reached <= 2 + abs(gain) / 16 * (np.sqrt(width) - np.sqrt(width - 1) + 2**-12)


def test_the_bound_of_attention_is_reached_where_all_spike():
    graph = random_graph(width=6, heads=2, max_tokens=5)
    counts = arithmetic.coincidences(np.ones((1, 5, 18), np.float32), 2)
    assert output_bounds(graph)["blocks.0.attention.coincidences"] == counts.max() == 15


def test_attention_of_graded_inputs_is_bounded_by_their_cube():
    graph = random_graph(width=6, heads=2, max_tokens=5)
    wide = Linear("wide", ("embeddings.lif",), np.ones((18, 6), np.int8), None, 8, ONE)  # up to 6
    node = Attention("graded", ("wide",), 6, 2)
    bounds = output_bounds(dataclasses.replace(graph, nodes=(*graph.nodes[:3], wide, node)))
    counts = arithmetic.coincidences(np.full((1, 5, 18), 6, np.float32), 2)
    assert bounds["graded"] == counts.max()


@pytest.mark.parametrize("norm", ["layer", "batch"])
def test_a_random_graph_of_base_width_is_within_every_range(norm):
    check_ranges(random_graph(width=768, heads=12, blocks=1, norm=norm, hidden=3072, max_tokens=256))


def test_a_product_beyond_32_bits_is_refused_by_name():
    graph = with_node(random_graph(), "blocks.1.mlp.up.linear", bias=np.full(24, 2**31 - 1, np.int32))
    with pytest.raises(InputError, match=r"layer blocks\.1\.mlp\.up\.linear: .* beyond 32 bits"):
        check_ranges(graph)


def test_a_layer_norm_whose_variance_could_overflow_is_refused_by_name():
    graph = with_node(random_graph(), "blocks.0.mlp.up.linear", bias=np.full(24, 2**27, np.int32))
    with pytest.raises(InputError, match=r"layer blocks\.0\.mlp\.up\.norm: .* 63-bit variance"):
        check_ranges(graph)


def test_a_threshold_beyond_the_state_is_refused_by_name():
    graph = with_node(random_graph(), "embeddings.lif", threshold=np.array([2**23], np.int32))
    with pytest.raises(InputError, match=r"layer embeddings\.lif: threshold 8388608 is beyond the 24-bit state"):
        check_ranges(graph)


def test_counts_that_float32_could_not_hold_are_refused_by_name():
    graph = dataclasses.replace(random_graph(width=32, heads=1), max_tokens=2**19)
    with pytest.raises(InputError, match=r"layer blocks\.0\.attention\.coincidences: a count .* 24 bits"):
        check_ranges(graph)
    weight = np.full((12, 12), 127, np.int8)
    big = [Linear(f"big{i}", ("embeddings.lif",), weight, np.full(12, 2**23, np.int32), 8, ONE) for i in (0, 1)]
    total = Add("total", ("big0", "big1"), 12)
    with pytest.raises(InputError, match=r"layer total: a count .* 24 bits"):
        check_ranges(dataclasses.replace(random_graph(), nodes=(*random_graph().nodes[:3], *big, total)))


def test_a_readout_whose_mean_could_overflow_is_refused_by_name():
    graph = with_node(random_graph(), "readout.norm", bias=np.full(12, 2**31 - 1, np.int32))
    head = graph["readout"]
    assert isinstance(head, Readout)
    check_ranges(with_node(graph, "readout", shift=16))
    with pytest.raises(InputError, match=r"layer readout: .* overflow 64 bits"):
        check_ranges(dataclasses.replace(with_node(graph, "readout", shift=16), time_steps=2**16))
