"""Stage 1, made once and begun from by several tasks."""

import torch

from spikebert.checkpoint import load_model
from spikebert.cli import main
from tests.spikebert.test_model import small_model
from tests.spikebert.test_training import command, task, teacher

__all__ = ["task", "teacher"]  # fixtures


def values(trained):
    return trained.model.state_dict().values()


def test_a_run_that_begins_from_the_stage_1_of_another_ends_like_one_that_did_it_itself(tmp_path, task, teacher):
    own, other = tmp_path / "own", tmp_path / "other"
    assert main([*command(task, teacher, own), "--stage1-epochs", "1"]) == 0
    assert main([*command(task, teacher, other), "--stage1-from", str(own)]) == 0
    one, two = load_model(own / "model.pt"), load_model(other / "model.pt")
    assert all(torch.equal(a, b) for a, b in zip(values(one), values(two), strict=True))


def test_another_shape_and_a_folder_without_a_stage_1_are_refused_in_one_line(tmp_path, task, teacher, capsys):
    own = tmp_path / "own"
    assert main([*command(task, teacher, own), "--stage1-epochs", "1"]) == 0
    capsys.readouterr()
    assert main([*command(task, teacher, tmp_path / "a"), "--blocks", "3", "--stage1-from", str(own)]) == 2
    assert "num_hidden_layers = 2, this one 3" in capsys.readouterr().err
    assert main([*command(task, teacher, tmp_path / "b"), "--stage1-from", str(task)]) == 2
    assert "holds no stage1.pt" in capsys.readouterr().err
    (own / "stage1.pt").write_bytes(b"no tensors")
    assert main([*command(task, teacher, tmp_path / "c"), "--stage1-from", str(own)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_stage_1_may_have_fewer_time_steps_than_the_student(tmp_path, task, teacher):
    out = tmp_path / "out"
    assert main([*command(task, teacher, out), "--stage1-epochs", "1", "--stage1-time-steps", "1"]) == 0
    assert load_model(out / "model.pt").model.config.time_steps == 4


def test_the_time_steps_are_the_students_again_afterwards():
    model = small_model()
    with model.at(1):
        assert model(torch.tensor([[1, 2]])).features[0].max() <= 3  # one step of a stream of three spike trains
        assert model.embeddings.time_steps == 1
    assert model.embeddings.time_steps == model.config.time_steps > 1
