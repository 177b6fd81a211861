"""`spikebert inspect`: what a path is, for people and for programs."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import nir
import numpy as np
import pytest

import spikebert
from deploy.workbench.cli import main
from export.formats.targets import TARGETS
from export.ir.nir import write
from spikebert.core.errors import InputError
from tests.random_graph import random_graph
from tests.simulate.example_run import example_run


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with model.nir and run/."""
    folder = tmp_path_factory.mktemp("inspect")
    example_run(folder, norm="batch", reset="zero")
    return folder


def test_a_model_is_told_layer_by_layer(made):
    found = spikebert.inspect(made / "model.nir")
    assert found.kind == "exported SpikeBERT, an integer graph"
    assert found.facts["labels"] == ["label0", "label1", "label2"] and found.facts["decay"] == 410
    rows = {row["name"]: row for row in found.tables["layers"]}
    linear = rows["blocks.0.mlp.up.linear"]
    assert (linear["kind"], linear["shape"], linear["synapses"], linear["bits"]) == ("Linear", "12 × 24", 288, 8)
    assert linear["bound"] < 2 ** linear["accumulator_bits"]
    assert rows["blocks.0.mlp.up.lif"]["accumulator_bits"] == 24
    assert sum(row["weight_bytes"] or 0 for row in rows.values()) == found.facts["weight_bytes"]


@pytest.mark.parametrize("record", ["a text", [1], 5, None])
def test_a_record_of_a_training_that_is_no_object_tells_nothing(record, tmp_path):
    graph = replace(random_graph(norm="batch", reset="zero"), metadata={"training": record})
    write(graph, tmp_path / "model.nir")
    facts = spikebert.inspect(tmp_path / "model.nir").facts
    assert (facts["task"], facts["made_by"]) == (None, {"training": "not stated"})
    assert graph.training == {}


def test_of_an_embedding_with_neighbours_both_tables_are_told(tmp_path):
    graph = random_graph(neighbours=True)
    table = np.full_like(graph.nodes[0].neighbour, -128)
    write(replace(graph, nodes=(replace(graph.nodes[0], neighbour=table), *graph.nodes[1:])), tmp_path / "model.nir")
    row = spikebert.inspect(tmp_path / "model.nir").tables["layers"][0]
    assert (row["shape"], row["bits"], row["weight_bytes"]) == ("2 × 50 × 12", 8, 2 * 50 * 12 + 16 * 12 * 2)
    assert "-128" in str(row["weights"]) or "−128" in str(row["weights"])


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, "the word; its position"),
        ({"neighbours": True}, "the word; its position; the tokens beside it"),
        (
            {"separator": 3, "shared_words": 1},
            "the word; its position, another one where both texts have the word",
        ),
    ],
)
def test_what_the_host_looks_up_is_told(tmp_path, options, told):
    write(random_graph(norm="batch", reset="zero", **options), tmp_path / "model.nir")
    assert spikebert.inspect(tmp_path / "model.nir").facts["host_looks_up"] == told


def test_the_json_is_what_the_facts_and_tables_are(made, capsys):
    assert main(["inspect", str(made / "model.nir"), "--json"]) == 0
    content, found = json.loads(capsys.readouterr().out), spikebert.inspect(made / "model.nir")
    assert content["format"] == "spikebert-inspection"
    assert {name: content[name] for name in found.facts} == found.facts
    assert content["layers"] == found.tables["layers"]


def test_what_a_target_refuses_is_what_writing_it_refuses(tmp_path):
    graph = random_graph(norm="layer")
    write(graph, tmp_path / "model.nir")
    told = spikebert.inspect(tmp_path / "model.nir").facts["targets"]
    assert told.keys() == TARGETS.keys()
    for name, target in TARGETS.items():
        if target.floats:
            continue
        try:
            target.write(graph, tmp_path / name)
        except InputError as error:
            assert told[name] == str(error)
        else:
            assert told[name] == "takes it"


def test_a_chip_that_cannot_hold_it_says_why(made):
    assert "loihi2-chip" in spikebert.inspect(made / "model.nir").facts["chips"]["loihi2"]


def test_a_run_tells_accuracy_rates_and_energy(made):
    found = spikebert.inspect(made / "run")
    assert found.facts["samples"] == 3 and found.facts["accuracy"] is not None
    assert "events" in found.facts["energy"]
    assert len(found.tables["layers"]) == 11 and "firing rate" in str(found)


def test_stages_tell_what_the_host_computes(made, tmp_path):
    spikebert.load(made / "model.nir").export("nir-stages", tmp_path / "parts")
    found = spikebert.inspect(tmp_path / "parts")
    assert {row["computed_by"] for row in found.tables["parts"]} >= {"the host", "00.nir"}


def test_a_stock_file_is_told_node_by_node(tmp_path):
    lif = nir.LIF(tau=np.ones(3) * 1e-2, r=np.ones(3), v_leak=np.zeros(3), v_threshold=np.ones(3))
    nodes = {
        "input": nir.Input({"input": np.array([2])}),
        "w": nir.Linear(np.ones((3, 2))),
        "lif": lif,
        "output": nir.Output({"output": np.array([3])}),
    }
    nir.write(tmp_path / "stock.nir", nir.NIRGraph(nodes, [("input", "w"), ("w", "lif"), ("lif", "output")]))
    found = spikebert.inspect(tmp_path / "stock.nir")
    assert found.facts["spiking_neurons"] == 3 and found.facts["synapses"] == 6
    assert [row["kind"] for row in found.tables["layers"]] == ["Input", "Linear", "LIF", "Output"]


def test_a_mapping_tells_its_cores(made, tmp_path):
    spikebert.load(made / "model.nir").map("loihi2").save(tmp_path / "map")
    found = spikebert.inspect(tmp_path / "map")
    assert found.facts["cores_used"] == sum(row["cores"] for row in found.tables["layers"])


@pytest.mark.parametrize("what", ["nothing", "folder", "counts"])
def test_what_is_nothing_of_ours_is_one_line(made, tmp_path, capsys, what):
    path = {"nothing": tmp_path / "none", "folder": tmp_path, "counts": made / "run" / "counts.json"}[what]
    assert main(["inspect", str(path)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and str(path) in error


def test_a_damaged_record_is_one_line(made, tmp_path, capsys):
    shutil.copytree(made / "run", tmp_path / "run")
    Path(tmp_path / "run" / "counts.json").write_text('{"format": "spikebert-counts"}', "utf-8")
    assert main(["inspect", str(tmp_path / "run")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
