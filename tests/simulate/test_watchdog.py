"""However a Lava run ends, it ends soon, says why, and leaves no process and no shared memory behind.

Every process that a test kills was started by that test.
"""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from simulate import lava, scratch, watchdog
from simulate.watchdog import SimulationError
from tests.random_graph import random_graph

pytestmark = pytest.mark.needs("lava")
ENDLESS = [np.arange(9) for _ in range(40000)]
SCRIPT = """
import signal
import numpy as np
from simulate import lava
from tests.random_graph import random_graph
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job inherits that it is ignored
graph = random_graph(blocks=1, norm="batch", reset="zero")
lava.run(graph, [np.arange(9)] * 40000, rows=16, progress=lambda n: n and print("running", flush=True))
"""


def run_processes(caller: int) -> set[int]:
    """The live processes of Lava runs that process `caller` has started, but for resource trackers."""
    found = set()
    for entry in Path("/proc").iterdir():
        try:
            command = (entry / "cmdline").read_bytes().rstrip(b"\0").split(b"\0") if entry.name.isdigit() else []
        except OSError:
            continue  # it ended while we looked
        if b"simulate.lava_worker" in command and command[-1] == str(caller).encode():
            found.add(int(entry.name))
    return found


class Running:
    """The processes of a run that has begun to give results."""

    def __init__(self, caller: int):
        self.processes = run_processes(caller)
        self.leader = next(pid for pid in self.processes if os.getsid(pid) == pid)
        assert len(self.processes) > 6
        assert watchdog.session(self.leader) == self.processes  # there is no other, such as a resource tracker

    def assert_gone(self) -> None:
        assert watchdog.session(self.leader) == set()


def run_and(act) -> tuple[Running, str]:
    """A run on which `act` is done as soon as it gives results: what ran, and how the run's error reads."""
    running = []

    def progress(done):
        if done and not running:
            running.append(Running(os.getpid()))
            act(running[0])

    with pytest.raises(SimulationError) as error:
        lava.run(random_graph(blocks=1), ENDLESS, rows=16, deadline=60, progress=progress)
    return running[0], str(error.value)


@pytest.fixture(autouse=True)
def nothing_is_left_behind():
    yield
    assert run_processes(os.getpid()) == set()


def broken(kind, **changes):
    """A graph whose node of that name is not what it should be; no reader would have let it pass."""
    graph = random_graph(blocks=1)
    return replace(graph, nodes=tuple(replace(n, **changes) if n.name.endswith(kind) else n for n in graph))


@pytest.mark.parametrize("granularity", ["block", "layer"])
def test_a_model_that_raises_ends_the_run_with_its_own_message(granularity):
    graph = broken("coincidences", heads=5)  # which does not divide 12
    with pytest.raises(SimulationError, match=r"in blocks\.0\..*: ValueError: cannot reshape") as error:
        lava.run(graph, ENDLESS[:2], granularity, deadline=60)
    assert "Traceback" in error.value.details
    assert "\n" not in str(error.value)


def test_a_model_that_raises_when_it_is_built_ends_the_run_with_its_own_message():
    with pytest.raises(SimulationError, match="NoneType") as error:
        lava.run(broken("up.lif", threshold=None), ENDLESS[:2], deadline=60)
    assert "Traceback" in error.value.details


def test_a_run_past_its_deadline_is_ended():
    started = time.monotonic()
    with pytest.raises(SimulationError, match="within 3 seconds"):
        lava.run(random_graph(), ENDLESS, rows=16, deadline=3)
    assert time.monotonic() - started < 12


def test_a_killed_process_of_the_graph_is_named():
    running, message = run_and(lambda running: os.kill(victim(running), signal.SIGKILL))
    assert "died" in message and "exit code -9" in message
    running.assert_gone()


def victim(running: Running) -> int:
    """A process of the graph: the youngest of those that Lava has forked."""
    return max(run_processes(os.getpid()) - {running.leader})


def test_a_killed_leader_is_noticed():
    running, message = run_and(lambda running: os.kill(running.leader, signal.SIGKILL))
    assert "killed (signal 9)" in message
    running.assert_gone()


def test_the_process_that_runs_lava_may_be_killed_too():
    running, message = run_and(lambda running: os.kill(min(running.processes - {running.leader}), signal.SIGKILL))
    assert "killed (signal 9)" in message
    running.assert_gone()


def test_no_process_of_a_run_has_shared_memory_with_a_name():
    found = []

    def look(running):
        found.extend(Path(f"/proc/{pid}/maps").read_text() for pid in running.processes)
        os.kill(running.leader, signal.SIGTERM)

    run_and(look)
    assert found and not any("/dev/shm" in maps for maps in found)


@pytest.mark.parametrize(("granularity", "kills"), [("block", 3), ("layer", 3), ("stock", 2)])
def test_a_run_that_is_killed_at_any_moment_leaves_nothing(tmp_path, monkeypatch, granularity, kills):
    kill_at_random_moments(tmp_path, monkeypatch, granularity, kills)


@pytest.mark.long
@pytest.mark.parametrize("granularity", ["block", "layer", "stock"])
def test_fifty_runs_that_are_killed_at_any_moment_leave_nothing(tmp_path, monkeypatch, granularity):
    kill_at_random_moments(tmp_path, monkeypatch, granularity, 50)


def kill_at_random_moments(folder, monkeypatch, granularity, kills):
    """From the first instruction until some time after results come; their temporary files go into `folder`."""
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    moments, script = random.Random(granularity), SCRIPT.replace("rows=16", f"{granularity!r}, rows=16")
    started, seconds = time.monotonic(), None
    for number in range(kills):
        caller = start(script)
        if seconds is None:
            assert caller.stdout and "running" in caller.stdout.readline()
            seconds = time.monotonic() - started
        else:
            time.sleep(moments.uniform(0, 1.2) * seconds)
        caller.kill()
        caller.wait()
        wait_until(lambda pid=caller.pid: not run_processes(pid), f"kill {number}")
    scratch.sweep()  # as the next run does: of a folder that had no process yet
    wait_until(lambda: not list(folder.iterdir()), "folders")


def test_what_runs_left_that_were_killed_with_all_their_processes_is_swept_by_the_next(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    others = [tmp_path / "spikebert-notes", tmp_path / "other"]
    for folder in [*others, tmp_path / f"{scratch.PREFIX}abcdefgh"]:
        folder.mkdir()
        (folder / "logits").touch()
    (tmp_path / f"{scratch.PREFIX}filefile").touch()
    (tmp_path / f"{scratch.PREFIX}linklink").symlink_to(others[0])
    with scratch.scratch() as first, scratch.scratch() as second:
        assert first.is_dir() and second.is_dir() and first != second
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"spikebert-notes", "other", f"{scratch.PREFIX}filefile", f"{scratch.PREFIX}linklink"}
    assert (others[0] / "logits").exists()


def start(script):
    return subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )


def wait_until(true, what, seconds=60):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, what
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_run_ends_with_its_caller(number):
    caller = start(SCRIPT)
    assert caller.stdout and "running" in caller.stdout.readline()
    running = Running(caller.pid)
    caller.send_signal(number)
    assert caller.wait(15) != 0
    wait_until(lambda: not watchdog.session(running.leader), "its processes")


def test_a_command_that_ends_early_shows_its_last_line(tmp_path):
    command = [sys.executable, "-c", "raise ValueError('no such thing')"]
    with pytest.raises(SimulationError, match="no such thing"):
        watchdog.watch(command, tmp_path, 20, lambda: None)
