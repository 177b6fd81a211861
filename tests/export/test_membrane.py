"""Membrane residuals: a trained model's streams of currents as exact integers, in every form that it leaves in."""

import numpy as np
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from export.formats import draw, netx, onnx_integer, stages
from export.formats.stages_manifest import HostStep
from export.ir import arithmetic, nir
from export.ir.graph import LIF, Accumulate, Embedding, Linear
from export.ir.stock import check_stock, entrances
from export.ir.validate import validate
from export.lower import onnx_float
from export.lower.pipeline import lower
from simulate.fast import FastSimulator
from spikebert.core.errors import InputError
from spikebert.model.recording import record_spikes
from tests.export import naive
from tests.export.formats.test_onnx import assert_equal
from tests.export.lower.test_lower import model_with_character
from tests.random_graph import random_graph

MEMBRANE = dict(norm="batch", reset="zero", residual="membrane")


def membrane_model(**values):
    return model_with_character(**MEMBRANE, **values)


@settings(max_examples=50)
@given(st.integers(0, 2**32 - 1), st.lists(st.integers(0, 6), min_size=2, max_size=4), st.sampled_from([1, 300, 768]))
def test_a_stream_is_the_shifted_sum_of_its_inputs_at_any_width(seed, shift, width):
    rng = np.random.default_rng(seed)
    largest = (2**24 - 1) // sum(2**places for places in shift)
    inputs = [rng.integers(-largest, largest + 1, (2, 3, width)) for _ in shift]
    found = arithmetic.accumulate([x.astype(np.float32) for x in inputs], np.array(shift, np.int8))
    wanted = [
        [sum(int(v) << s for v, s in zip(c, shift, strict=True)) for c in zip(*rows, strict=True)]
        for rows in zip(*(x.reshape(-1, width).tolist() for x in inputs), strict=True)
    ]
    assert found.reshape(-1, width).astype(np.int64).tolist() == wanted


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("faint", [0.1, 0.01, 1e-4, 1e-6])
def test_a_branch_of_faint_weights_is_lowered_too(faint, per_channel):
    """Its unit would be too fine for the thresholds of the stream, and for the mean of the readout."""
    trained = membrane_model()
    with torch.no_grad():
        trained.model.blocks[0].mlp.down.norm.weight.mul_(faint)
    tokens = torch.randint(0, 40, (6, 20))
    with record_spikes(trained.model) as spikes, torch.no_grad():
        trained.model(tokens)
    found = FastSimulator(lower(trained, per_channel=per_channel)).run([row.numpy() for row in tokens], record=True)
    agreement = [(train.numpy() == found.spikes[name]).mean() for name, train in spikes.items()]
    assert min(agreement) > 0.9


@pytest.mark.parametrize("steps", [1, 4])
@pytest.mark.parametrize("per_channel", [False, True])
def test_eight_bits_agree_with_the_float_model_in_nearly_every_spike(steps, per_channel):
    trained = membrane_model(time_steps=steps)
    tokens = torch.randint(0, 40, (6, 20))
    with record_spikes(trained.model) as spikes, torch.no_grad():
        trained.model(tokens)
    found = FastSimulator(lower(trained, per_channel=per_channel)).run([row.numpy() for row in tokens], record=True)
    assert set(found.spikes) == set(spikes)
    for name, train in found.spikes.items():
        assert (train == spikes[name].numpy()).mean() > (0.97 if "blocks.0" in name else 0.9), name


def test_every_linear_reads_binary_spikes_and_ends_without_a_bias():
    graph = lower(membrane_model())
    for node in graph:
        if isinstance(node, Linear):
            assert isinstance(graph[node.inputs[0]], LIF) and node.bias is None


def test_entrances_have_a_positive_threshold_each_and_streams_one_unit():
    graph = lower(membrane_model())
    for name in entrances(graph):
        assert graph[name].threshold.shape == (48,) and (graph[name].threshold > 0).all()
    units = {float(node.scale[0]) for node in graph if isinstance(node, Accumulate)}
    assert len(units) == 1 and np.log2(units.pop()) % 1 == 0


def test_the_file_restores_the_graph_in_a_version_of_its_own(tmp_path):
    graph = random_graph(**MEMBRANE)
    nir.write(graph, tmp_path / "model.nir")
    assert nir.read(tmp_path / "model.nir") == graph
    assert nir.needed_version(graph) == 3 and nir.needed_version(random_graph()) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(shift=np.array([0], np.int8)), "1 shifts for 2 inputs"),
        (dict(shift=np.array([-1, 0], np.int8)), "must lie in 0 to 16"),
        (dict(shift=np.array([16, 16], np.int8)), "could reach .* beyond 24 bits"),
        (dict(inputs=("embeddings.word",)), "at least two inputs"),
    ],
)
def test_a_stream_that_cannot_be_is_refused_by_name(change, message):
    from dataclasses import replace

    graph = random_graph(**MEMBRANE)
    nodes = tuple(replace(n, **change) if n.name == "blocks.0.attention.add" else n for n in graph)
    with pytest.raises(InputError, match=rf"blocks\.0\.attention\.add.*{message}"):
        validate(replace(graph, nodes=nodes))


def test_loihi_1_is_refused_by_the_name_of_the_stream():
    with pytest.raises(InputError, match=r"blocks\.0\.attention\.add: a stream of currents travels as graded spikes"):
        lower(membrane_model(), target="loihi1")


def test_the_integer_onnx_computes_every_spike_and_logit(tmp_path):
    graph = random_graph(**MEMBRANE, steps=3, exponents=True)
    onnx_integer.write(graph, tmp_path / "model.onnx")
    rng = np.random.default_rng(0)
    assert_equal(graph, tmp_path / "model.onnx", [rng.integers(0, 50, n) for n in (5, 1, 16)])


def test_the_float_onnx_computes_the_logits_of_torch(tmp_path):
    trained = membrane_model(time_steps=3)
    onnx_float.write(trained, tmp_path / "model.onnx")
    tokens = torch.randint(0, 40, (3, 9))
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    feed = {"input_ids": tokens.numpy(), "attention_mask": np.ones((3, 9), np.int64)}
    with torch.no_grad():
        assert np.allclose(session.run(None, feed)[0], trained.model(tokens).logits, atol=1e-4)


def test_chains_leave_as_stages_and_nets_and_the_host_adds_the_currents(tmp_path):
    graph = lower(membrane_model(beta=0.75))
    check_stock(graph)
    stages.write(graph, tmp_path / "stages")
    netx.write(graph, tmp_path / "nets")
    held = {step.node for step in stages.manifest(graph, {}).steps if isinstance(step, HostStep)}
    assert "blocks.0.attention.add" in held
    left = {entry.node: entry.why for entry in netx.manifest(graph, {}).left_out}
    assert "currents" in left["blocks.0.attention.add"]
    assert draw.draw(graph).count("<rect") > 10


def test_a_stream_begins_as_the_current_of_the_embedding():
    graph = lower(membrane_model())
    assert isinstance(graph.nodes[0], Embedding) and graph.neurons[0].name == "blocks.0.attention.entrance.lif"
    logits, _ = naive.run(graph, [3, 5, 7])
    assert logits == FastSimulator(graph).run([np.array([3, 5, 7])]).logits[0].tolist()
