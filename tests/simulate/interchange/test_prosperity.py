"""The file is what Prosperity's `create_network` unpickles, and each matrix has the shape that its operators ask for.

The reader here is written from dubcyfor3/Prosperity, simulator/networks.py and simulator.py, whose code is not copied.
"""

import pickle

import numpy as np
import pytest

from export.ir import nir
from export.ir.graph import Attention, Linear
from simulate.cli import main as simulate
from simulate.trace import Trace
from tests.random_graph import random_graph
from tests.simulate.example_run import example_run

FC = ("fc_q", "fc_o", "fc_1", "fc_2")


@pytest.fixture(scope="module", params=["spikes", "membrane"])
def folder(request, tmp_path_factory):
    shape = {"norm": "batch", "reset": "zero", "residual": request.param}
    return example_run(tmp_path_factory.mktemp("prosperity"), to=("prosperity",), **shape)


@pytest.fixture(scope="module")
def theirs(folder):
    pytest.importorskip("torch")
    with (folder / "prosperity.pkl").open("rb") as file:
        return {name: tensor.contiguous() for name, tensor in pickle.load(file).items()}


def test_every_operator_of_their_spikebert_finds_its_matrix(folder, theirs):
    import torch

    graph, tokens, steps = nir.read(folder.parent / "model.nir"), 3, 4
    linears = [node for node in graph if isinstance(node, Linear)]
    expected = {}
    for i in range(2):
        fed = zip(FC, linears[4 * i :], strict=False)
        expected |= {f"{name}_enc_{i}": (steps, tokens, node.weight.shape[1]) for name, node in fed}
        expected |= {f"attention_enc_{i}_{part}": (steps, tokens, 12) for part in "qkv"}
    assert {name: tuple(tensor.shape) for name, tensor in theirs.items()} == expected
    assert all(tensor.dtype == torch.uint8 and tensor.max() <= 1 for tensor in theirs.values())


def test_the_matrices_are_the_spikes_of_the_traced_text(folder, theirs):
    graph, spikes = nir.read(folder.parent / "model.nir"), Trace.read(folder / "trace.npz").spikes
    attentions = [node.inputs[0] for node in graph if isinstance(node, Attention)]
    for i, layer in enumerate(attentions):
        parts = [theirs[f"attention_enc_{i}_{part}"].numpy() for part in "qkv"]
        assert np.array_equal(np.concatenate(parts, axis=-1), spikes[layer])
    linears = [node for node in graph if isinstance(node, Linear)]
    for i, node in enumerate(linears):
        if node.inputs[0] in spikes:
            assert np.array_equal(theirs[f"{FC[i % 4]}_enc_{i // 4}"].numpy(), spikes[node.inputs[0]])


def test_a_stream_is_a_spike_wherever_any_of_its_layers_fired(folder, theirs):
    graph, spikes = nir.read(folder.parent / "model.nir"), Trace.read(folder / "trace.npz").spikes
    up = [node for node in graph if isinstance(node, Linear)][2]
    summed = graph[up.inputs[0]]
    if summed.name not in spikes:
        fired = np.any([spikes[name] for name in summed.inputs], axis=0)
        assert np.array_equal(theirs["fc_1_enc_0"].numpy(), fired)


def test_without_a_traced_text_nothing_is_run(folder, capsys):
    command = [str(folder.parent / "model.nir"), "--text", "a", "--to", "prosperity"]
    assert simulate(command) == 2
    assert "--to needs --out" in capsys.readouterr().err
    assert simulate([*command, "--trace", "0", "--out", str(folder.parent / "none")]) == 2
    assert "--to prosperity writes the text of --trace" in capsys.readouterr().err
    assert not (folder.parent / "none").exists()


def test_a_model_without_mlps_is_refused_before_it_is_run(tmp_path, capsys):
    model, out = tmp_path / "model.nir", tmp_path / "run"
    nir.write(random_graph(norm="batch", attention_only=True), model)
    assert simulate([str(model), "--text", "a", "--to", "prosperity", "--out", str(out)]) == 2
    captured = capsys.readouterr()
    assert "two of them in the MLP; this graph has 4 in 2 blocks" in captured.err
    assert not out.exists()
