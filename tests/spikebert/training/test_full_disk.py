"""A training whose disk fills up, and goes on when there is room."""

import subprocess

import pytest
from safetensors.torch import load_file

from spikebert.cli import main
from tests.spikebert.training.test_training import task, teacher

__all__ = ["task", "teacher"]  # fixtures


@pytest.fixture
def disk(tmp_path):
    """A small disk of its own, which `resize` makes larger."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", folder], capture_output=True).returncode:
        pytest.skip("no disk can be mounted here")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def resize(disk, size: str) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size}", disk], check=True)


def test_a_training_through_a_full_disk_resumes_to_the_same_model(disk, task, teacher, tmp_path, capsys):
    options = ["--task", str(task), "--teacher", str(teacher), "--preset", "tiny", "--epochs", "2"]
    options += ["--teacher-epochs", "1", "--cache-limit", "0", "--out"]
    for size in ("200k", "9m"):  # no checkpoint of stage 1 fits; one of stage 2 does not
        resize(disk, size)
        assert main([*options, str(disk / "run")]) == 2
        line = capsys.readouterr().err.strip().splitlines()[-1]
        assert line.endswith("free on its disk; make room, and repeat the command")
    assert not (disk / "run" / "model.pt").exists()
    resize(disk, "100m")
    assert main([*options, str(disk / "run")]) == 0
    assert main([*options, str(tmp_path / "whole")]) == 0
    resumed, whole = (load_file(run / "model" / "model.safetensors") for run in (disk / "run", tmp_path / "whole"))
    assert all((resumed[name] == whole[name]).all() for name in whole)
