"""The student of a finished run as the beginning of another."""

import pytest
import torch

from spikebert.checkpoint import load_model
from spikebert.cli import main
from tests.spikebert.test_training import command, task, teacher

__all__ = ["task", "teacher"]  # fixtures


@pytest.fixture(scope="module")
def general(tmp_path_factory, task, teacher):
    """A run of stage 1 alone."""
    folder = tmp_path_factory.mktemp("runs") / "general"
    assert main([*command(task, teacher, folder), "--epochs", "0"]) == 0
    return folder


def values(run):
    return load_model(run / "model.pt").model.state_dict().values()


def test_a_run_from_another_ones_stage_1_ends_like_one_that_did_it_itself(tmp_path, task, teacher, general):
    whole, rest = tmp_path / "whole", tmp_path / "rest"
    assert main(command(task, teacher, whole)) == 0
    assert main([*command(task, teacher, rest), "--warm-start", str(general)]) == 0
    assert all(torch.equal(a, b) for a, b in zip(values(whole), values(rest), strict=True))


def test_stage_1_alone_gives_no_model(general, capsys, task, teacher):
    assert not (general / "model.pt").exists()
    assert main([*command(task, teacher, general), "--epochs", "0"]) == 0
    assert "is finished" in capsys.readouterr().out


def test_a_run_may_have_more_time_steps_than_the_one_it_begins_from(tmp_path, task, teacher, general):
    out = tmp_path / "out"
    assert main([*command(task, teacher, out), "--warm-start", str(general), "--time-steps", "2", "--epochs", "1"]) == 0
    assert load_model(out / "model.pt").model.config.time_steps == 2


def test_a_task_with_more_labels_has_a_head_of_its_own(tmp_path, teacher, general):
    rows = [f"{'abc'[i % 3]}\tw{i % 3} good w{i % 5}" for i in range(60)]
    (tmp_path / "three.tsv").write_text("\n".join(rows))
    arguments = command(tmp_path / "three.tsv", teacher, tmp_path / "out")
    assert main([*arguments, "--warm-start", str(general), "--epochs", "1"]) == 0
    assert load_model(tmp_path / "out/model.pt").labels == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--blocks", "3"], "num_hidden_layers = 2, this one 3"),
        (["--skip-layers", "1"], "--skip-layers"),
    ],
)
def test_another_shape_is_refused_by_name(tmp_path, task, teacher, general, capsys, options, said):
    assert main([*command(task, teacher, tmp_path / "a"), *options, "--warm-start", str(general)]) == 2
    assert said in capsys.readouterr().err


def test_a_folder_without_a_student_and_a_damaged_one_are_refused_in_one_line(tmp_path, task, teacher, capsys):
    for content, said in ((None, "holds no student.pt"), (b"no tensors", "not a readable student")):
        if content:
            (tmp_path / "student.pt").write_bytes(content)
        assert main([*command(task, teacher, tmp_path / "a"), "--warm-start", str(tmp_path)]) == 2
        error = capsys.readouterr().err
        assert said in error
        assert error.count("\n") == 1
