"""One text looked at closely: the spikes of the run, membranes that explain them, and a file that comes back whole."""

from dataclasses import replace

import numpy as np
import pytest

from export.ir import nir
from simulate.fast import FastSimulator
from simulate.report.panels.trace import attention_map
from simulate.trace import Trace, trace
from spikebert.core.errors import InputError
from tests.simulate.example_run import example_run

TOKENS = np.array([4, 1, 3])  # "a good film" in the example's words


@pytest.fixture(scope="module", params=["layer", "batch"])
def run(request, tmp_path_factory):
    return example_run(tmp_path_factory.mktemp(request.param), norm=request.param)


@pytest.fixture
def traced(run):
    return Trace.read(run / "trace.npz")


def test_its_spikes_are_those_of_the_run(run, traced):
    recorded = np.load(run / "spikes.npz")
    assert traced.tokens == ["a", "good", "film"]
    for name, train in traced.spikes.items():
        assert np.array_equal(train, recorded[name][:, :3]), name


def test_a_neuron_fires_when_its_membrane_reaches_the_threshold(traced):
    assert traced.watched == 1
    for name, membrane in traced.membranes.items():
        assert np.array_equal(membrane >= traced.thresholds[name], traced.spikes[name][:, 1] == 1), name


def test_the_attention_map_counts_the_meetings_of_every_pair_of_tokens(traced):
    qkv = traced.spikes["blocks.1.attention.qkv.lif"]
    found = attention_map(traced)
    for m in range(3):
        for n in range(3):
            assert found[m, n] == sum(
                int(q) * int(k) for q, k in zip(qkv[:, m, :12].flat, qkv[:, n, 12:24].flat, strict=True)
            )


def test_the_file_comes_back_as_it_was_written(run, tmp_path):
    graph = nir.read(run.parent / "model.nir")
    made = trace(graph, TOKENS, 5)
    made.write(tmp_path / "trace.npz")
    read = Trace.read(tmp_path / "trace.npz")
    assert (read.number, read.tokens, read.watched) == (5, made.tokens, made.watched)
    assert all(np.array_equal(read.membranes[name], membrane) for name, membrane in made.membranes.items())
    assert FastSimulator(graph).run([TOKENS]).counts["embeddings.lif"].sum() == read.spikes["embeddings.lif"].sum()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"text"])
def test_what_is_no_trace_is_refused_by_name(tmp_path, content):
    (tmp_path / "trace.npz").write_bytes(content)
    with pytest.raises(InputError, match=r"trace\.npz: not a trace"):
        Trace.read(tmp_path / "trace.npz")


def test_layers_that_do_not_fit_the_tokens_are_refused(traced, tmp_path):
    layer = traced.attended[0]
    for train in (np.zeros((), np.uint8), traced.spikes[layer][:, :2], traced.spikes[layer][..., :2]):
        replace(traced, spikes={**traced.spikes, layer: train}).write(tmp_path / "trace.npz")
        with pytest.raises(InputError, match="its layers do not fit its tokens"):
            Trace.read(tmp_path / "trace.npz")
