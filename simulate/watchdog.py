"""A watchdog for a child that starts processes of its own: it ends with its own message, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from export.waves import FAILURE
from spikebert.errors import RunError

LOOK = 0.05  # seconds between two looks at the child
GRACE = 5.0  # seconds that processes get to end by themselves before they are killed
SHARED_MEMORY = "/dev/shm/"


class SimulationError(RunError):
    """A simulation ended before its time."""


def watch(command: list[str], folder: Path, deadline: float | None, look: Callable[[], None]) -> None:
    """Run `command` in a session of its own until `folder/done` exists; call `look` from time to time.

    However this ends (success, error, a killed process, the deadline, Ctrl-C), every process of that session is ended
    and every shared-memory segment that the child had mapped is removed. Its temporary files go into `folder`.

    Raises:
        SimulationError: with what stands in `folder/error.txt`, else with what happened to the child.
    """
    started = time.monotonic()
    environment = {**os.environ, "TMPDIR": str(folder)}
    with (folder / "log").open("wb") as log:
        child = subprocess.Popen(
            command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=environment, start_new_session=True
        )
    segments: set[Path] = set()
    try:
        while not (folder / "done").exists():
            segments |= mapped_segments(child.pid)  # each time: a child that is killed can no longer be asked
            _check(child, folder)
            if deadline is not None and time.monotonic() - started > deadline:
                raise SimulationError(f"the Lava simulation did not finish within {deadline:g} seconds and was ended")
            look()
            time.sleep(LOOK)
        look()
    finally:
        end(child, segments | mapped_segments(child.pid))


def _check(child: subprocess.Popen, folder: Path) -> None:
    """Raise if the child has reported a failure or has ended."""
    code = child.poll()  # before the look at its files, which it may write at its end
    if (folder / FAILURE).exists():
        message, _, details = (folder / FAILURE).read_text("utf-8").partition("\n")
        raise SimulationError(f"the Lava simulation failed in {message}", details)
    if code is not None and not (folder / "done").exists():
        how = f"was killed (signal {-code})" if code < 0 else f"ended early (exit code {code})"
        details = (folder / "log").read_text("utf-8", errors="replace")
        lines = [line.strip() for line in details.splitlines() if line.strip()]
        raise SimulationError(f"the Lava simulation {how}: {lines[-1] if lines else 'no message'}", details)


def end(child: subprocess.Popen, segments: set[Path]) -> None:
    """End the session that `child` leads, and remove what it leaves in shared memory.

    At SIGTERM the child ends its own processes; those of a child that is gone end by themselves. The resource tracker
    of Python's multiprocessing ignores it, removes the others' segments when they are gone, and then ends too. What
    still lives after GRACE seconds is killed.
    """
    child.terminate()
    with suppress(subprocess.TimeoutExpired):
        child.wait(GRACE)
    started = time.monotonic()
    if session(child.pid):
        os.killpg(child.pid, signal.SIGTERM)
    while members := session(child.pid):
        if time.monotonic() - started > GRACE:
            for pid in members:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        time.sleep(LOOK / 2)
    child.wait()
    for segment in segments:
        segment.unlink(missing_ok=True)


def session(leader: int) -> set[int]:
    """The live processes of the session that `leader` leads."""
    members: set[int] = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, _, _, sid = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
            except (OSError, ValueError):
                continue  # it ended while we looked
            if int(sid) == leader and state != "Z":
                members.add(int(entry.name))
    return members


def mapped_segments(pid: int) -> set[Path]:
    """The shared-memory segments that a process has mapped; Lava's leading process maps all of a run's."""
    try:
        maps = Path(f"/proc/{pid}/maps").read_text()
    except OSError:
        return set()  # it has ended
    paths = (line.split(maxsplit=5)[5] for line in maps.splitlines() if f" {SHARED_MEMORY}" in line)
    return {Path(path) for path in paths if not path.endswith(" (deleted)")}
