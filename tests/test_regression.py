"""A regression over pairs: numbers for labels, from the rows to a predicted score that is equal everywhere."""

import json
import shutil
import subprocess

import numpy as np
import onnxruntime
import pytest

import spikebert
from deploy.cli import main as deploy
from export.cli import main as export
from export.ir import nir
from export.lower.qat_cli import main as qat
from simulate.cli import main as simulate
from simulate.energy.record import read_run
from simulate.report.report import read_report
from simulate.text import encode
from spikebert.cli import main
from spikebert.core.errors import InputError
from spikebert.data.tasks import load_task
from spikebert.model.checkpoint import load_model
from tests.deploy.bundle.test_c_reference import CC
from tests.random_graph import random_graph
from tests.spikebert.training.test_training import command, teacher

__all__ = ["teacher"]  # a fixture
PAIR = "w1 good\tw2 fine"
OTHER = "w3 bad\tw5 fine"


@pytest.fixture(scope="module")
def scores(tmp_path_factory):
    """A task of pairs like STS-B: the more alike two texts are, the higher the number, from 0 to 5."""
    folder = tmp_path_factory.mktemp("scores")
    rows = [
        f"{[0.4, 4.6][i % 2] + i % 3 / 10:.3f}\tw{i % 24} {['bad', 'good'][i % 2]}\t{['fine', 'fine'][i % 2]} w{i % 7}"
        for i in range(120)
    ]
    (folder / "train.tsv").write_text("\n".join(rows[:90]))
    (folder / "dev.tsv").write_text("\n".join(rows[90:]))
    return folder


@pytest.fixture(scope="module")
def trained(scores, teacher, tmp_path_factory):
    out = tmp_path_factory.mktemp("trained")
    more = ["--epochs", "6", "--stage1-epochs", "0", "--time-steps", "2"]
    assert main(command(scores, teacher, out / "run", *more)) == 0
    return out / "run"


@pytest.fixture(scope="module")
def model(trained):
    path = trained.parent / "model.nir"
    assert export([str(trained / "model.pt"), "-o", str(path)]) == 0
    return path


def test_labels_that_are_measured_are_numbers_and_those_that_are_named_are_classes(scores, tmp_path):
    task = load_task(str(scores))
    assert task.regression and task.pairs and task.labels == []
    assert 0.4 < task.mean < 4.8 and task.spread > 1
    assert not load_task(str(scores), problem="classes").regression
    (tmp_path / "ratings.tsv").write_text("".join(f"{i % 5}\ttext {i}\n" for i in range(40)))
    assert not load_task(str(tmp_path / "ratings.tsv")).regression
    assert load_task(str(tmp_path / "ratings.tsv"), problem="numbers").regression


def test_a_label_that_is_no_number_among_numbers_is_refused(scores, tmp_path):
    (tmp_path / "dev.tsv").write_text("much\tw1\tw2\n")
    with pytest.raises(InputError, match="dev row 1 has the label 'much'"):
        load_task(str(scores), str(tmp_path / "dev.tsv"))


def test_a_student_learns_the_numbers_and_its_record_has_a_correlation_and_no_accuracy(trained):
    training = load_model(trained / "model.pt").training
    assert training["metric"] == "spearman" and training["score"] > 0.3
    assert training["accuracy"] is None and training["majority"] is None
    assert "It predicts a number" in (trained / "model" / "README.md").read_text("utf-8")
    again = load_model(trained / "model")
    assert again.labels == [] and again.model.config.num_labels == 1


def test_the_file_has_no_labels_and_a_version_that_older_readers_refuse(model):
    graph = nir.read(model)
    assert graph.labels == () and graph.outputs == 1 and nir.needed_version(graph) == 6  # its texts are pairs


def test_a_predicted_score_is_near_the_float_models_and_in_the_unit_of_the_labels(trained, model):
    exact = spikebert.load(model).predict([PAIR, OTHER])
    floats = spikebert.load(trained / "model.pt").predict([PAIR, OTHER])
    assert all(isinstance(score, float) for score in exact)
    assert exact == pytest.approx(floats, abs=1.0) and exact[0] > exact[1]


def test_the_command_tells_scores_and_their_correlation(scores, model, tmp_path, capsys):
    assert simulate([str(model), "--data", str(scores / "dev.tsv"), "--out", str(tmp_path / "run")]) == 0
    printed = capsys.readouterr().out
    assert "Spearman correlation" in printed and "accuracy" not in printed and "majority" not in printed
    head, first, *_ = (tmp_path / "run" / "predictions.tsv").read_text("utf-8").splitlines()
    assert head == "label\tscore\tlogit\ttext"
    _, score, logit, *_ = first.split("\t")
    scale = float(nir.read(model).nodes[-1].arrays["scale"][0])
    assert float(score) == pytest.approx(int(logit) * scale, abs=1e-6)
    run = read_run(tmp_path / "run")
    assert run.metric == "spearman" and run.accuracy is None
    report = read_report(tmp_path / "run")
    assert report.panels and json.loads(json.dumps(run.score)) == run.score
    assert simulate([str(model), "--data", str(scores / "dev.tsv"), "--limit", "2", "--format", "jsonl"]) == 0
    row = json.loads(capsys.readouterr().out.splitlines()[0])
    assert sorted(row) == ["label", "logit", "score", "text"] and isinstance(row["label"], float)


def test_all_simulators_give_the_same_scores(scores, trained, model, capsys):
    data = ["--data", str(scores / "dev.tsv"), "--limit", "2"]
    assert simulate(["verify", str(model), *data, "--against", str(trained / "model.pt")]) == 0
    printed = capsys.readouterr().out
    assert "mean distance of scores" in printed and "Spearman correlation" in printed and "accuracy  " not in printed


def test_a_model_of_folded_norms_gives_the_same_scores_everywhere(scores, teacher, tmp_path):
    shape = ["--norm", "batch", "--reset", "zero", "--residual", "membrane", "--time-steps", "1", "--blocks", "1"]
    short = ["--epochs", "2", "--stage1-epochs", "0", "--teacher-epochs", "1"]
    assert main(command(scores, teacher, tmp_path / "run", *shape, *short)) == 0
    assert export([str(tmp_path / "run" / "model.pt"), "-o", str(tmp_path / "model.nir")]) == 0
    data = ["--data", str(scores / "dev.tsv"), "--limit", "2"]
    assert simulate(["verify", str(tmp_path / "model.nir"), *data]) == 0
    assert export([str(tmp_path / "model.nir"), "--to", "nir-stages", "-o", str(tmp_path / "stages")]) == 0


def test_parts_and_thresholds_are_judged_by_the_correlation(scores, model, tmp_path, capsys):
    data = ["--data", str(scores / "dev.tsv"), "--limit", "8"]
    assert simulate(["ablate", str(model), *data, "-o", str(tmp_path / "ablation.json")]) == 0
    assert json.loads((tmp_path / "ablation.json").read_text("utf-8"))["metric"] == "spearman"
    assert simulate(["sweep", str(model), *data, "--metric", "pearson", "--factors", "1"]) == 0
    printed = capsys.readouterr().out
    assert "whole model: Spearman correlation" in printed and "| Pearson correlation |" in printed


def test_an_export_tells_how_far_the_numbers_are_from_the_float_models(scores, trained, tmp_path, capsys):
    arguments = [str(trained / "model.pt"), "--compare", str(scores / "dev.tsv"), "-o", str(tmp_path / "model.nir")]
    assert export([*arguments, "--report", str(tmp_path / "report.json")]) == 0
    assert "spearman float" in capsys.readouterr().out
    found = json.loads((tmp_path / "report.json").read_text("utf-8"))["comparison"]
    assert found["integer"]["accuracy"] is None and 0 <= found["largest_difference"] < 2


def test_quantisation_aware_training_goes_on_by_the_squared_error(scores, trained, tmp_path, capsys):
    arguments = [str(trained / "model.pt"), "--task", str(scores), "--bits", "4", "--epochs", "1"]
    assert qat([*arguments, "--out", str(tmp_path / "qat")]) == 0
    assert "Spearman correlation" in capsys.readouterr().out
    assert load_model(tmp_path / "qat" / "model.pt").training["metric"] == "spearman"


@pytest.mark.parametrize("kind", ["textcnn", "snn-textcnn", "spikformer"])
def test_the_other_networks_learn_numbers_too(kind, scores, teacher, tmp_path):
    out = tmp_path / "run"
    arguments = f"baseline {kind} --task {scores} --teacher {teacher} --preset tiny --epochs 2 --batch-size 16"
    assert main([*arguments.split(), "--out", str(out)]) == 0
    result = json.loads((out / "result.json").read_text("utf-8"))
    assert result["metric"] == "spearman" and result["accuracy"] is None and result["score"] is not None


def test_the_integer_onnx_model_gives_the_same_score(model, tmp_path):
    assert export([str(model), "--to", "onnx-integer", "-o", str(tmp_path / "int.onnx")]) == 0
    graph = nir.read(model)
    (tokens,) = encode(graph, [PAIR], "text")
    inputs = {"input_ids": tokens[None], "attention_mask": np.ones((1, len(tokens)), np.int64)}
    (logits,) = onnxruntime.InferenceSession(tmp_path / "int.onnx").run(None, inputs)
    score = int(logits[0, 0]) * float(graph.nodes[-1].arrays["scale"][0])
    assert [score] == spikebert.load(model).predict([PAIR])


@pytest.mark.skipif(CC is None, reason="no C compiler here")
def test_the_bundle_verifies_and_its_c_reference_prints_the_same_scores(scores, model, tmp_path, capsys):
    bundle = tmp_path / "bundle"
    golden = ["--data", str(scores / "dev.tsv"), "--golden", "2"]
    assert deploy(["bundle", str(model), *golden, "-o", str(bundle)]) == 0
    assert deploy(["verify", str(bundle), "--no-lava"]) == 0
    program = tmp_path / "reference"
    subprocess.run([CC, "-std=c99", "-O1", "-o", program, bundle / "reference" / "reference.c"], check=True)
    files = [bundle / "reference" / name for name in ("model.bin", "golden.bin")]
    done = subprocess.run([program, *files], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line.split("\t", 1)[1] for line in (scores / "dev.tsv").read_text().splitlines()[:2]]
    ours = [f"text {i}: score {score:.6f}" for i, score in enumerate(spikebert.load(model).predict(rows))]
    assert done.stdout.splitlines()[:2] == ours
    shutil.rmtree(bundle)


def test_what_a_number_does_not_have_is_refused_by_name(scores, model, capsys):
    data = ["--data", str(scores / "dev.tsv")]
    for arguments, fault in (
        ([str(model), *data, "--exit-margin", "1"], "predicts a number, which is ahead of no other"),
        ([str(model), *data, "--metric", "f1"], "is of classes, and here numbers are predicted"),
        (["sweep", str(model), *data, "--margins", "1"], "--margins 1: the model predicts a number, which is ahead of"),
    ):
        assert simulate(arguments) == 2
        assert fault in capsys.readouterr().err
    with pytest.raises(InputError, match="has no probability"):
        spikebert.load(model).predict_proba([PAIR])
    with pytest.raises(InputError, match="the readout has 3 outputs"):
        from dataclasses import replace

        from export.ir.validate import validate

        validate(replace(random_graph(), labels=()))


def test_a_label_of_the_data_that_is_no_number_is_refused(model, tmp_path, capsys):
    (tmp_path / "dev.tsv").write_text("much\tw1\tw2\n")
    assert simulate([str(model), "--data", str(tmp_path / "dev.tsv")]) == 2
    assert "text 1 has the label 'much'; the model predicts a number" in capsys.readouterr().err


def test_a_pipeline_gives_the_number_as_transformers_does(model):
    (found,) = spikebert.pipeline(str(model))(PAIR)
    assert found["label"] == "LABEL_0" and found["score"] == spikebert.load(model).predict([PAIR])[0]
