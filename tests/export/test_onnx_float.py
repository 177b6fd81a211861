"""ONNX Runtime on the float model's file gives torch's spikes and predictions."""

import json

import numpy as np
import onnx
import pytest
import torch
from tokenizers import Tokenizer

from benchmarks.onnx_runtime import onnx_runner, torch_runner
from export import nir, onnx_float
from export.cli import main
from spikebert.checkpoint import TrainedModel, save_model
from spikebert.packaged import minilm, tweets
from tests.export.test_lower import model_with_character
from tests.random_graph import random_graph

KINDS = [(norm, reset) for norm in ("layer", "batch") for reset in ("subtract", "zero")]
SENTENCES = [np.random.default_rng(0).integers(0, 40, n) for n in (1, 12, 20, 5)]


def assert_equal(expected, found):
    (logits, spikes), (their_logits, their_spikes) = expected, found
    assert spikes.keys() == their_spikes.keys()
    for name, train in spikes.items():
        assert np.array_equal(train, their_spikes[name]), name
    assert their_logits.dtype == logits.dtype
    assert np.allclose(logits, their_logits, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("norm", "reset"), KINDS)
@pytest.mark.parametrize("values", [{}, dict(time_steps=1, position_embeddings=False, beta=0.5)])
def test_every_spike_and_the_logits_are_those_of_torch(norm, reset, values):
    trained = model_with_character(norm=norm, reset=reset, **values)
    expected = torch_runner(trained, torch.float32)(SENTENCES)
    assert all(0 < train.mean() < 1 for name, train in expected[1].items() if name.endswith("qkv.lif"))
    assert_equal(expected, onnx_runner(onnx_float.build(trained))(SENTENCES))


@pytest.mark.parametrize(("norm", "reset"), KINDS)
def test_padding_changes_no_spike_and_no_prediction(norm, reset):
    model = onnx_float.build(model_with_character(norm=norm, reset=reset), np.float64)
    assert_equal(onnx_runner(model)(SENTENCES), onnx_runner(model, extra=9)(SENTENCES))


@pytest.mark.parametrize(("norm", "reset"), KINDS)
def test_on_real_sentences_every_spike_is_that_of_torch_where_rounding_decides_nothing(norm, reset):
    tokenizer = Tokenizer.from_file(str(minilm() / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(32)
    sentences = [np.array(tokenizer.encode(row.text).ids) for row in tweets()[0][:10]]
    trained = model_with_character(norm=norm, reset=reset, vocab_size=tokenizer.get_vocab_size())
    assert_equal(
        torch_runner(trained, torch.float64)(sentences), onnx_runner(onnx_float.build(trained, np.float64))(sentences)
    )
    predicted = (
        runner(sentences)[0].argmax(1)
        for runner in (torch_runner(trained, torch.float32), onnx_runner(onnx_float.build(trained)))
    )
    assert np.array_equal(*predicted)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.pt"
    trained = model_with_character()
    save_model(TrainedModel(trained.model, '{"a": 1}', ["bad", "good"], {}), path)
    return path


def test_the_file_says_that_it_is_the_float_model_and_uses_standard_operators_alone(checkpoint, tmp_path, capsys):
    assert main([str(checkpoint), "--to", "onnx", "-o", str(tmp_path / "model.onnx")]) == 0
    assert "the float model" in capsys.readouterr().out
    model = onnx.load(tmp_path / "model.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert "float model" in model.doc_string
    properties = {p.key: p.value for p in model.metadata_props}
    assert properties["kind"] == "float"
    assert (properties["format_version"], properties["time_steps"], properties["max_tokens"]) == ("1", "4", "32")
    assert json.loads(properties["labels"]) == ["bad", "good"]
    assert properties["tokenizer"] == '{"a": 1}'
    assert {node.domain for node in model.graph.node} == {""}
    assert [[d.dim_param for d in i.type.tensor_type.shape.dim] for i in model.graph.input] == [["batch", "tokens"]] * 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--bits", "4"], "--bits belongs to the integer graph"),
        (["--per-channel"], "--per-channel belongs to the integer graph"),
        (["--draw", "graph.svg"], "--draw belongs to the integer graph"),
    ],
)
def test_options_of_the_integer_graph_are_refused_and_nothing_is_written(
    checkpoint, tmp_path, capsys, monkeypatch, arguments, message
):
    monkeypatch.chdir(tmp_path)
    assert main([str(checkpoint), "--to", "onnx", "-o", "model.onnx", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_file_of_integers_holds_no_float_model(tmp_path, capsys):
    nir.write(random_graph(), tmp_path / "model.nir")
    assert main([str(tmp_path / "model.nir"), "--to", "onnx", "-o", str(tmp_path / "model.onnx")]) == 2
    assert "needs the model.pt" in capsys.readouterr().err
    assert not (tmp_path / "model.onnx").exists()
