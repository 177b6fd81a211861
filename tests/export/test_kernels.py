"""Whole graphs: one call for all steps, a call a step, and the naive interpreter give the same spikes."""

import numpy as np
import pytest

from export.kernels import make_kernel
from export.ranges import output_bounds
from tests.export import naive
from tests.random_graph import random_graph

SHAPES = [
    dict(norm="layer", reset="subtract"),
    dict(norm="layer", reset="zero"),
    dict(norm="batch", reset="subtract"),
    dict(norm="batch", reset="zero"),
    dict(norm="layer", reset="subtract", steps=1, width=10, heads=1),
]


def sentences(graph, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.integers(0, len(graph.nodes[0].word), n) for n in (1, 6, 3)]  # one of a single token


def run(graph, batch, steps_a_call):
    """All outputs of all nodes, the steps joined, and the logits."""
    bounds = output_bounds(graph)
    kernels = {n.name: make_kernel(n, steps_a_call, max((bounds[s] for s in n.inputs), default=0)) for n in graph}
    lengths, tokens = [len(s) for s in batch], np.concatenate(batch)
    calls = []
    for _ in range(graph.time_steps // steps_a_call):
        values = {}
        for node in graph:
            values[node.name] = kernels[node.name]([values[s] for s in node.inputs] or [tokens], lengths)
        calls.append(values)
    spikes = {n.name: np.concatenate([c[n.name] for c in calls]) for n in graph.neurons}
    return calls, spikes, calls[-1][graph.nodes[-1].name]


@pytest.mark.parametrize("shape", SHAPES)
def test_the_kernels_equal_the_naive_interpreter_spike_for_spike(shape):
    graph = random_graph(seed=3, blocks=1, **shape)
    batch = sentences(graph)
    _, spikes, logits = run(graph, batch, graph.time_steps)
    start = 0
    for index, tokens in enumerate(batch):
        expected, trains = naive.run(graph, tokens.tolist())
        assert logits[index].tolist() == expected
        for name, train in trains.items():
            assert spikes[name][:, start : start + len(tokens)].tolist() == train, name
        start += len(tokens)


@pytest.mark.parametrize("shape", SHAPES)
def test_step_by_step_equals_all_steps_at_once(shape):
    graph = random_graph(**shape)
    batch = sentences(graph)
    _, at_once, logits = run(graph, batch, graph.time_steps)
    _, stepwise, logits_stepwise = run(graph, batch, 1)
    assert np.array_equal(logits, logits_stepwise)
    assert all(np.array_equal(at_once[name], stepwise[name]) for name in at_once)


@pytest.mark.parametrize("shape", SHAPES[:4])
def test_no_value_leaves_its_worst_case_bound(shape):
    graph = random_graph(seed=5, **shape)
    bounds = output_bounds(graph)
    calls, _, _ = run(graph, sentences(graph, seed=1), graph.time_steps)
    for name, value in calls[0].items():
        assert np.abs(value).max() <= bounds[name], name


def test_a_kernel_at_rest_has_forgotten_the_past():
    graph = random_graph()
    node = graph["embeddings.lif"]
    kernel = make_kernel(node, 1, 10**6)
    current = np.full((1, 2, node.size), 200.0)
    first = [kernel([current], [2]).copy() for _ in range(3)]
    kernel.rest()
    again = [kernel([current], [2]).copy() for _ in range(3)]
    assert np.array_equal(first, again)
