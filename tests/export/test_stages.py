"""Stock NIR stages, run by snnTorch's own reader, against the integer simulator."""

import json
from dataclasses import replace

import nir
import numpy as np
import pytest
import torch

from export import stages
from export.graph import LIF
from simulate.fast import FastSimulator
from spikebert.errors import InputError
from tests.random_graph import random_graph


def with_decay(graph, decay, bias_unit=1):
    """The graph with that decay in all its neurons, and biases that are multiples of a unit."""
    return replace(
        graph,
        nodes=tuple(
            replace(n, decay=decay, bias=n.bias // bias_unit * bias_unit) if isinstance(n, LIF) else n for n in graph
        ),
    )


def in_snntorch(path, spikes):
    """(T, M, D_in) → (T, M, D_out), as snnTorch reads and runs the file."""
    from snntorch.import_nir import import_from_nir

    net = import_from_nir(nir.read(path))
    state, out = None, []
    with torch.no_grad():
        for frame in torch.from_numpy(spikes.astype(np.float32)):
            y, state = net(frame, state)
            out.append(y.numpy())
    return np.stack(out)


def value(graph, spikes, name):
    """The activity (T, M, D) that leaves a LIF or an Add."""
    return spikes[name] if name in spikes else sum(value(graph, spikes, s).astype(int) for s in graph[name].inputs)


@pytest.mark.parametrize("decay", [1024, 2048, 4096])
def test_where_no_step_rounds_snntorch_gives_our_spikes_bit_by_bit(tmp_path, decay):
    graph = with_decay(random_graph(norm="batch", reset="zero"), decay, bias_unit=64)
    stages.write(graph, tmp_path / "out")
    rng = np.random.default_rng(1)
    sentences = [rng.integers(0, 50, n) for n in (5, 16, 9, 12)]
    spikes = FastSimulator(graph).run(sentences, record=True).spikes
    manifest = json.loads((tmp_path / "out" / stages.MANIFEST).read_text())
    assert len(manifest["stages"]) == 6
    for entry in manifest["stages"]:
        assert all(layer["exact"] for layer in entry["layers"])
        ours = spikes[entry["output"]]
        assert 0 < ours.mean() < 1
        theirs = in_snntorch(tmp_path / "out" / entry["file"], value(graph, spikes, entry["input"]))
        assert np.array_equal(ours, theirs)


def test_mlp_up_and_down_are_one_stage():
    chains = stages.chains(random_graph(norm="batch", reset="zero", blocks=1))
    assert [[linear.name for linear, _ in chain] for chain in chains][-1] == [
        "blocks.0.mlp.up.linear",
        "blocks.0.mlp.down.linear",
    ]


@pytest.mark.parametrize(("norm", "reset"), [("layer", "zero"), ("batch", "subtract")])
def test_what_stock_nir_cannot_hold_is_refused_by_node_name(tmp_path, norm, reset):
    with pytest.raises(InputError, match="node embeddings"):
        stages.write(random_graph(norm=norm, reset=reset), tmp_path / "out")
    assert not (tmp_path / "out").exists()
