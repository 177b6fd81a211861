"""The run of spikebert-train qat: it knows the labels of its data by what the model was trained on, or by --labels."""

from dataclasses import replace

import pytest

from export.lower.qat_cli import main
from spikebert.model.checkpoint import load_model, save_model
from tests.export.lower.test_lower import model_with_character


@pytest.fixture
def model(tmp_path):
    trained = replace(
        model_with_character(), labels=["negative", "positive"], training={"labels": "0=negative,1=positive"}
    )
    save_model(trained, tmp_path / "model.pt")
    return str(tmp_path / "model.pt")


def qat(model, folder, names, *options):
    path = folder / "task.tsv"
    path.write_text("".join(f"{names[i % 2]}\tgood film {i}\n" for i in range(40)))
    return main([model, "--task", str(path), "--batch-size", "20", "--out", str(folder / "run"), *options])


@pytest.mark.parametrize("names, options", [("01", ()), ("xy", ("--labels", "x=negative,y=positive"))])
def test_labels_are_the_models_or_those_of_its_training_or_named(names, options, model, tmp_path):
    assert qat(model, tmp_path, names, *options) == 0
    assert load_model(tmp_path / "run" / "model.pt").labels == ["negative", "positive"]


def test_other_labels_are_refused_with_the_option_that_names_them(model, tmp_path, capsys):
    assert qat(model, tmp_path, "xy") == 2
    assert "the model knows negative, positive; give the data's own names with --labels" in capsys.readouterr().err
