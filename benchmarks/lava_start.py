"""What the start-up of Lava's runtime goes to: Python and imports, the making of the process graph, Lava's own start.

    python benchmarks/lava_start.py examples/sst2/model.nir base

Lava's own start is its compiler and one process of the operating system for each process of the graph.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
from lava_jobs import StampedJob, jobs_by
from roofline import graph_of, random_texts

from export.ir.graph import Graph
from simulate import lava
from simulate.verification import holding


def start_of(graph: Graph, granularity: str) -> tuple[float, float, float]:
    """Seconds of (Python and imports, the making of the graph, Lava's own start)."""
    started = []

    def run_job(*arguments):
        started.append(time.monotonic())
        return whole_run(*arguments)

    whole_run = lava.run_job
    with tempfile.TemporaryDirectory() as folder, jobs_by(partial(StampedJob, stamps=Path(folder, "stamps"))):
        lava.run_job = run_job
        try:
            result = lava.run(graph, random_texts(graph, 2, 8), granularity)
        finally:
            lava.run_job = whole_run
        began, built = np.loadtxt(Path(folder, "stamps"))
    return began - started[0], built - began, started[0] + result.startup_seconds - built


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("models", nargs="+", help="model.nir, or base: that preset with random weights")
    p.add_argument("--repeat", type=int, default=3)
    options = p.parse_args()
    print("| model | simulator | Python and imports, s | the process graph, s | Lava's own start, s | sum |")
    print("|---|---|--:|--:|--:|--:|")
    for name in options.models:
        graph = graph_of(name)
        for granularity in ("block",) if name == "base" else holding(graph):
            parts = min((start_of(graph, granularity) for _ in range(options.repeat)), key=sum)
            told = " | ".join(f"{seconds:.1f}" for seconds in (*parts, sum(parts)))
            print(f"| `{name}` | Lava, {granularity} | {told} |")


if __name__ == "__main__":
    main()
