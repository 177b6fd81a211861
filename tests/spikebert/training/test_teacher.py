"""Teachers as they are found: read rightly, or one line that says what is missing and what to do."""

import json
import pickle
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from spikebert.core.errors import InputError
from spikebert.training.pipeline import require_positions
from spikebert.training.settings import Settings
from spikebert.training.teacher import Head, load, vocabulary
from tests.spikebert.training.test_training import WORDS, teacher

__all__ = ["teacher"]  # a fixture
LABELS = ["neg", "pos"]


@pytest.fixture
def folder(teacher, tmp_path):
    """A copy of the teacher that a test may spoil."""
    return Path(shutil.copytree(teacher, tmp_path / "teacher"))


def configure(folder, **fields):
    """Set fields of its config.json; None takes a field away."""
    path = folder / "config.json"
    config = {**json.loads(path.read_text()), **fields}
    path.write_text(json.dumps({k: v for k, v in config.items() if v is not None}))


def spoil(folder, name, change):
    weights = load_file(folder / "model.safetensors")
    weights[name] = change(weights[name])
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


def test_classes_in_another_order_are_put_in_order_by_their_names(folder):
    tokens = torch.tensor([[2, 4, 9, 3]])
    plain = load(str(folder), LABELS)[0].eval()(tokens).logits
    configure(folder, id2label={"1": "neg", "0": "pos"}, label2id={"neg": 1, "pos": 0})
    model, _, fitted = load(str(folder), LABELS)
    assert fitted
    assert torch.equal(model.eval()(tokens).logits, plain[:, [1, 0]])
    assert model.config.id2label == {0: "neg", 1: "pos"}
    configure(folder, id2label={"0": "POS", "1": "NEG"}, label2id=None)
    model, _, fitted = load(str(folder), LABELS)
    assert fitted
    assert torch.equal(model.eval()(tokens).logits, plain[:, [1, 0]])


def test_classes_of_other_names_are_refused_unless_it_is_to_be_trained_on(folder, told):
    configure(folder, id2label={"0": "calm", "1": "cross"}, label2id={"calm": 0, "cross": 1})
    with pytest.raises(InputError, match=r"is fine-tuned for the labels 'calm', 'cross', the task has 'neg', 'pos'"):
        load(str(folder), LABELS)
    assert not load(str(folder), LABELS, head=Head.GOES_ON)[2]
    assert "is fine-tuned for the labels 'calm', 'cross'; it is trained on for 'neg', 'pos'" in told.text


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"id2label": {"1": "neg", "2": "pos"}, "label2id": None}, "must count the classes from 0"),
        ({"id2label": {"0": "neg", "1": "pos"}, "label2id": {"neg": 1, "pos": 0}}, "contradict each other"),
        ({"model_type": "gpt2"}, "is a gpt2 model"),
        ({"model_type": None, "architectures": None}, "tells no model_type; if it is a BERT, add"),
        ({"num_hidden_layers": 10**9}, "says 1000000000 layers, its weights have 4"),
        ({"vocab_size": 99}, r"word_embeddings.weight is 32 × 32, its config.json says 99 × 32"),
        ({"intermediate_size": 10**12}, "the two are of different models"),
    ],
)
def test_a_config_that_is_not_of_its_weights_is_refused(folder, fields, message):
    configure(folder, **fields)
    with pytest.raises(InputError, match=message):
        load(str(folder), LABELS)


def test_a_head_of_another_number_of_classes_is_made_anew_and_all_else_must_fit(folder):
    assert load(str(folder), ["a", "b", "c"])[0].classifier.weight.shape == (3, 32)
    spoil(folder, "bert.encoder.layer.1.output.dense.bias", lambda bias: bias[:7].clone())
    with pytest.raises(InputError, match=r"encoder.layer.1.output.dense.bias has another size"):
        load(str(folder), ["a", "b", "c"])


def test_a_bert_is_known_by_its_architecture_too(folder):
    configure(folder, model_type=None)
    assert load(str(folder), LABELS)[0].config.num_hidden_layers == 4


def test_weights_in_torchs_own_format_are_read_without_executing_anything(folder):
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    torch.save(weights, folder / "pytorch_model.bin")
    state = load(str(folder), LABELS)[0].state_dict()
    assert all(torch.equal(state[name], value) for name, value in weights.items())


class Evil:
    def __reduce__(self):
        return Path.touch, (Path("was-executed"),)


@pytest.mark.parametrize(
    "write", [lambda path: torch.save({"a": Evil()}, path), lambda path: path.write_bytes(pickle.dumps(Evil()))]
)
def test_a_pickle_in_place_of_weights_is_refused_and_not_executed(folder, write, monkeypatch):
    monkeypatch.chdir(folder)
    (folder / "model.safetensors").unlink()
    write(folder / "pytorch_model.bin")
    with pytest.raises(InputError, match=r"pytorch_model.bin: .*not"):
        load(str(folder), LABELS)
    assert not (folder / "was-executed").exists()


@pytest.mark.parametrize(
    ("lost", "found", "message"),
    [
        (["model.safetensors"], [], r"holds no weights .model.safetensors.; copy them"),
        (["model.safetensors"], ["tf_model.h5"], "holds TensorFlow weights alone .* from_tf=True"),
        (["model.safetensors"], ["flax_model.msgpack"], "holds Flax weights alone .* from_flax=True"),
        (["model.safetensors"], ["bert_model.ckpt.index"], "holds a TensorFlow checkpoint alone"),
        (["model.safetensors"], ["pytorch_model.bin.index.json"], "in several parts"),
        (["tokenizer.json"], [], r"holds no tokenizer .tokenizer.json or vocab.txt.; copy it"),
        (["config.json"], [], "holds no config.json"),
    ],
)
def test_what_a_folder_lacks_is_told_with_what_to_do(folder, lost, found, message):
    for name in lost:
        (folder / name).unlink()
    for name in found:
        (folder / name).touch()
    with pytest.raises(InputError, match=message) as error:
        load(str(folder), LABELS)
    assert "\n" not in str(error.value)


def test_weights_that_are_no_numbers_are_refused(folder):
    name = "bert.encoder.layer.1.output.dense.bias"
    spoil(folder, name, lambda bias: bias.fill_(float("nan")))
    with pytest.raises(InputError, match=f"{name} holds values that are not finite"):
        load(str(folder), LABELS)


def test_a_tokenizer_that_transformers_5_wrote_is_read_and_written_by_both(folder):
    config = folder / "tokenizer_config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"tokenizer_class": "TokenizersBackend"}))
    tokenizer = load(str(folder), LABELS)[1]
    assert len(tokenizer) == len(WORDS) and tokenizer.pad_token_id is not None
    assert tokenizer.save_pretrained(folder / "written")


def renumber(folder, token, number):
    path = folder / "tokenizer.json"
    tokenizer = json.loads(path.read_text())
    tokenizer["model"]["vocab"][token] = number
    path.write_text(json.dumps(tokenizer))


def test_the_vocabulary_reaches_to_the_highest_number_though_some_have_no_token(folder):
    renumber(folder, "w23", 40)
    with pytest.raises(InputError, match=r"has the token 'w23' with number 40, its embedding table 32 rows .0 to 31."):
        load(str(folder), LABELS)
    table = "bert.embeddings.word_embeddings.weight"
    spoil(folder, table, lambda rows: torch.cat([rows, rows])[:50])
    configure(folder, vocab_size=50)
    tokenizer = load(str(folder), LABELS)[1]
    assert len(tokenizer) == len(WORDS)
    assert vocabulary(tokenizer) == 41


def test_more_tokens_than_the_teacher_has_positions_are_refused(teacher):
    config = load(str(teacher), LABELS)[0].config
    settings = Settings(task="task", out="out", teacher=str(teacher))
    require_positions(40, config, settings)
    with pytest.raises(InputError, match=r"max_tokens 48: the teacher \S+ has 40 positions; give at most 40"):
        require_positions(48, config, settings)
