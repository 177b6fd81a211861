"""The simulator as a command: what a run folder holds, and the one line that each fault gets."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from export.ir import nir
from simulate.cli import main as simulate
from simulate.counts import counts_of
from simulate.energy.record import read_run
from simulate.fast import FastSimulator
from simulate.predictions import FORMATS
from simulate.run import ModelFile, predict, run_texts
from simulate.text import Texts, read_data
from spikebert.core.files import LIST
from spikebert.data.columns import Columns
from tests.fuzz.originals import tokenizer
from tests.random_graph import random_graph


@pytest.fixture
def model(tmp_path):
    """An exported model with a tokenizer of a few words."""
    path = tmp_path / "model.nir"
    nir.write(replace(random_graph(), tokenizer=tokenizer()), path)
    return path


@pytest.fixture
def run(model, tmp_path, capsys):
    data = tmp_path / "dev.tsv"
    data.write_text("label0\ta good film\nlabel1\ta very bad film\nlabel1\tbad\n", "utf-8")
    assert simulate([str(model), "--data", str(data), "--out", str(tmp_path / "run"), "--spikes"]) == 0
    capsys.readouterr()
    return tmp_path / "run"


def test_a_dash_is_no_text(model, capsys):
    assert simulate([str(model), "--text", "-"]) == 2
    assert "--text -: texts from standard input are data, one a line: --data -" in capsys.readouterr().err


def test_without_a_text_to_look_at_no_trace_is_left(model, tmp_path):
    texts = ["--text", "a good film", "--out", str(tmp_path / "run")]
    assert simulate([str(model), *texts, "--trace", "0"]) == 0
    assert not (tmp_path / "run" / "trace.npz").exists()
    assert simulate([str(model), *texts]) == 0
    assert (tmp_path / "run" / "trace.npz").exists()


def test_a_run_folder_holds_counts_predictions_spikes_and_one_text_seen_closely(run):
    assert sorted(p.name for p in run.iterdir()) == [LIST, "counts.json", "predictions.tsv", "spikes.npz", "trace.npz"]
    spikes = np.load(run / "spikes.npz")
    for layer in json.loads((run / "counts.json").read_text())["layers"]:
        assert spikes[layer["name"]].sum() == layer["spikes"]


def test_predictions_are_a_line_a_text_whatever_the_labels_hold(tmp_path):
    path = tmp_path / "model.nir"
    graph = random_graph()
    nir.write(replace(graph, tokenizer=tokenizer(), labels=("one\nclass", "another\tclass", *graph.labels[2:])), path)
    texts = ["--text", "a good film", "--text", "bad\rfilm", "--out", str(tmp_path / "run")]
    assert simulate([str(path), *texts]) == 0
    lines = (tmp_path / "run" / "predictions.tsv").read_bytes().decode().splitlines()
    assert len(lines) == 3
    assert {line.count("\t") for line in lines} == {3 + len(graph.labels)}


@pytest.fixture
def two_classes(tmp_path):
    """A model of two classes, as one that was trained on CoLA is; and texts of both."""
    path, data = tmp_path / "model.nir", tmp_path / "dev.tsv"
    metadata = {"training": {"metric": "matthews"}}
    nir.write(replace(random_graph(labels=2), tokenizer=tokenizer(), metadata=metadata), path)
    data.write_text("label0\ta good film\nlabel1\ta very bad film\nlabel1\tbad\nlabel0\tgood\n", "utf-8")
    return [str(path), "--data", str(data)]


def test_a_model_knows_what_its_training_data_called_its_labels(tmp_path, capsys):
    path, data = tmp_path / "model.nir", tmp_path / "dev.tsv"
    metadata = {"training": {"labels": "0=label0,1=label1"}}
    nir.write(replace(random_graph(labels=2), tokenizer=tokenizer(), metadata=metadata), path)
    data.write_text("0\ta good film\nlabel1\ta very bad film\n", "utf-8")
    assert simulate([str(path), "--data", str(data), "--format", "tsv"]) == 0
    assert [line.split("\t")[0] for line in capsys.readouterr().out.splitlines()[1:]] == ["label0", "label1"]
    data.write_text("2\ta good film\n", "utf-8")
    assert simulate([str(path), "--data", str(data)]) == 2
    assert "text 1 has the label '2'" in capsys.readouterr().err


@pytest.mark.parametrize("form", ["tsv", "jsonl"])
def test_predictions_are_written_as_they_come_and_are_those_of_one_run(two_classes, form):
    graph, texts = nir.read(two_classes[0]), read_data(two_classes[2], Columns(), None)
    whole = run_texts(graph, ModelFile("model.nir", ""), texts)
    found = predict(graph, texts, together=8)
    first = next(found)
    assert len(first[1].texts) < len(texts.texts)
    lines = list(FORMATS[form].lines(graph, [first, *found]))
    assert lines == list(FORMATS[form].lines(graph, [(whole.result, whole.texts)]))


def test_a_text_that_the_model_cannot_take_is_told_before_anything_is_written(two_classes, tmp_path, capsys):
    data = tmp_path / "long.tsv"
    data.write_text("label0\tgood\nlabel1\t" + "bad " * 99 + "\n", "utf-8")
    assert simulate([two_classes[0], "--data", str(data), "--format", "tsv"]) == 2
    printed = capsys.readouterr()
    assert printed.out == "" and "text 2" in printed.err


def test_the_exported_file_alone_says_which_metric_its_task_has(two_classes, tmp_path, capsys):
    assert simulate([*two_classes, "--out", str(tmp_path / "run")]) == 0
    printed = capsys.readouterr().out
    assert "Matthews correlation" in printed and "accuracy" in printed
    counts = read_run(tmp_path / "run")
    assert counts.metric == "matthews" and counts.score is not None and len(counts.interval) == 2


def test_another_metric_may_be_asked_for(two_classes, tmp_path, capsys):
    assert simulate([*two_classes, "--metric", "f1:label1"]) == 0
    assert "F1 of 'label1'" in capsys.readouterr().out
    assert simulate([*two_classes, "--metric", "f1"]) == 2
    assert "--metric f1: F1 is of one class; say which, f1:label0 or f1:label1" in capsys.readouterr().err
    assert simulate([two_classes[0], "--text", "good", "--metric", "f1:label1"]) == 2
    assert "these have none" in capsys.readouterr().err


def test_what_is_counted_changes_nothing_that_is_printed_but_the_layers(two_classes, tmp_path, capsys):
    printed = {}
    for counts in ("none", "layers", "all"):
        assert simulate([two_classes[0], "--text", "a good film", "--counts", counts]) == 0
        printed[counts] = capsys.readouterr().out.partition("\nstart-up")[0]
    assert printed["layers"] == printed["all"]
    assert "firing rate" in printed["layers"]
    assert printed["none"] == printed["all"].partition("\nlayer ")[0]


def test_a_run_that_counted_its_layers_alone_tells_all_counts_when_asked(two_classes):
    texts = Texts("here", ["a good film", "bad"], None)
    path = Path(two_classes[0])
    graph, file = nir.read(path), ModelFile.of(path)
    layers, whole = (run_texts(graph, file, texts, counting=counting) for counting in ("layers", "all"))
    assert layers.rates == whole.rates
    assert layers.energy("events") == whole.energy("events")


def test_texts_are_read_from_columns_that_are_named(model, tmp_path, capsys):
    data = tmp_path / "dev.csv"
    data.write_text("id,class,tweet\n1,label0,a good film\n2,label1,bad\n", "utf-8")
    columns = ["--label-column", "class", "--text-column", "tweet"]
    assert simulate([str(model), "--data", str(data), *columns]) == 0
    assert "2 texts on fast: accuracy" in capsys.readouterr().out
    assert simulate([str(model), "--data", str(data)]) == 2
    assert "say which with --label-column and --text-column" in capsys.readouterr().err


def test_synaptic_operations_are_input_events_times_fan_out():
    graph = random_graph()
    rng = np.random.default_rng(0)
    sentences = [rng.integers(0, 50, n) for n in (4, 7)]
    result = FastSimulator(graph).run(sentences, record=True)
    linears = {o["name"]: o for o in counts_of(graph, result, [4, 7])["operations"] if o["kind"] == "linear"}
    first = linears["blocks.0.mlp.down.linear"]
    assert first["synaptic_operations"] == int(result.spikes["blocks.0.mlp.up.lif"].sum()) * first["outputs"]
    # The stream behind attention is the sum of two spike trains: its events of value k count k times.
    stream = result.spikes["embeddings.lif"] + result.spikes["blocks.0.attention.output.lif"]
    graded = linears["blocks.0.mlp.up.linear"]
    assert graded["input_magnitude"] == stream.sum(dtype=int)
    assert graded["input_events"] == np.count_nonzero(stream)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--text", " "], "text 1: the text is empty"),
        (["--text", "a " * 20], "20 tokens, but the model takes at most 16"),
        (["--text", "caf\udce9"], "text 1: not UTF-8"),
        (["--data", "none.tsv"], "none.tsv: no such data file"),
        (["--text", "a", "--spikes"], "--spikes needs --out"),
        (["--text", "a", "--counts", "layers", "--out", "run"], "--counts layers: --out keeps counts.json"),
    ],
)
def test_bad_input_to_the_simulator_is_one_clear_line(model, capsys, arguments, message):
    assert simulate([str(model), *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_an_unknown_label_is_named(model, tmp_path, capsys):
    (tmp_path / "d.tsv").write_text("label0\ta film\nhappy\tgood\n")
    assert simulate([str(model), "--data", str(tmp_path / "d.tsv"), "--out", str(tmp_path / "r")]) == 2
    assert "text 2 has the label 'happy'" in capsys.readouterr().err
    assert not (tmp_path / "r").exists()


def test_a_folder_that_is_no_run_is_left_alone(model, tmp_path, capsys):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    assert simulate([str(model), "--text", "good", "--out", str(tmp_path / "mine")]) == 2
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def test_a_run_never_replaces_the_texts_that_it_reads(model, run, capsys):
    texts = (run / "predictions.tsv").read_bytes()
    assert simulate([str(model), "--data", str(run / "predictions.tsv"), "--out", str(run)]) == 2
    assert "is read or written by this command, too; choose another name" in capsys.readouterr().err
    assert (run / "predictions.tsv").read_bytes() == texts


def test_a_place_where_nothing_can_be_written_is_named_before_the_simulation(model, capsys):
    assert simulate([str(model), "--text", "good", "--out", "/proc/none/run"]) == 2
    printed = capsys.readouterr()
    assert "--out /proc/none/run: nothing can be written into /proc" in printed.err
    assert printed.err.count("\n") == 1 and not printed.out


@pytest.mark.needs("torch")
def test_a_model_that_verify_cannot_compare_with_is_refused_before_the_first_backend(model, tmp_path, capsys):
    (tmp_path / "other.pt").write_text("no model")
    (tmp_path / "d.tsv").write_text("label0\ta film\n")
    data = ["--data", str(tmp_path / "d.tsv"), "--against", str(tmp_path / "other.pt")]
    assert simulate(["verify", str(model), *data]) == 2
    error = capsys.readouterr().err
    assert "other.pt" in error and "running" not in error


def test_long_texts_can_be_cut(model, capsys):
    assert simulate([str(model), "--text", "a " * 20, "--truncate"]) == 0


@pytest.mark.needs("lava")
def test_the_simulator_and_the_report_need_no_torch():
    code = (
        "import sys; import simulate.run, simulate.text, simulate.fast, simulate.lava, simulate.lava_worker, "
        "simulate.report.cli, export.ir.nir, export.lava.build, deploy.cli, deploy.chips.resources; "
        "assert not {'torch', 'transformers'} & set(sys.modules), 'loaded'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
