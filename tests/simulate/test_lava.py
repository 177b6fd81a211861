"""Lava's own runtime gives the spikes of the fast simulator, layer by layer, at every granularity."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from export.ir.graph import Add
from simulate import lava
from simulate.fast import FastSimulator
from spikebert.core.errors import InputError
from tests.random_graph import pairs_of_texts, random_graph


def assert_equal(result, expected):
    assert np.array_equal(result.logits, expected.logits)
    assert list(result.counts) == list(expected.counts)
    for name, count in expected.counts.items():
        assert np.array_equal(result.counts[name], count), name
    for name, train in expected.spikes.items():
        assert np.array_equal(result.spikes[name], train), name


def some_sentences():
    rng = np.random.default_rng(1)
    return [rng.integers(0, 50, n) for n in (1, 16, 7, 3, 9, 2)]  # several waves, idle rows in each


@pytest.mark.needs("lava")
@pytest.mark.parametrize(
    ("granularity", "norm", "reset", "steps"),
    [
        ("block", "layer", "subtract", 4),
        ("block", "layer", "zero", 4),
        ("block", "batch", "subtract", 4),
        ("block", "batch", "zero", 1),
        ("layer", "layer", "subtract", 4),
        ("layer", "batch", "zero", 4),
        ("stock", "batch", "zero", 4),
        ("stock", "batch", "zero", 1),
    ],
)
def test_lava_equals_the_fast_simulator_in_every_spike(granularity, norm, reset, steps):
    graph, sentences = random_graph(norm=norm, reset=reset, steps=steps), some_sentences()
    result = lava.run(graph, sentences, granularity, record=True, rows=20, deadline=120)
    assert_equal(result, FastSimulator(graph).run(sentences, record=True))


@pytest.mark.needs("lava")
@pytest.mark.parametrize("granularity", ["block", "layer", "stock"])
@pytest.mark.parametrize("steps", [1, 3])
def test_streams_of_currents_are_equal_too(granularity, steps):
    graph = random_graph(norm="batch", reset="zero", residual="membrane", steps=steps)
    sentences = some_sentences()
    result = lava.run(graph, sentences, granularity, record=True, rows=20, deadline=120)
    assert_equal(result, FastSimulator(graph).run(sentences, record=True))


@pytest.mark.needs("lava")
@pytest.mark.parametrize("granularity", ["block", "layer", "stock"])
@pytest.mark.parametrize("levels", [2, 4])
def test_levels_of_embedding_neurons_are_equal_too(granularity, levels):
    graph, sentences = random_graph(blocks=1, norm="batch", reset="zero", steps=2, levels=levels), some_sentences()
    result = lava.run(graph, sentences, granularity, record=True, rows=20, deadline=120)
    assert_equal(result, FastSimulator(graph).run(sentences, record=True))


@pytest.mark.needs("lava")
@pytest.mark.parametrize("granularity", ["block", "layer", "stock"])
def test_sentence_pairs_are_equal_too(granularity):
    graph, sentences = (
        random_graph(blocks=1, norm="batch", reset="zero", separator=7, shared_words=1),
        pairs_of_texts(7),
    )
    result = lava.run(graph, sentences, granularity, record=True, rows=20, deadline=120)
    assert_equal(result, FastSimulator(graph).run(sentences, record=True))


@pytest.mark.needs("lava")
@pytest.mark.parametrize("granularity", ["block", "layer", "stock"])
@pytest.mark.parametrize("residual, steps", [("spikes", 4), ("membrane", 1)])
def test_neighbours_are_equal_too(granularity, residual, steps):
    shape = dict(norm="batch", reset="zero", residual=residual, steps=steps, neighbours=True)
    graph, sentences = random_graph(blocks=1, **shape), some_sentences()
    result = lava.run(graph, sentences, granularity, record=True, rows=20, deadline=120)
    assert_equal(result, FastSimulator(graph).run(sentences, record=True))


@pytest.mark.needs("lava")
@pytest.mark.parametrize("granularity", ["block", "layer", "stock"])
@pytest.mark.parametrize("residual, steps, alone", [("spikes", 4, True), ("membrane", 1, True), ("membrane", 2, [0])])
def test_blocks_of_attention_alone_are_equal_too(granularity, residual, steps, alone):
    shape = dict(norm="batch", reset="zero", residual=residual, steps=steps, attention_only=alone)
    graph, sentences = random_graph(blocks=2, **shape), some_sentences()
    result = lava.run(graph, sentences, granularity, record=True, rows=20, deadline=120)
    assert_equal(result, FastSimulator(graph).run(sentences, record=True))


@pytest.mark.needs("lava")
@pytest.mark.parametrize("granularity", ["block", "stock"])
def test_counts_come_back_without_recording(granularity):
    graph, sentences = random_graph(blocks=1, norm="batch", reset="zero"), some_sentences()
    seen = []
    result = lava.run(graph, sentences, granularity, deadline=120, progress=seen.append)
    expected = FastSimulator(graph).run(sentences)
    assert result.spikes is None
    assert all(np.array_equal(result.counts[n], expected.counts[n]) for n in expected.counts)
    assert sum(seen) == len(sentences)


def test_stock_refuses_a_layer_by_name_before_lava_starts():
    with pytest.raises(InputError, match=r"layer embeddings\.norm: .*granularity block"):
        lava.run(random_graph(norm="layer"), some_sentences(), "stock")


def test_more_levels_than_a_process_has_ports_are_refused_before_lava_starts():
    with pytest.raises(InputError, match="more than 4 populations"):
        lava.run(random_graph(levels=5), some_sentences())


def test_a_stream_beyond_the_bits_of_a_message_is_refused_before_lava_starts():
    graph = random_graph(blocks=16)
    doubled = [replace(n, inputs=(n.inputs[0],) * 2) if isinstance(n, Add) else n for n in graph]  # 2^32 at the end
    with pytest.raises(InputError, match=r"a value could reach \d+, beyond the 32 bits of a message"):
        lava.run(replace(graph, nodes=tuple(doubled)), some_sentences())


def test_an_unknown_granularity_is_refused():
    with pytest.raises(InputError, match="neuron: must be one of block, layer, stock"):
        lava.run(random_graph(), some_sentences(), "neuron")


@pytest.mark.needs("lava")
def test_lava_is_imported_where_another_library_has_settled_how_processes_start():
    """As scikit-learn does by fitting."""
    code = "import multiprocessing; multiprocessing.set_start_method('fork'); import export.lava.build"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
