"""Both ONNX exports under ONNX Runtime: the float one against torch, the integer one against the fast simulator."""

import json
import re
import subprocess
import sys
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

from export import onnx_float, onnx_integer
from export.nir import read
from simulate.fast import FastSimulator
from spikebert.errors import InputError
from spikebert.packaged import tweets
from spikebert.recording import record_spikes
from tests.export.test_lower import model_with_character
from tests.random_graph import random_graph

SHIPPED = Path(__file__).parents[2] / "examples" / "tweets" / "model.nir"


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
@pytest.mark.parametrize("reset", ["subtract", "zero"])
def test_the_integer_model_gives_every_spike_and_logit(tmp_path, norm, reset):
    graph = random_graph(norm=norm, reset=reset, exponents=True)
    onnx_integer.write(graph, tmp_path / "model.onnx")
    rng = np.random.default_rng(0)
    sentences = [rng.integers(0, 50, n) for n in (7, 16, 1)]
    assert_equal(graph, tmp_path / "model.onnx", sentences)
    assert_equal(graph, tmp_path / "model.onnx", sentences[:1], width=12)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.sampled_from([6, 10, 24]), st.sampled_from(["layer", "batch"]))
def test_the_integer_model_equals_the_simulator_whatever_the_graph(tmp_path_factory, seed, steps, width, norm):
    path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    graph = random_graph(seed=seed, steps=steps, width=width, norm=norm, blocks=1)
    onnx_integer.write(graph, path)
    rng = np.random.default_rng(seed)
    assert_equal(graph, path, [rng.integers(0, 50, n) for n in rng.integers(1, 16, 3)])


def test_the_integer_form_of_the_shipped_model_is_equal_on_real_sentences_and_keeps_int8(tmp_path):
    graph = read(SHIPPED)
    onnx_integer.write(graph, tmp_path / "model.onnx")
    tokenizer = Tokenizer.from_str(graph.tokenizer)
    assert_equal(graph, tmp_path / "model.onnx", [np.array(tokenizer.encode(r.text).ids) for r in tweets()[0][:6]])
    integers = sum(array.nbytes for node in graph for array in node.arrays.values())
    assert (tmp_path / "model.onnx").stat().st_size < 1.1 * integers


@pytest.mark.parametrize("norm", ["layer", "batch"])
@pytest.mark.parametrize("reset", ["subtract", "zero"])
def test_the_float_model_gives_torchs_spikes_and_predictions(tmp_path, norm, reset):
    trained = model_with_character(norm=norm, reset=reset)
    onnx_float.write(trained, tmp_path / "model.onnx")
    tokens = torch.randint(0, 40, (6, 20))
    with torch.no_grad(), record_spikes(trained.model) as spikes:
        logits = trained.model(tokens).logits.numpy()
    theirs, found, mask = run(tmp_path / "model.onnx", list(tokens.numpy()), list(spikes), width=23)
    for name, train in spikes.items():
        assert np.array_equal(packed(found[name], mask), train.numpy()), name
    assert np.allclose(theirs, logits, atol=1e-5)
    assert np.array_equal(theirs.argmax(1), logits.argmax(1))


def test_the_lines_in_the_documentation_classify_a_sentence(tmp_path):
    onnx_integer.write(read(SHIPPED), tmp_path / "model-int.onnx")
    page = (Path(__file__).parents[2] / "docs" / "onnx.md").read_text("utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "positive (4, 1, 6, 1536)\n"


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
