"""A watchdog for a child that starts processes of its own: it ends with its own message, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from spikebert.errors import RunError

PATIENCE = 10.0  # seconds that a finished child gets to shut its processes down
SHARED_MEMORY = Path("/dev/shm")


class SimulationError(RunError):
    """A simulation ended before its time."""


def watch(command: list[str], folder: Path, deadline: float | None, look: Callable[[], None]) -> None:
    """Run `command` in a session of its own until `folder/done` exists; call `look` from time to time.

    However this ends (error, a killed process, the deadline, Ctrl-C), every process of that session is ended and every
    shared-memory segment that it had mapped is removed.

    Raises:
        SimulationError: with the last line of `folder/error.txt` where the child wrote it, else with what happened.
    """
    started = time.monotonic()
    with (folder / "log").open("wb") as log:
        child = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
    dead: set[int] = set()
    segments: set[Path] = set()
    try:
        while not (folder / "done").exists():
            alive, zombies = session(child.pid)
            segments |= mapped_segments(alive)
            _check(child, folder, zombies & dead)
            dead = zombies
            if deadline is not None and time.monotonic() - started > deadline:
                raise SimulationError(f"the Lava simulation did not finish within {deadline:g} seconds and was ended")
            look()
            time.sleep(0.05)
        look()
        _wait(child, PATIENCE)
    finally:
        _end(child, segments)


def _check(child: subprocess.Popen, folder: Path, dead: set[int]) -> None:
    """Raise if the child failed, or if one of its processes has died: nobody waits for it, so it stays a zombie."""
    error = folder / "error.txt"
    if not error.exists() and (dead or child.poll() is not None) and not (folder / "done").exists():
        time.sleep(0.2)  # the one that failed may still be writing why
    if error.exists():
        details = error.read_text("utf-8")
        raise SimulationError(f"the Lava simulation failed: {_last_line(details)}", details)
    if (folder / "done").exists():
        return
    details = (folder / "log").read_text("utf-8", errors="replace")
    if child.poll() is not None:
        raise SimulationError(
            f"the Lava simulation ended early (exit code {child.returncode}): {_last_line(details)}", details
        )
    if dead:
        raise SimulationError(
            f"a process of the Lava simulation (pid {min(dead)}) died, perhaps killed or out of memory", details
        )


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no message"


def session(leader: int) -> tuple[set[int], set[int]]:
    """(the live processes, the zombies) of the session that `leader` leads, without a zombie leader."""
    alive: set[int] = set()
    zombies: set[int] = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, _, _, sid = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
            except (OSError, ValueError):
                continue  # it ended while we looked
            if int(sid) == leader:
                (zombies if state == "Z" else alive).add(int(entry.name))
    return alive, zombies - {leader}


def mapped_segments(processes: set[int]) -> set[Path]:
    """The shared-memory segments that any of these processes has mapped."""
    segments = set()
    for pid in processes:
        try:
            maps = Path(f"/proc/{pid}/maps").read_text()
        except OSError:
            continue
        segments |= {Path(line.split(maxsplit=5)[5]) for line in maps.splitlines() if f" {SHARED_MEMORY}/" in line}
    return segments


def _wait(child: subprocess.Popen, seconds: float) -> None:
    with suppress(subprocess.TimeoutExpired):  # it has given its results; _end takes care of it
        child.wait(seconds)


def _end(child: subprocess.Popen, segments: set[Path]) -> None:
    members, _ = session(child.pid)
    segments |= mapped_segments(members)
    for _attempt in range(100):
        for pid in members:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        child.poll()
        members, _ = session(child.pid)
        if not members:
            break
        time.sleep(0.02)
    child.wait()
    for segment in segments:
        Path(str(segment).removesuffix(" (deleted)")).unlink(missing_ok=True)
