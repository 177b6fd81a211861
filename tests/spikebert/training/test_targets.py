"""Teacher outputs on disk: what is read is what was computed, and a killed run goes on with it."""

import contextlib
import time

import numpy as np
import pytest
import torch
from transformers import BertForSequenceClassification

from spikebert.cli import main
from spikebert.model.checkpoint import load_model
from spikebert.model.precision import products
from spikebert.training import targets
from spikebert.training.loop import Batch, Example
from spikebert.training.run import Run
from spikebert.training.settings import Settings
from spikebert.training.targets import CachedTeacher, cached
from spikebert.training.teacher import Teacher
from tests.processes import finish, start
from tests.spikebert.training.test_training import command, task, teacher

__all__ = ["task", "teacher"]  # fixtures
EXAMPLES = [Example([2, *range(4, 4 + i % 7), 3], i % 2) for i in range(150)]
LAYERS = [2, 2, 4]


@pytest.fixture
def bert(teacher):
    return Teacher(BertForSequenceClassification.from_pretrained(teacher))


@pytest.fixture
def run(tmp_path):
    return Run(Settings(task="task", out=str(tmp_path / "run")), "student")


def batch(*indices):
    return Batch.of([EXAMPLES[i] for i in indices], indices)


@pytest.mark.parametrize(("form", "tolerance"), [("float32", 1e-5), ("float16", 2e-3)])
def test_what_is_kept_is_what_the_teacher_gives(bert, run, form, tolerance):
    kept = CachedTeacher(bert, LAYERS, EXAMPLES, run, "stage2")
    kept.format = np.dtype(form)
    kept.prepare()
    some = batch(149, 3, 80, 6)
    one, two = kept.targets(some, LAYERS), bert.targets(some, LAYERS)
    assert torch.equal(one.embeddings, two.embeddings)
    assert torch.allclose(one.logits, two.logits, atol=1e-5)
    assert len(one.features) == 3
    for a, b in zip(one.features, two.features, strict=True):
        assert a.dtype == torch.float32
        assert torch.allclose(a, b, atol=tolerance)


def test_a_teacher_in_bf16_is_kept_as_it_computes(bert, run):
    kept = CachedTeacher(bert, LAYERS, EXAMPLES, run, "stage2", "bf16")
    kept.prepare()
    some = batch(149, 3, 80, 6)
    with products(torch.device("cpu"), "bf16"):
        rounded = bert.targets(some, LAYERS)
    found, exact = kept.targets(some, LAYERS).features[2], bert.targets(some, LAYERS).features[2]
    assert torch.allclose(found, rounded.features[2].float(), atol=1e-2)  # the batch that was kept held other texts
    assert 1e-4 < (found - exact).abs().max() < 0.1


def test_only_the_aligned_layers_are_kept_and_the_size_is_known_before(bert, run):
    kept = CachedTeacher(bert, LAYERS, EXAMPLES, run, "stage2")
    kept.prepare()
    (folder,) = run.folder.glob("stage2.targets-*")
    assert np.load(folder / "features.npy").shape == (sum(len(e.tokens) for e in EXAMPLES), 2, 32)
    assert 0 < sum(f.stat().st_size for f in folder.iterdir()) - kept.size("float32") < 512  # two headers


def test_a_finished_file_is_not_computed_again_and_an_unfinished_or_foreign_one_is(bert, run):
    CachedTeacher(bert, LAYERS, EXAMPLES, run, "stage2").prepare()
    (folder,) = run.folder.glob("stage2.targets-*")
    written = (folder / "features.npy").stat().st_mtime_ns
    (run.folder / ".spikebert-tmp-abcdefgh").mkdir()  # of a killed process
    CachedTeacher(bert, LAYERS, EXAMPLES, run, "stage2").prepare()
    assert (folder / "features.npy").stat().st_mtime_ns == written
    CachedTeacher(bert, LAYERS, EXAMPLES[:-1], run, "stage2").prepare()
    (other,) = run.folder.glob("stage2.targets-*")
    assert other != folder


def test_float32_is_chosen_where_it_fits_then_float16_then_nothing(bert, run, told):
    def chosen(limit, stage):
        found = cached(bert, LAYERS, EXAMPLES, run, stage, epochs=2, limit=limit)
        return str(found.format) if isinstance(found, CachedTeacher) else None

    size = CachedTeacher(bert, LAYERS, EXAMPLES, run, "a").size("float32") / 1e9
    assert [chosen(size, "a"), chosen(0.8 * size, "b"), chosen(0.3 * size, "c")] == ["float32", "float16", None]
    output = told.text
    assert "in float32" in output
    assert "more than --cache-limit" in output
    assert chosen(size, "b") == "float16"  # as it began
    run.checkpoint("d").write_bytes(b"")
    assert chosen(size, "d") is None  # begun without


def test_a_full_disk_is_said_and_nothing_is_kept(bert, run, told, monkeypatch):
    monkeypatch.setattr(targets, "SPARE", 1e18)
    assert cached(bert, LAYERS, EXAMPLES, run, "stage2", epochs=2, limit=8) is bert
    assert "more than the 0.0 MB that may be taken" in told.text


def test_a_single_epoch_keeps_nothing(bert, run):
    assert cached(bert, LAYERS, EXAMPLES, run, "stage2", epochs=1, limit=8) is bert


def test_a_training_with_kept_outputs_learns_what_one_without_learns(task, teacher, tmp_path, capsys):
    models = []
    for limit in ("8", "0"):
        more = ["--epochs", "2", "--stage1-epochs", "2", "--limit", "64", "--cache-limit", limit]
        assert main(command(task, teacher, tmp_path / limit, *more)) == 0
        models.append(load_model(tmp_path / limit / "model.pt").model.state_dict())
    assert capsys.readouterr().out.count("are cached on disk") == 2
    assert all(torch.allclose(models[0][k], models[1][k], atol=5e-2) for k in models[0])
    assert not [p.name for p in (tmp_path / "8").iterdir() if "targets" in p.name or "kept" in p.name]


def test_a_training_killed_while_the_outputs_are_there_resumes_to_the_same_model(task, teacher, tmp_path):
    def arguments(name):
        return command(task, teacher, tmp_path / name, "--epochs", "3", "--stage1-epochs", "2", "--norm", "batch")

    finish(arguments("whole"))
    for wanted in ("*stage1.targets-*", "stage2.targets-*", "stage2.checkpoint"):
        child = start(arguments("killed"))
        while not list((tmp_path / "killed").glob(wanted)) and child.is_alive():
            time.sleep(0.001)
        child.kill()
        child.join()
    with contextlib.suppress(StopIteration):  # a torn file is no file
        next((tmp_path / "killed").glob("stage2.targets-*")).rename(tmp_path / "killed" / ".spikebert-tmp-tornfile")
    finish(arguments("killed"))
    whole, killed = (load_model(tmp_path / name / "model.pt").model.state_dict() for name in ("whole", "killed"))
    assert all(torch.equal(whole[name], killed[name]) for name in whole)
    assert not list((tmp_path / "killed").glob("*targets*"))
