"""The child of `simulate.lava`: builds the process graph of a job, runs it, and says when it is done.

    python -m simulate.lava_worker FOLDER PARENT

FOLDER holds `job`; `times` and then `done`, or `error.txt`, come to stand there. It ends when PARENT does.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import shutil
import signal
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from export.waves import report_failure

if TYPE_CHECKING:
    from lava.magma.core.process.process import AbstractProcess


def main(folder: Path, parent: int) -> None:
    # Lava's processes work beside each other: one core each. To be said before NumPy is imported.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    leader = os.getpid()
    signal.signal(signal.SIGTERM, lambda number, frame: leave(leader))
    job = pickle.loads((folder / "job").read_bytes())  # our own parent wrote it, see simulate.lava.run_job
    try:
        from lava.magma.core.run_conditions import RunSteps

        built = job.build(str(folder))
        threading.Thread(target=supervise, args=(built.root, folder, parent), daemon=True).start()
        # Each channel reserves this many messages; Lava's default is 64.
        built.root.create_runtime(run_cfg=built.configuration, compile_config={"pypy_channel_size": 2})
        ready = time.monotonic()
        built.root.run(RunSteps(built.steps), built.configuration)
        finished = time.monotonic()
    except Exception as error:
        report_failure(folder, f"{type(error).__name__}: {error}", traceback.format_exc())
        leave(leader)  # a Python that ends in the usual way would wait in the destructors of Lava's processes
    (folder / "times").write_text(f"{ready} {finished}\n", "utf-8")
    (folder / "done").touch()
    # Lava's own shutdown takes seconds for a large graph, and all results are out: the watchdog ends us.
    signal.pause()


def leave(leader: int, folder: Path | None = None) -> None:
    """End the processes that we started, wait for them, remove `folder`, and go at once; what we forked just goes."""
    if os.getpid() == leader:
        children = multiprocessing.active_children()
        for child in children:
            child.kill()
        for child in children:
            child.join()
        if folder:
            shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)


def supervise(root: AbstractProcess, folder: Path, parent: int) -> None:
    """Report one of Lava's OS processes that raised or died: Lava would wait for it for ever. Follow our own parent."""
    while True:
        time.sleep(0.1)
        if os.getppid() != parent:
            leave(os.getpid(), folder)
        runtime = root.runtime
        if runtime is None or runtime._messaging_infrastructure is None or (folder / "done").exists():
            continue
        names = [process.name for process in runtime._executable.proc_builders]
        for index, actor in enumerate(runtime._messaging_infrastructure.actors):
            name = names[index] if index < len(names) else "a runtime service"
            if actor.exception:
                error, details = actor.exception
                report_failure(folder, f"{name}: {type(error).__name__}: {error}", details)
            elif not actor.is_alive():
                reason = f"exit code {actor.exitcode}, perhaps out of memory"
                report_failure(folder, f"{name}: its process {actor.pid} died ({reason})", "")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
