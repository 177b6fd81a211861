"""lava-dl's own loader, on Lava's own runtime, gives the spikes of the fast simulator from the files we write."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from export.formats import netx, netx_manifest
from export.ir.graph import LIF, Add, Graph, Linear
from simulate.fast import FastSimulator
from spikebert.core.errors import InputError
from tests.random_graph import random_graph


def stock_graph(**options) -> Graph:
    """A random graph whose biases lie on netx's grid, as export makes them."""
    graph = random_graph(norm="batch", reset="zero", **options)
    return with_nodes(graph, LIF, lambda lif: replace(lif, bias=lif.bias >> 6 << 6))


def with_nodes(graph: Graph, kind: type, change) -> Graph:
    return replace(graph, nodes=tuple(change(n) if isinstance(n, kind) else n for n in graph))


def trains(graph: Graph) -> dict[str, np.ndarray]:
    """{node: (T, M, D)} on several sentences: the neurons' spikes, and the residual streams that are their sums."""
    rng = np.random.default_rng(1)
    sentences = [rng.integers(0, 50, n) for n in (1, 5, 3)]
    values = dict(FastSimulator(graph).run(sentences, record=True).spikes or {})
    for node in graph:
        if isinstance(node, Add):
            values[node.name] = np.sum([values[name] for name in node.inputs], axis=0)
    return values


def run_on_lava(path: str, net: dict, inputs: np.ndarray) -> np.ndarray:
    """What a network sends for (T, M, D_in), as the manifest says how: (T, M, D)."""
    from lava.lib.dl.netx.hdf5 import Network
    from lava.magma.core.run_conditions import RunSteps
    from lava.magma.core.run_configs import Loihi2SimCfg
    from lava.proc.io.sink import RingBuffer as Sink
    from lava.proc.io.source import RingBuffer as Source

    steps, tokens, _ = inputs.shape
    settings = {key: net[key] for key in ("input_message_bits", "reset_interval", "reset_offset")}
    network = Network(path, **settings)
    length = tokens * steps + net["delay"]
    data = np.zeros((net["input_width"], length), np.int32)
    data[:, : tokens * steps] = inputs.transpose(1, 0, 2).reshape(tokens * steps, -1).T  # token after token
    source, sink = Source(data=data), Sink(shape=(net["output_width"],), buffer=length)
    source.s_out.connect(network.inp)
    network.out.connect(sink.a_in)
    try:
        source.run(RunSteps(length), Loihi2SimCfg(select_tag="fixed_pt"))
        spikes = sink.data.get()[:, net["delay"] :]
    finally:
        source.stop()
    return spikes.T.reshape(tokens, steps, -1).transpose(1, 0, 2)


@pytest.mark.needs("lava.lib")
@pytest.mark.parametrize(("steps", "levels"), [(4, 1), (1, 1), (1, 2)])
def test_lava_runs_every_file_with_the_spikes_of_the_fast_simulator(tmp_path, steps, levels):
    graph = stock_graph(blocks=2, steps=steps, levels=levels)
    netx.write(graph, tmp_path / "nets")
    manifest = json.loads((tmp_path / "nets/manifest.json").read_text())
    expected = trains(graph)
    graded = 0
    for net in manifest["nets"][3:]:  # the second block: its residual stream counts to 4
        spikes = run_on_lava(str(tmp_path / "nets" / net["file"]), net, expected[net["input"]])
        assert np.array_equal(spikes, expected[net["output"]]), net["nodes"]
        assert spikes.any()
        graded += net["input_message_bits"] > 0 and expected[net["input"]].max() > 1
    assert graded == 2  # Q, K, V and the MLP read the residual stream


def test_the_manifest_reads_as_it_was_written_and_a_wrong_field_is_named(tmp_path):
    graph = stock_graph(blocks=1)
    netx.write(graph, tmp_path / "nets")
    found = netx_manifest.read(tmp_path / "nets")
    assert [net.file for net in found.nets] == ["00.net", "01.net", "02.net"]
    assert found == netx.manifest(graph, dict(zip([net.file for net in found.nets], netx.check(graph), strict=True)))
    path = tmp_path / "nets" / "manifest.json"
    path.write_text(path.read_text("utf-8").replace('"delay": 2', '"delay": -2'), "utf-8")
    with pytest.raises(
        InputError, match=r"manifest.json: nets\[2\].delay must be a whole number of at least 1, not -2"
    ):
        netx_manifest.read(tmp_path / "nets")


def test_the_manifest_tells_where_each_node_is(tmp_path):
    graph = stock_graph(blocks=1)
    netx.write(graph, tmp_path / "nets")
    manifest = json.loads((tmp_path / "nets/manifest.json").read_text())
    assert [net["output"] for net in manifest["nets"]] == [
        "blocks.0.attention.qkv.lif",
        "blocks.0.attention.output.lif",
        "blocks.0.mlp.down.lif",
    ]
    assert [net["delay"] for net in manifest["nets"]] == [1, 1, 2]
    held = [name for net in manifest["nets"] for name in net["nodes"]] + [n["node"] for n in manifest["left_out"]]
    assert sorted(held) == sorted(node.name for node in graph)


@pytest.mark.needs("lava.lib")
@settings(max_examples=200)
@given(
    arrays(np.int8, (3, 4), elements=st.one_of(st.integers(-127, 127), st.integers(-2, 0), st.sampled_from([-64, -3])))
)
def test_netx_loses_no_bit_of_weights_that_are_not_refused(weight):
    from lava.lib.dl.netx.utils import optimize_weight_bits
    from lava.utils.weightutils import clip_weights, determine_sign_mode, truncate_weights

    first = next(n for n in stock_graph(blocks=1) if isinstance(n, Linear))
    lif = LIF("neurons", ("weights",), 3, np.array([65], np.int32), 410, np.zeros(1, np.int32), "zero")
    try:
        netx._check(netx.Layer(replace(first, weight=weight), lif))
    except InputError:
        return
    stored, bits, exponent, _ = optimize_weight_bits(weight.astype(int))
    sign_mode = determine_sign_mode(stored)  # then what Dense does to them at its first step
    kept = truncate_weights(clip_weights(stored, sign_mode, num_bits=8), sign_mode, bits)
    assert np.array_equal(kept >> -exponent, weight)


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (random_graph(norm="layer"), r"layer embeddings\.norm: Lava has no layer norm of its own"),
        (random_graph(norm="batch", reset="subtract"), r"layer embeddings\.lif: Lava's own LIF resets to zero"),
        (random_graph(norm="batch", reset="zero"), r"qkv\.lif: bias -?\d+ is no multiple of 64"),
        (
            with_nodes(stock_graph(), Linear, lambda n: replace(n, weight=np.zeros_like(n.weight))),
            r"qkv\.linear: it has no positive weight",
        ),
    ],
)
def test_a_layer_that_cannot_be_exact_is_refused_by_name_and_nothing_is_written(tmp_path, graph, message):
    with pytest.raises(InputError, match=message):
        netx.write(graph, tmp_path / "nets")
    assert not list(tmp_path.iterdir())
