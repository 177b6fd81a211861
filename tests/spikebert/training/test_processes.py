"""Training in two processes, as `accelerate launch` starts them."""

import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from spikebert.cli import main
from spikebert.model.checkpoint import load_model
from tests import processes
from tests.spikebert.training.test_training import command, task, teacher

__all__ = ["task", "teacher"]  # fixtures
pytest.importorskip("accelerate", reason="accelerate is not installed: pip install 'spikebert[distributed]'")


def start(arguments):
    """Two processes, one thread each, on a free port."""
    options = "--multi_gpu --num_processes 2 --num_machines 1 --main_process_port 0 --num_cpu_threads_per_process 1"
    launch = [sys.executable, "-m", "accelerate.commands.launch", *options.split()]
    whole = [*launch, "--mixed_precision", "no", "--dynamo_backend", "no", "-m", "spikebert.cli", *arguments]
    return subprocess.Popen(whole, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def kill(child):
    """SIGKILL to the launcher alone: what it started ends with it."""
    started = Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text().split()
    assert len(started) == 2
    child.kill()
    child.communicate(timeout=60)  # until nobody can write any more
    late = time.monotonic() + 60  # the kernel closes the files of a process a moment before it counts as ended
    while any(map(runs, started)):
        assert time.monotonic() < late, "what the launcher started outlives it"
        time.sleep(0.01)


def runs(pid):
    """Whether it is more than the entry of a process that ended, which its parent has not read yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def weights(folder):
    return load_model(folder / "model.pt").model.state_dict()


def test_two_processes_learn_what_one_learns(task, teacher, tmp_path):
    """Without a batch norm or dropout, the sum of two parts of a batch is the batch, within rounding."""
    arguments = ["baseline", "spikformer", "--task", str(task), "--teacher", str(teacher), "--preset", "tiny"]
    arguments += ["--epochs", "1", "--batch-size", "16", "--limit", "40", "--learning-rate", "1e-4"]
    two = start([*arguments, "--out", str(tmp_path / "two")])
    output, _ = two.communicate(timeout=240)
    assert two.returncode == 0, output
    assert output.count("training in 2 processes") == output.count("spikformer: accuracy") == 1
    subprocess.run([sys.executable, "-m", "spikebert.cli", *arguments, "--out", str(tmp_path / "one")], check=True)
    one, two = weights(tmp_path / "one"), weights(tmp_path / "two")
    assert all(torch.allclose(one[name], two[name], atol=1e-5) for name in one)


def test_what_a_killed_launcher_started_ends_with_it(task, teacher, tmp_path):
    # So many epochs that it is still at work when it is killed, however seldom this process is given a core.
    child = start(command(task, teacher, tmp_path, "--epochs", "1000", "--stage1-epochs", "0"))
    while not list(tmp_path.glob("*.checkpoint")) and child.poll() is None:
        time.sleep(0.01)
    if child.poll() is not None:
        pytest.fail(f"it ended by itself, with {child.returncode}:\n{child.communicate()[0]}")
    kill(child)


def test_two_processes_killed_resume_to_the_same_model(task, teacher, tmp_path):
    def pair(name):
        """The two that a launcher would start; they find each other at a free port."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = str(free.getsockname()[1])
        common = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        # Some epochs, so that the pair is still at work when it is killed on a busy machine.
        arguments = command(task, teacher, tmp_path / name, "--epochs", "8", "--stage1-epochs", "1", "--norm", "batch")
        return [processes.start(arguments, **common, RANK=rank, LOCAL_RANK=rank) for rank in "01"]

    def join(pair):
        for process in pair:
            process.join(240)
        return [process.exitcode for process in pair]

    assert join(pair("whole")) == [0, 0]
    last = json.loads((tmp_path / "whole" / "metrics.jsonl").read_text().splitlines()[-1])
    assert last["stage"] == "finished"
    killed = pair("killed")
    while not (tmp_path / "killed" / "stage2.checkpoint").exists() and killed[0].is_alive():
        time.sleep(0.01)
    for process in killed:
        process.kill()
    assert join(killed) == [-signal.SIGKILL] * 2
    assert join(pair("killed")) == [0, 0]
    one, two = weights(tmp_path / "whole"), weights(tmp_path / "killed")
    assert all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.parametrize(
    ("size", "others", "said"),
    [
        ("two", {}, "WORLD_SIZE is 'two', no number of processes"),
        ("0", {}, "WORLD_SIZE is '0', no number of processes"),
        ("", {}, "WORLD_SIZE is '', no number of processes"),
        ("2", {}, "WORLD_SIZE is 2, but RANK is not set"),
        ("2", {"RANK": "0", "LOCAL_RANK": "0", "MASTER_ADDR": "127.0.0.1"}, "but MASTER_PORT is not set"),
    ],
)
def test_an_environment_of_several_processes_that_is_not_whole_is_one_line(
    task, teacher, tmp_path, monkeypatch, capsys, size, others, said
):
    from spikebert.training.processes import group

    for name in ("RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"WORLD_SIZE": size, **others}.items():
        monkeypatch.setenv(name, value)
    group.cache_clear()
    assert main(command(task, teacher, tmp_path / "run")) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    group.cache_clear()
