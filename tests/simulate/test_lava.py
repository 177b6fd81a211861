"""Lava's own runtime gives the spikes of the fast simulator, layer by layer."""

import numpy as np
import pytest

from simulate import lava
from simulate.fast import FastSimulator
from tests.random_graph import random_graph


@pytest.mark.parametrize("granularity", ["block", "layer"])
@pytest.mark.parametrize(("norm", "reset"), [("layer", "subtract"), ("batch", "zero")])
def test_lava_equals_the_fast_simulator_in_every_spike(granularity, norm, reset):
    graph = random_graph(norm=norm, reset=reset)
    rng = np.random.default_rng(1)
    sentences = [rng.integers(0, 50, n) for n in (1, 16, 7, 3, 9, 2)]  # several waves, idle rows in each
    expected = FastSimulator(graph).run(sentences, record=True)
    result = lava.run(graph, sentences, granularity, record=True, rows=20, deadline=120)
    assert np.array_equal(result.logits, expected.logits)
    assert list(result.counts) == list(expected.counts)
    for name, count in expected.counts.items():
        assert np.array_equal(result.counts[name], count), name
    for name, train in expected.spikes.items():
        assert np.array_equal(result.spikes[name], train), name


def test_counts_come_back_without_recording():
    graph, sentences = random_graph(blocks=1), [np.arange(5), np.arange(3)]
    result = lava.run(graph, sentences, deadline=120)
    expected = FastSimulator(graph).run(sentences)
    assert result.spikes is None
    assert all(np.array_equal(result.counts[n], expected.counts[n]) for n in expected.counts)
