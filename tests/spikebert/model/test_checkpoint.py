"""Model files: what is refused, and that nothing foreign is ever executed."""

import os
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from spikebert.core.errors import InputError
from spikebert.model.checkpoint import TrainedModel, load_model, save_directory, save_model
from tests.spikebert.model.test_model import TOKENIZER, batch, small_model


@pytest.fixture
def file(tmp_path):
    save_model(TrainedModel(small_model(), TOKENIZER, ["a", "b"], {"task": "t"}), tmp_path / "model.pt")
    return tmp_path / "model.pt"


def test_a_model_comes_back_equal(file):
    trained = load_model(file)
    with torch.no_grad():
        assert torch.equal(trained.model(*batch()).logits, small_model()(*batch()).logits)
    assert (trained.labels, trained.training) == (["a", "b"], {"task": "t"})


def test_a_model_that_tells_of_neighbours_comes_back_equal_from_its_file_and_from_its_folder(tmp_path):
    trained = TrainedModel(small_model(neighbours=True), TOKENIZER, ["a", "b"], {})
    save_model(trained, tmp_path / "model.pt")
    save_directory(trained, tmp_path / "model")
    with torch.no_grad():
        for name in ("model.pt", "model"):
            again = load_model(tmp_path / name).model
            assert torch.equal(again(*batch()).logits, trained.model(*batch()).logits)


@pytest.mark.parametrize("neighbours", [False, True])
def test_the_card_tells_of_neighbours_where_the_model_does(tmp_path, neighbours):
    save_directory(TrainedModel(small_model(neighbours=neighbours), TOKENIZER, ["a", "b"], {}), tmp_path / "model")
    page = (tmp_path / "model/README.md").read_text("utf-8")
    assert ("up to 32 tokens, each told of those beside it." in page) == neighbours


@pytest.mark.parametrize("alone", [False, True])
def test_the_card_tells_of_blocks_without_an_mlp(tmp_path, alone):
    save_directory(TrainedModel(small_model(attention_only=alone), TOKENIZER, ["a", "b"], {}), tmp_path / "model")
    page = (tmp_path / "model/README.md").read_text("utf-8")
    assert ("blocks of attention alone ×" in page) == alone


@pytest.mark.parametrize("wrong", [{"interval": ["a", None]}, {"teacher_score": "high"}, {"score": [0.5]}])
def test_the_card_leaves_out_what_a_record_does_not_tell_in_numbers(wrong, tmp_path):
    record = {"metric": "spearman", "score": 0.5, "interval": [0.4, 0.6], "teacher_score": 0.7} | wrong
    model = small_model(num_labels=1, problem_type="regression")
    save_directory(TrainedModel(model, TOKENIZER, [], record), tmp_path / "model")
    page = (tmp_path / "model/README.md").read_text("utf-8")
    assert "its teacher" not in page
    assert ("Spearman correlation 0.5000 (95 %: 0.4000 to 0.6000) on its dev texts." in page) == (
        "teacher_score" in wrong
    )


def test_a_model_of_before_tells_of_no_neighbours(file):
    content = torch.load(file, weights_only=True)
    del content["config"]["neighbours"]
    torch.save(content, file)
    assert load_model(file).model.embeddings.neighbour is None


class Malicious:
    def __reduce__(self):
        return os.system, ("touch executed",)


def test_a_foreign_pickle_is_refused_and_not_executed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"format": Malicious()}, "evil.pt")
    Path("plain.pt").write_bytes(pickle.dumps(Malicious()))
    for name in ("evil.pt", "plain.pt"):
        with pytest.raises(InputError, match=name):
            load_model(name)
    assert not Path("executed").exists()


@pytest.mark.parametrize("keep", [0, 1, 100, 5000])
def test_a_truncated_file_is_one_clear_line(file, keep):
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(InputError) as error:
        load_model(file)
    assert "\n" not in str(error.value)


def test_weights_that_do_not_fit_the_config_are_refused(file):
    content = torch.load(file, weights_only=True)
    content["config"]["hidden_size"] = 48
    torch.save(content, file)
    with pytest.raises(InputError, match="do not fit the config"):
        load_model(file)


def test_a_state_dict_without_its_config_is_refused(tmp_path):
    torch.save(small_model().state_dict(), tmp_path / "other.pt")
    with pytest.raises(InputError, match="not a model that spikebert-train wrote"):
        load_model(tmp_path / "other.pt")


def test_an_empty_folder_is_no_model(tmp_path):
    with pytest.raises(InputError, match=r"config\.json is missing"):
        load_model(tmp_path)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("version", "1", "not a model that spikebert-train wrote"),
        ("version", 2, "format version 2 is newer"),
        ("tokenizer", 3, "the field 'tokenizer' is missing or damaged"),
        ("tokenizer", "{}", "the tokenizer cannot be read"),
        ("labels", ["a"], "must name 2 labels"),
        ("training", {"accuracy": torch.ones(1)}, "the field 'training' is damaged"),
        ("config", {"hidden_size": 12 * 2**14, "num_hidden_layers": 2}, "do not fit the config"),  # a terabyte
        ("config", {"num_hidden_layers": 2**40}, "do not fit the config"),
    ],
)
def test_a_damaged_field_is_named_before_memory_is_taken(file, field, value, message):
    content = torch.load(file, weights_only=True)
    torch.save({**content, field: value}, file)
    with pytest.raises(InputError, match=message):
        load_model(file)


@pytest.fixture
def folder(tmp_path):
    save_directory(TrainedModel(small_model(), TOKENIZER, ["a", "b"], {"task": "t"}), tmp_path / "model")
    return tmp_path / "model"


def test_all_files_of_a_model_folder_are_as_readable_as_any_new_file(folder, tmp_path):
    (tmp_path / "new").touch()
    assert {path.stat().st_mode for path in folder.iterdir()} == {(tmp_path / "new").stat().st_mode}


def test_a_model_folder_gives_the_model_of_the_file(file, folder):
    one, other = load_model(file), load_model(folder)
    with torch.no_grad():
        assert torch.equal(one.model(*batch()).logits, other.model(*batch()).logits)
    assert (one.tokenizer, one.labels, one.training) == (other.tokenizer, other.labels, other.training)


def test_a_folder_that_lacks_a_weight_is_refused_and_not_filled_with_random_numbers(folder):
    weights = load_file(folder / "model.safetensors")
    del weights["readout.head.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError, match=r"readout\.head\.weight is missing, not \(2, 24\)"):
        load_model(folder)
