"""A watchdog for a child that starts processes of its own: it ends with its own message, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from export.runtime.waves import FAILURE, NO_ROOM, REFUSAL
from simulate.limits import no_room
from spikebert.core.errors import InputError, RunError

LOOK = 0.05  # seconds between two looks at the child
GRACE = 5.0  # seconds that processes get to end by themselves before they are killed


class SimulationError(RunError):
    """A simulation ended before its time."""


def watch(
    command: list[str], folder: Path, deadline: float | None, look: Callable[[], None], given: bytes = b""
) -> None:
    """Run `command` in a session of its own until `folder/done` exists; call `look` from time to time.

    However this ends (success, error, a killed process, the deadline, Ctrl-C), every process of that session is ended.
    It runs in `folder`, whatever the current one may hold, and its temporary files go there.

    Args:
        given: its standard input.
    Raises:
        InputError: the computer has too little of what the run needs.
        SimulationError: with what stands in `folder/error.txt`, else with what happened to the child.
    """
    started = time.monotonic()
    environment = {**os.environ, "TMPDIR": str(folder)}
    (folder / NO_ROOM).write_text(no_room(), "utf-8")
    # In memory: a pipe would make us wait for the child, and a file on the disk would have to be removed.
    with (folder / "log").open("wb") as log, open(os.memfd_create("given"), "w+b") as file:  # noqa: PTH123
        file.write(given)
        file.seek(0)
        child = subprocess.Popen(
            command, stdout=log, stderr=log, stdin=file, cwd=folder, env=environment, start_new_session=True
        )
    try:
        while not (folder / "done").exists():
            _check(child, folder)
            if deadline is not None and time.monotonic() - started > deadline:
                raise SimulationError(f"the Lava simulation did not finish within {deadline:g} seconds and was ended")
            look()
            time.sleep(LOOK)
        look()
    finally:
        end(child)


def _check(child: subprocess.Popen, folder: Path) -> None:
    """Raise if the child has reported a failure or has ended."""
    code = child.poll()  # before the look at its files, which it may write at its end
    if (folder / REFUSAL).exists():
        raise InputError((folder / REFUSAL).read_text("utf-8").strip())
    if (folder / FAILURE).exists():
        message, _, details = (folder / FAILURE).read_text("utf-8").partition("\n")
        raise SimulationError(f"the Lava simulation failed in {message}", details)
    if code is not None and not (folder / "done").exists():
        how = f"was killed (signal {-code})" if code < 0 else f"ended early (exit code {code})"
        details = (folder / "log").read_text("utf-8", errors="replace")
        lines = [line.strip() for line in details.splitlines() if line.strip()]
        raise SimulationError(f"the Lava simulation {how}: {lines[-1] if lines else 'no message'}", details)


def end(child: subprocess.Popen) -> None:
    """End the session that `child` leads: at SIGTERM the child ends its own processes, and at its end they do.

    What still lives after GRACE seconds is killed.
    """
    child.terminate()
    with suppress(subprocess.TimeoutExpired):
        child.wait(GRACE)
    started = time.monotonic()
    while members := session(child.pid):
        if child.poll() is None or time.monotonic() - started > GRACE:
            for pid in members:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        time.sleep(LOOK / 2)
    child.wait()


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
