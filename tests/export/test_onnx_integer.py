"""ONNX Runtime on the integer graph's file gives every spike and every logit of the fast simulator."""

import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.onnx_runtime import fast_runner, onnx_runner
from export import arithmetic, nir, onnx_integer
from export.arithmetic import STATE_MAX
from export.cli import main
from export.graph import LIF, Add, Graph, LayerNorm
from export.onnx_builder import IR_VERSION, MASK, OPSET, Builder
from simulate.fast import FastSimulator
from simulate.text import encode
from spikebert.errors import InputError
from spikebert.packaged import tweets
from tests.random_graph import random_graph

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "examples/tweets/model.nir"


def sentences(*lengths: int) -> list[np.ndarray]:
    rng = np.random.default_rng(sum(lengths))
    return [rng.integers(0, 50, length) for length in lengths]


def assert_bit_equal(graph: Graph, tokens, extra: int = 0):
    logits, spikes = fast_runner(FastSimulator(graph))(tokens)
    their_logits, their_spikes = onnx_runner(onnx_integer.build(graph), extra)(tokens)
    assert spikes.keys() == their_spikes.keys()
    for name, train in spikes.items():
        assert np.array_equal(train, their_spikes[name]), name
    assert their_logits.dtype == np.int64
    assert np.array_equal(logits, their_logits)


@pytest.mark.parametrize("norm", ["layer", "batch"])
@pytest.mark.parametrize("reset", ["subtract", "zero"])
@pytest.mark.parametrize("extra", [0, 7])
def test_spikes_and_logits_are_those_of_the_simulator_however_far_a_batch_is_padded(norm, reset, extra):
    assert_bit_equal(random_graph(norm=norm, reset=reset), sentences(1, 5, 9, 3), extra)


@pytest.mark.parametrize("norm", ["layer", "batch"])
def test_one_step_and_one_token_are_enough(norm):
    assert_bit_equal(random_graph(norm=norm, steps=1), sentences(1))


@st.composite
def graphs(draw) -> Graph:
    """Random graphs, with the state's ends, extreme decays and thresholds of each neuron's own."""
    heads = draw(st.integers(1, 3))
    graph = random_graph(
        seed=draw(st.integers(0, 2**16)),
        width=heads * draw(st.integers(1, 5)),
        heads=heads,
        blocks=draw(st.integers(1, 2)),
        norm=draw(st.sampled_from(["layer", "batch"])),
        reset=draw(st.sampled_from(["subtract", "zero"])),
        steps=draw(st.integers(1, 5)),
        labels=draw(st.integers(1, 4)),
        hidden=draw(st.integers(1, 20)),
        exponents=draw(st.booleans()),
    )
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    decay = draw(st.sampled_from([0, 1, 410, 2048, 4095, 4096]))
    extreme = draw(st.booleans())

    def change(node):
        if isinstance(node, LIF) and extreme:
            threshold = (STATE_MAX >> rng.integers(0, 3, node.size)).astype(np.int32)
            bias = rng.integers(-(2**31) + 1, 2**31, node.size) >> rng.integers(0, 12, node.size)
            node = replace(node, threshold=threshold, bias=bias.astype(np.int32))
        return replace(node, decay=decay) if isinstance(node, LIF) else node

    return replace(graph, nodes=tuple(map(change, graph)))


@settings(deadline=None, max_examples=40)
@given(graphs(), st.lists(st.integers(1, 16), min_size=1, max_size=4), st.integers(0, 3))
def test_any_graph_on_any_batch_is_bit_equal(graph, lengths, extra):
    assert_bit_equal(graph, sentences(*lengths), min(extra, graph.max_tokens - max(lengths)))


def evaluate(builder: Builder, value: np.ndarray, outputs: list[str]) -> list[np.ndarray]:
    """What a piece of a model makes of the int64 array "value"."""
    kind = onnx.TensorProto.INT64
    infos = [onnx.helper.make_tensor_value_info(name, kind, None) for name in ("value", MASK, *outputs)]
    graph = onnx.helper.make_graph(builder.nodes, "piece", infos[:2], infos[2:], builder.constants)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(outputs, {"value": value, MASK: np.ones((1, 1), np.int64)})


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**16), st.integers(1, 8), st.integers(1, 3), st.integers(0, 2**53 - 1), st.integers(0, 28))
def test_the_layer_norm_is_exact_over_the_whole_range_of_its_input(seed, n, groups, epsilon, bits):
    rng = np.random.default_rng(seed)
    width, largest = n * groups, min(2**bits, (2**31 - 2) // n, 2**25)
    gain = rng.integers(-(2**15), 2**15, width).astype(np.int16)
    bias = rng.integers(-(2**20), 2**20, width).astype(np.int32)
    epsilon = epsilon if seed % 2 else 0
    x = rng.integers(-largest, largest + 1, (1, 2, 6, width))
    x[0, 0, 0] = largest  # no variance
    x[0, 0, 1] = np.where(np.arange(width) % 2, largest, -largest)
    builder = Builder(1, np.int64)
    output = onnx_integer._emit(LayerNorm("norm", (), gain, bias, epsilon, groups), builder, ["value"], largest)
    (y,) = evaluate(builder, x, [output])
    assert np.array_equal(
        y, arithmetic.layer_norm(x.astype(float), gain.astype(float), bias.astype(float), epsilon, groups)
    )


def test_every_power_of_two_has_its_reciprocal_root():
    """The exponent's search at all its borders: variances 2^k - 1, 2^k and 2^k + 1."""
    values = sorted({2**k + d for k in range(62) for d in (-1, 0, 1)} - {0})
    builder = Builder(1, np.int64)
    root, divisor = onnx_integer._reciprocal_sqrt(builder, "value")
    found, divisors = evaluate(builder, np.array(values)[:, None], [root, divisor])
    expected, exponent = arithmetic.reciprocal_sqrt(np.array(values))
    assert np.array_equal(found[:, 0], expected)
    assert np.array_equal(divisors[:, 0], 2 ** (19 + exponent))


def test_counts_beyond_8_bits_take_a_wider_product():
    graph = random_graph(norm="batch", width=12)
    stream, output = "embeddings.lif", "blocks.0.attention.output.lif"
    names = [*(f"sum{i}" for i in range(13)), "blocks.0.attention.add"]
    sums = []
    for name in names:  # each is the sum of the two before it
        sums.append(Add(name, (stream, output), 12))
        stream, output = output, name
    nodes = [n for node in graph for n in (sums if node.name == names[-1] else [node])]
    assert_bit_equal(replace(graph, nodes=tuple(nodes)), sentences(4, 2))


def test_a_sentence_without_tokens_does_not_bring_the_process_down():
    model = onnx_integer.build(random_graph())
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    empty = np.zeros((1, 3), np.int64)
    (logits,) = session.run(["logits"], {"input_ids": empty, "attention_mask": empty})
    assert logits.shape == (1, 3)


def test_a_longer_text_than_the_model_takes_is_refused_by_onnx_runtime():
    with pytest.raises(onnxruntime.capi.onnxruntime_pybind11_state.RuntimeException, match="16 by 17"):
        onnx_runner(onnx_integer.build(random_graph()))(sentences(17))


def test_a_shipped_model_on_real_tweets_is_bit_equal():
    graph = nir.read(SHIPPED)
    assert_bit_equal(graph, encode(graph, [row.text for row in tweets()[0][:8]], "tweet", truncate=True))


def test_weights_are_stored_in_8_bits(tmp_path):
    graph = nir.read(SHIPPED)
    onnx_integer.write(graph, tmp_path / "model.onnx")
    integers = sum(array.nbytes for node in graph for name, array in node.arrays.items() if name != "scale")
    assert (tmp_path / "model.onnx").stat().st_size < 1.05 * (integers + len(graph.tokenizer.encode()))
    wide = [c for c in onnx.load(tmp_path / "model.onnx").graph.initializer if c.data_type == onnx.TensorProto.INT8]
    assert sum(np.prod(c.dims) for c in wide) == sum(
        node.arrays[name].size for node in graph for name in ("word", "weight") if name in node.arrays
    )


def test_a_name_that_onnx_cannot_hold_is_one_line_and_no_file(tmp_path, capsys):
    graph = random_graph()
    nodes = [replace(n, inputs=tuple("logits" if i == "embeddings.lif" else i for i in n.inputs)) for n in graph]
    nodes = tuple(replace(n, name="logits") if n.name == "embeddings.lif" else n for n in nodes)
    with pytest.raises(InputError, match="logits"):
        onnx_integer.write(replace(graph, nodes=nodes), tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_the_example_of_the_page_runs_and_gives_the_label_of_the_simulator(tmp_path):
    shutil.copy(SHIPPED, tmp_path / "model.nir")
    target = tmp_path / "model.onnx"
    assert main([str(SHIPPED), "--to", "onnx-integer", "-o", str(target)]) == 0
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/onnx.md").read_text("utf-8"), re.DOTALL)
    (tmp_path / "example.py").write_text(example, "utf-8")
    done = subprocess.run([sys.executable, "example.py"], cwd=tmp_path, capture_output=True, text=True, check=True)
    graph = nir.read(SHIPPED)
    (text,) = re.findall(r'encode\("(.*?)"\)', example)
    logits = FastSimulator(graph).run(encode(graph, [text], "text")).logits[0]
    assert done.stdout.split()[0] == graph.labels[logits.argmax()]
