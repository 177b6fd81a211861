"""Lava's runtime against the fast simulator on the same texts: start-up, texts a second, and how many times as long.

    python benchmarks/lava_rates.py examples/sst2/model.nir --texts 100

Both count everything. Lava's time is that of its run; what it takes to build and start its processes stands beside it.
The fast simulator works on all cores, and a process of Lava on one: a model of one block has one process that works. So
each stands beside the fast simulator on one core, too. The last column is the share of a run that is left where the
same processes pass on zeros (`lava_jobs.py`): Lava's messages and time steps.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from lava_jobs import idle_seconds
from roofline import random_texts

from export.ir import nir
from simulate import lava
from simulate.fast import FastSimulator
from simulate.verification import holding


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("models", type=Path, nargs="+")
    p.add_argument("--texts", type=int, default=100)
    p.add_argument("--tokens", type=int, default=26, help="of a text, on average")
    p.add_argument("--repeat", type=int, default=3)
    options = p.parse_args()
    print(
        "| model | simulator | start-up, s | texts a second | times as long as fast | as long as fast on one core "
        "| messages and steps |\n|---|---|--:|--:|--:|--:|--:|"
    )
    for path in options.models:
        graph = nir.read(path)
        texts = random_texts(graph, options.texts, options.tokens)
        simulator, alone = FastSimulator(graph), FastSimulator(graph)
        alone.cores = 1
        turns = [
            [simulator.run(texts), alone.run(texts), *(lava.run(graph, texts, name) for name in holding(graph))]
            for _ in range(options.repeat)
        ]
        fast, one, *others = [min(results, key=lambda result: result.seconds) for results in zip(*turns, strict=True)]
        idle = {name: min(idle_seconds(graph, texts, name) for _ in range(options.repeat)) for name in holding(graph)}
        print(
            f"| `{path}` | fast | {fast.startup_seconds:.1f} | {len(texts) / fast.seconds:.0f} | 1 | "
            f"{fast.seconds / one.seconds:.2f} | |"
        )
        for name, result in zip(holding(graph), others, strict=True):
            assert np.array_equal(result.logits, fast.logits)
            print(
                f"| | Lava, {name} | {result.startup_seconds:.1f} | {len(texts) / result.seconds:.0f} | "
                f"{result.seconds / fast.seconds:.2f} | {result.seconds / one.seconds:.2f} | "
                f"{idle[name] / result.seconds:.0%} |"
            )


if __name__ == "__main__":
    main()
