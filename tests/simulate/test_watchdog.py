"""However a Lava run ends, it ends soon, says why, and leaves no process and no shared memory behind.

Every process that a test kills was started by that test.
"""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from simulate import lava, watchdog
from simulate.watchdog import SimulationError
from tests.random_graph import random_graph

ENDLESS = [np.arange(9) for _ in range(40000)]
SCRIPT = """
import signal
import numpy as np
from simulate import lava
from tests.random_graph import random_graph
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job inherits that it is ignored
lava.run(random_graph(blocks=1), [np.arange(9)] * 40000, rows=16, progress=lambda n: n and print("running", flush=True))
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
    """The processes and the shared memory of a run that has begun to give results."""

    def __init__(self, caller: int):
        self.processes = run_processes(caller)
        self.leader = next(pid for pid in self.processes if os.getsid(pid) == pid)
        self.processes |= watchdog.session(self.leader)  # the resource tracker too
        self.segments = watchdog.mapped_segments(self.leader)
        assert len(self.processes) > 6
        assert len(self.segments) > 10

    def assert_gone(self) -> None:
        assert watchdog.session(self.leader) == set()
        assert not [segment for segment in self.segments if segment.exists()]


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
        lava.run(broken("up.norm", gain=None), ENDLESS[:2], deadline=60)
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


def test_shared_memory_is_removed_even_if_every_process_is_killed():
    running, message = run_and(lambda running: os.killpg(running.leader, signal.SIGKILL))
    assert "killed (signal 9)" in message
    running.assert_gone()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_run_ends_with_its_caller(number):
    caller = subprocess.Popen(
        [sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert caller.stdout and "running" in caller.stdout.readline()
    running = Running(caller.pid)
    caller.send_signal(number)
    assert caller.wait(15) != 0
    end = time.monotonic() + 10
    while watchdog.session(running.leader) and time.monotonic() < end:
        time.sleep(0.05)
    running.assert_gone()


def test_a_command_that_ends_early_shows_its_last_line(tmp_path):
    command = [sys.executable, "-c", "raise ValueError('no such thing')"]
    with pytest.raises(SimulationError, match="no such thing"):
        watchdog.watch(command, tmp_path, 20, lambda: None)
