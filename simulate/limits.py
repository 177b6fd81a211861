"""What this computer lets a run have: open files, processes, memory. Too little of it is told before the run begins."""

from __future__ import annotations

import errno
import math
import os
import resource
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from spikebert.core.errors import InputError

if TYPE_CHECKING:
    from lava.magma.compiler.executable import Executable

FILES = (4, 32)  # for each of Lava's processes, all of them open in the one that forks them; and for all together
WORKER_FILES, WORKER_TASKS = (16, 32), (12, 16)  # for each of Dask's workers, and for all together
PROCESS = 2**23  # bytes that a process takes at least of its own, beside what it shares with the one that forked it
FEWER = "choose a --granularity of fewer processes"  # block, layer, stock: in this order they grow
FEWER_WORKERS = "take fewer --workers"
SHORT = {
    errno.EMFILE: "open files; raise the limit (ulimit -n), or {fewer}",
    errno.ENFILE: "open files; raise the system's limit (fs.file-max), or {fewer}",
    errno.EAGAIN: "processes and threads; raise the limit (ulimit -u, or that of the container), or {fewer}",
    errno.ENOMEM: "memory; end other programs, or {fewer}",
    errno.ENOSPC: "room for temporary files; make room, or set TMPDIR to a folder on another disk",
    errno.EDQUOT: "room for temporary files; make room, or set TMPDIR to a folder on another disk",
    errno.EFBIG: "room for temporary files; raise the limit (ulimit -f)",
}


def raise_open_files() -> None:
    """As many open files as this process may allow itself."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def require(executable: Executable) -> None:
    """An InputError if the computer does not have what Lava is about to take for a compiled graph."""
    channels = [*executable.channel_builders, *(executable.sync_channel_builders or [])]
    processes = len(executable.proc_builders) + len(executable.runtime_service_builders or {})
    size = processes * PROCESS
    for channel in channels:
        port = getattr(channel, "src_port_initializer", None) or getattr(channel, "port_initializer", None)
        size += math.prod(port.shape) * np.dtype(port.d_type).itemsize * port.size if port else 0
    who = "Lava's processes for this model need"
    _require(who, "open files", processes * FILES[0] + FILES[1], _files(), errno.EMFILE, FEWER)
    # Each end of a channel has a thread that listens.
    _require(who, "processes and threads", processes + 2 * len(channels), _tasks(), errno.EAGAIN, FEWER)
    _require(who, "bytes of memory", size, _memory(), errno.ENOMEM, FEWER)


def require_workers(count: int) -> None:
    """An InputError if the computer does not have what so many workers of Dask are about to take."""
    try:
        get_context("spawn").Lock()
    except OSError as error:
        reason = f"these need semaphores, which /dev/shm does not take ({error.strerror})"
        raise InputError(
            f"{count}: {reason}; let it be writable and have room, or do without workers", field="workers"
        ) from None
    who = f"{count} workers need"
    _require(who, "open files", count * WORKER_FILES[0] + WORKER_FILES[1], _files(), errno.EMFILE, FEWER_WORKERS)
    tasks = count * WORKER_TASKS[0] + WORKER_TASKS[1]
    _require(who, "processes and threads", tasks, _tasks(), errno.EAGAIN, FEWER_WORKERS)


def _require(who: str, what: str, needed: int, there: float, number: int, fewer: str) -> None:
    if needed > there:
        remedy = SHORT[number].format(fewer=fewer)
        raise InputError(f"{who} {needed:,} {what} at once, and {max(0, int(there)):,} are there: too few {remedy}")


def shortage(error: BaseException) -> str | None:
    """The one line for an error that means that the computer has too little of something; None for any other."""
    if isinstance(error, MemoryError):
        return f"Lava was given too little {SHORT[errno.ENOMEM].format(fewer=FEWER)}"
    if isinstance(error, RuntimeError) and "can't start new thread" in str(error):
        return f"Lava was given too few {SHORT[errno.EAGAIN].format(fewer=FEWER)}"
    if isinstance(error, OSError) and error.errno in SHORT:
        return _too_little(error.errno)
    return None


def no_room() -> str:
    """The one line for a disk on which the results of a run find no room."""
    return _too_little(errno.ENOSPC)


def _too_little(number: int) -> str:
    return f"Lava was given too few or too little of: {SHORT[number].format(fewer=FEWER)}"


def _files() -> int:
    """Those that this process may still open."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0] - len(list(Path("/proc/self/fd").iterdir()))


def _tasks() -> float:
    """Processes and threads that this user, and the container that it may run in, may still start."""
    found = [math.inf]
    most, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    if most != resource.RLIM_INFINITY and os.geteuid() != 0:  # root is not held to it
        found.append(most - _tasks_of(os.getuid()))
    for folder in _groups("pids"):
        found.append(_number(folder / "pids.max") - _number(folder / "pids.current", 0))
    found.append(_number(Path("/proc/sys/kernel/threads-max")) - _tasks_of(None))
    return min(found)


def _tasks_of(user: int | None) -> int:
    """The threads of a user, or of all."""
    count = 0
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdigit() and (user is None or process.stat().st_uid == user):
                count += len(list((process / "task").iterdir()))
        except OSError:
            continue  # it ended while we looked, or is not ours to see
    return count


def _memory() -> float:
    """Bytes that may still be taken, of the computer's and of the container's."""
    found = [math.inf]
    for line in Path("/proc/meminfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "MemAvailable":
            found.append(int(value.split()[0]) * 1024)
    for folder in _groups("memory"):
        for most, used in (("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes")):
            found.append(_number(folder / most) - _number(folder / used, 0) + _cached(folder))
    return min(found)


def _cached(folder: Path) -> float:
    """Bytes of a container's files in memory, which make room where it is needed."""
    try:
        lines = (folder / "memory.stat").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.split()[0] in ("inactive_file", "active_file"))


def _groups(controller: str) -> list[Path]:
    """The folders of this process's control groups, from its own up to the root, in version 1 and 2."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        _, controllers, place = line.split(":", 2)
        if controller in controllers.split(",") or not controllers:
            root = Path("/sys/fs/cgroup") / (controller if controllers else "")
            own = root / place.lstrip("/")
            found += [own, *[folder for folder in own.parents if folder.is_relative_to(root)]]
    return found


def _number(file: Path, otherwise: float = math.inf) -> float:
    try:
        return float(file.read_text())
    except (OSError, ValueError):
        return otherwise  # no such file, or "max"
