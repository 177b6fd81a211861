"""The accuracy of a BERT of the model's shape, noted in the exported file."""

import dataclasses
import json

import pytest

from export.cli import main
from export.ir import nir
from export.same_shape import with_same_shape
from spikebert.core.errors import InputError
from tests.random_graph import random_graph

RESULT = {"stage": "teacher", "accuracy": 0.75, "majority": 0.5, "metric": "f1:1", "score": 0.7}


@pytest.fixture
def graph():
    return dataclasses.replace(random_graph(), metadata={"training": {"majority": 0.5, "seed": 1, "metric": "f1:1"}})


def run(folder, graph, result=RESULT, layers=2, width=None):
    (folder / "model").mkdir(parents=True)
    config = {"num_hidden_layers": layers, "hidden_size": width or graph.nodes[0].width}
    (folder / "model" / "config.json").write_text(json.dumps(config))
    (folder / "metrics.jsonl").write_text('{"loss": 1}\n' + json.dumps(result) + "\n")
    return folder


def test_the_exported_file_notes_the_accuracy_and_computes_as_before(graph, tmp_path, capsys):
    nir.write(graph, tmp_path / "model.nir")
    told = str(run(tmp_path / "bert", graph))
    assert main([str(tmp_path / "model.nir"), "--same-shape", told, "-o", str(tmp_path / "noted.nir")]) == 0
    before, noted = (nir.read(tmp_path / f"{name}.nir") for name in ("model", "noted"))
    told = {name: RESULT[name] for name in ("accuracy", "majority", "metric", "score")}
    assert noted.metadata["training"] == {**graph.metadata["training"], "same_shape": told}
    assert nir.checksum(noted) == nir.checksum(graph)
    assert repr(dataclasses.replace(noted, metadata={})) == repr(dataclasses.replace(before, metadata={}))


def test_of_a_model_of_numbers_the_score_alone_is_noted(graph, tmp_path):
    graph = dataclasses.replace(graph, metadata={"training": {"majority": None, "metric": "spearman"}})
    result = {"accuracy": None, "majority": None, "metric": "spearman", "score": 0.6}
    assert with_same_shape(graph, run(tmp_path / "bert", graph, result)).metadata["training"]["same_shape"] == result


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layers": 3}, "3 layers of width"),
        ({"width": 8}, "of width 8"),
        ({"result": {"loss": 1}}, "no finished training"),
        ({"result": RESULT | {"score": float("nan")}}, "no finished training"),
        ({"result": RESULT | {"score": 10**400}}, "no finished training"),
        ({"result": RESULT | {"majority": 0.6}}, "other texts"),
        ({"result": RESULT | {"metric": "accuracy"}}, "measured by accuracy, and the model by f1:1"),
    ],
)
def test_another_shape_other_texts_and_an_unfinished_training_are_refused(graph, tmp_path, changes, message):
    folder = run(tmp_path / "bert", graph, **changes)
    with pytest.raises(InputError, match=message) as raised:
        with_same_shape(graph, folder)
    assert raised.value.field == "same_shape"
