"""What `spikebert inspect` tells of a model as it was trained, and of the folder of a training."""

import json
from dataclasses import replace

import pytest

from spikebert import inspect
from spikebert.model.checkpoint import save_directory, save_model
from tests.export.lower.test_lower import model_with_character


@pytest.fixture(params=["model.pt", "model", "run"])
def trained(request, tmp_path):
    model = replace(model_with_character(), training={"task": "films", "accuracy": 0.75})
    path = tmp_path / request.param
    if request.param == "model":
        save_directory(model, path)
        return path
    if request.param == "run":
        path.mkdir()
        (path / "settings.json").write_text(json.dumps({"task": "films", "seed": 3}), "utf-8")
    save_model(model, path / "model.pt" if request.param == "run" else path)
    return path


def test_a_trained_model_is_told_by_its_file_its_folder_and_its_run(trained):
    found = inspect(trained)
    assert found.facts["labels"] == ["a", "b"] and "films" in str(found)
    assert found.facts.get("finished", True)
