"""The child of `simulate.lava`: it forks the process that builds and runs a job's process graph, and ends all of it.

It is started with FOLDER and PARENT, the process id of its caller; the job comes in by its standard input. `times` and
then `done`, or a report of what failed, come to stand in FOLDER. Whatever happens, at whatever moment, nothing outlives
the caller: each process here is told by the kernel that the one which started it has ended, this one too; it then ends
the others, and removes FOLDER. Nothing in shared memory has a name, see `export.lava.channels`.
"""

from __future__ import annotations

import os
import pickle
import shutil
import signal
import sys
import threading
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from export.runtime.waves import REFUSAL, report_failure
from spikebert.core.lifeline import adopt, die_with

if TYPE_CHECKING:
    from lava.magma.core.process.process import AbstractProcess
    from lava.magma.runtime.runtime import Runtime


def main() -> None:
    folder, parent, own = Path(sys.argv[-2]), int(sys.argv[-1]), os.getpid()
    adopt()
    signal.signal(signal.SIGTERM, _leave)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # not while it is not known yet who is to be ended
    die_with(parent, signal.SIGTERM)
    leader = os.fork()
    if leader == 0:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        die_with(own)
        os.setpgid(0, 0)
        lead(folder)
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        os.waitid(os.P_PID, leader, os.WEXITED | os.WNOWAIT)  # its number stays its own until it is waited for below
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        status = _end(leader)
        if os.getppid() != parent:
            shutil.rmtree(folder, ignore_errors=True)
    if os.WIFSIGNALED(status):  # it ends as that one did, and its caller sees how
        with suppress(OSError):  # SIGKILL has no other way
            signal.signal(os.WTERMSIG(status), signal.SIG_DFL)
        os.kill(own, os.WTERMSIG(status))
    sys.exit(os.WEXITSTATUS(status))


def _leave(number: int, frame: object) -> NoReturn:
    raise SystemExit(1)


def _end(leader: int) -> int:
    """Kill `leader` and its process group, and wait until nothing of it is left; gives how it ended."""
    for kill in (os.kill, os.killpg):  # it may not lead the group yet
        with suppress(ProcessLookupError):
            kill(leader, signal.SIGKILL)
    _, status = os.waitpid(leader, 0)
    with suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)
    return status


def lead(folder: Path) -> NoReturn:
    """Run the job, and go on for ever once it is done: Lava's own shutdown takes seconds, and all results are out."""
    # Lava's processes work beside each other: one core each. To be said before NumPy is imported.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    own = os.getpid()
    os.register_at_fork(after_in_child=lambda: die_with(own))
    try:
        ready, finished = run(pickle.loads(sys.stdin.buffer.read()), folder)  # our own caller made it
        (folder / "times").write_text(f"{ready} {finished}\n", "utf-8")
        (folder / "done").touch()
        while True:
            signal.pause()
    except BaseException as error:
        with suppress(OSError):  # on a full disk
            traceback.print_exc()  # into the log, which is shown where no report can be written
        report(folder, type(error).__name__, error, traceback.format_exc())
    finally:
        os._exit(1)  # a Python that ends in the usual way would wait in the destructors of Lava's processes


def run(job, folder: Path) -> tuple[float, float]:
    """The times at which Lava was ready and had finished."""
    from export.lava import channels, search
    from simulate import limits

    limits.raise_open_files()
    channels.install()
    search.install()
    from lava.magma.core.run_conditions import RunSteps

    built = job.build(str(folder))
    # Each channel reserves this many messages; Lava's default is 64.
    executable = built.root.compile(built.configuration, {"pypy_channel_size": 2})
    limits.require(executable)
    threading.Thread(target=supervise, args=(built.root, folder), daemon=True).start()
    built.root.create_runtime(executable=executable)
    ready = time.monotonic()
    try:
        built.root.run(RunSteps(built.steps), built.configuration)
    except RuntimeError:
        look_at(built.root.runtime, folder)  # Lava only counts the processes that raised
        raise
    return ready, time.monotonic()


def report(folder: Path, where: str, error: BaseException, details: str) -> None:
    """Write why the run fails: in one line where the computer has too little of something, else with a traceback."""
    from simulate.limits import shortage
    from spikebert.core.errors import InputError

    refused = str(error) if isinstance(error, InputError) else shortage(error)
    if refused:
        report_failure(folder, refused, "", REFUSAL)
    else:
        report_failure(folder, f"{where}: {error}", details)


def supervise(root: AbstractProcess, folder: Path) -> None:
    """Report one of Lava's OS processes that raised or died: Lava would wait for it for ever."""
    while True:
        time.sleep(0.1)
        runtime = root.runtime
        if runtime is None or (folder / "done").exists():
            continue
        with suppress(ValueError):  # Lava has closed the process that is looked at
            look_at(runtime, folder)


def look_at(runtime: Runtime, folder: Path) -> None:
    """Report each of Lava's OS processes that has raised or died."""
    names = [process.name for process in runtime._executable.proc_builders]
    messaging = runtime._messaging_infrastructure
    for index, actor in enumerate(messaging.actors if messaging else ()):
        name = names[index] if index < len(names) else "a runtime service"
        if actor.exception:
            error, details = actor.exception
            report(folder, f"{name}: {type(error).__name__}", error, details)
        elif not actor._is_done and not actor.is_alive():
            reason = f"exit code {actor.exitcode}, perhaps out of memory"
            report_failure(folder, f"{name}: its process {actor.pid} died ({reason})", "")
