"""The child of `simulate.lava`: builds the process graph of a job, runs it, and says when it is done."""

from __future__ import annotations

import os
import pickle
import sys
import threading
import time
import traceback
from pathlib import Path

from lava.magma.core.process.process import AbstractProcess


def watch_actors(root: AbstractProcess, folder: Path) -> None:
    """Write `error.txt` as soon as one of Lava's OS processes has raised or died; Lava itself would wait for ever."""
    while not (folder / "done").exists():
        time.sleep(0.1)
        infrastructure = getattr(root.runtime, "_messaging_infrastructure", None)
        for actor in infrastructure.actors if infrastructure else []:
            message = ""
            if actor.exception:
                message = actor.exception[1]
            elif not actor.is_alive():
                message = f"process {actor.pid} of the graph died (exit code {actor.exitcode})"
            if message and not (folder / "done").exists() and not (folder / "error.txt").exists():
                temporary = folder / f"error.{os.getpid()}"
                temporary.write_text(message, "utf-8")
                temporary.rename(folder / "error.txt")


def main(folder: str) -> None:
    started = time.perf_counter()
    job = pickle.loads((Path(folder) / "job").read_bytes())  # our own parent wrote it, see simulate.lava
    try:
        from lava.magma.core.run_conditions import RunSteps
        from lava.magma.core.run_configs import Loihi2SimCfg

        from export.lava.build import build

        root = build(job.graph, job.waves, job.rows, folder, job.record)
        configuration = Loihi2SimCfg(select_tag="fixed_pt", select_sub_proc_model=job.granularity == "layer")
        threading.Thread(target=watch_actors, args=(root, Path(folder)), daemon=True).start()
        # Each channel reserves this many messages; Lava's default is 64.
        root.create_runtime(run_cfg=configuration, compile_config={"pypy_channel_size": 2})
        ready = time.perf_counter()
        root.run(RunSteps(len(job.waves) * job.graph.time_steps), configuration)
        finished = time.perf_counter()
    except Exception:
        (Path(folder) / "error.txt").write_text(traceback.format_exc(), "utf-8")
        raise
    (Path(folder) / "seconds").write_text(f"{finished - ready} {ready - started}\n", "utf-8")
    (Path(folder) / "done").touch()
    root.stop()


if __name__ == "__main__":
    main(sys.argv[1])
