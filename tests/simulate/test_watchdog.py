"""However a Lava run ends, it ends soon, says why, and leaves no process and no shared memory behind."""

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from simulate import lava, watchdog
from simulate.watchdog import SimulationError
from tests.random_graph import random_graph

SENTENCES = [np.arange(9) for _ in range(400)]


def workers() -> set[int]:
    """The live processes of any Lava run."""
    found = set()
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and b"simulate.lava_worker" in (entry / "cmdline").read_bytes():
                found.add(int(entry.name))
        except OSError:
            continue
    return found


@pytest.fixture(autouse=True)
def nothing_is_left_behind():
    processes, segments = workers(), set(Path("/dev/shm").iterdir())
    yield
    assert workers() <= processes
    assert set(Path("/dev/shm").iterdir()) <= segments


def test_a_model_that_raises_ends_the_run_with_its_own_message():
    graph = random_graph(blocks=1)
    broken = tuple(replace(n, heads=5) if n.name.endswith("coincidences") else n for n in graph)  # 5 does not divide 12
    with pytest.raises(SimulationError, match="reshape") as error:
        lava.run(replace(graph, nodes=broken), SENTENCES[:2], deadline=60)
    assert "Traceback" in error.value.details


def test_a_run_past_its_deadline_is_ended():
    started = time.monotonic()
    with pytest.raises(SimulationError, match="within 4 seconds"):
        lava.run(random_graph(), SENTENCES * 100, rows=16, deadline=4)
    assert time.monotonic() - started < 12


def test_a_killed_worker_is_noticed():
    before = workers()

    def kill_one():
        while len(workers() - before) < 6:
            time.sleep(0.1)
        time.sleep(1.0)
        # The youngest is one of the graph's processes; the oldest leads the run.
        os.kill(max(workers() - before), signal.SIGKILL)

    killer = threading.Thread(target=kill_one, daemon=True)
    killer.start()
    with pytest.raises(SimulationError, match="died"):
        lava.run(random_graph(), SENTENCES * 100, rows=16, deadline=60)
    killer.join(5)


def test_ctrl_c_ends_the_run(tmp_path):
    script = (
        "import numpy as np\nfrom simulate import lava\nfrom tests.random_graph import random_graph\n"
        "lava.run(random_graph(), [np.arange(9)] * 40000, rows=16)"
    )
    before = workers()
    child = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL)
    while len(workers() - before) < 6 and child.poll() is None:
        time.sleep(0.1)
    time.sleep(1.0)
    child.send_signal(signal.SIGINT)
    assert child.wait(15) != 0


def test_a_command_that_ends_early_shows_its_last_line(tmp_path):
    command = [sys.executable, "-c", "raise ValueError('no such thing')"]
    with pytest.raises(SimulationError, match="no such thing"):
        watchdog.watch(command, tmp_path, 20, lambda: None)
