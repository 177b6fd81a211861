"""Some nodes at work on a wave of sentences, one time step a call, with all cores.

BLAS keeps every core busy in the matrix products, but NumPy's element-wise work runs on one: so each core takes its
share of the sentences through all the nodes.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy

import numpy as np
from threadpoolctl import ThreadpoolController

from export.arithmetic import Array
from export.graph import Node
from export.kernels import make_kernel


class Team:
    """The kernels of `nodes`; `bounds` gives the largest magnitude of each node's output."""

    def __init__(self, nodes: Sequence[Node], bounds: dict[str, int]):
        self.nodes = nodes
        self.blas = ThreadpoolController()
        self.cores = max((lib["num_threads"] for lib in self.blas.info() if lib["user_api"] == "blas"), default=1)
        self.pool = ThreadPoolExecutor(self.cores)
        kernels = {n.name: make_kernel(n, 1, max((bounds[s] for s in n.inputs), default=0)) for n in nodes}
        # Copies share the weights; each has a state of its own.
        self.kernels = [{name: copy(kernel) for name, kernel in kernels.items()} for _ in range(self.cores)]

    def rest(self) -> None:
        """Forget the past: called before each wave."""
        for kernels in self.kernels:
            for kernel in kernels.values():
                kernel.rest()

    def __call__(self, inputs: dict[str, Array], lengths: list[int], wanted: Collection[str]) -> dict[str, Array]:
        """One time step: the outputs (1, M, D) of the `wanted` nodes for those (1, M, D) of the nodes before these.

        `lengths` tells where the sentences of a wave end: it must stay the same until `rest`.
        """
        parts = shares(lengths, self.cores)
        ends = np.cumsum([0, *lengths])

        def work(kernels: dict, part: slice) -> list[Array]:
            rows = slice(ends[part.start], ends[part.stop])
            values = {name: x[:, rows] for name, x in inputs.items()}
            for node in self.nodes:
                values[node.name] = kernels[node.name]([values[s] for s in node.inputs], lengths[part])
            return [values[name] for name in wanted]

        with self.blas.limit(limits=max(1, self.cores // len(parts)), user_api="blas"):
            results = list(self.pool.map(work, self.kernels, parts))
        return {name: np.concatenate(arrays, axis=-2) for name, *arrays in zip(wanted, *results, strict=True)}


def shares(lengths: list[int], most: int) -> list[slice]:
    """The sentences in at most `most` runs of about equally many tokens."""
    ends = np.cumsum(lengths)
    cuts = {int(np.abs(ends - ends[-1] * i / most).argmin()) + 1 for i in range(1, most)}
    starts = sorted({0, *cuts} - {len(lengths)})
    return [slice(a, b) for a, b in zip(starts, [*starts[1:], len(lengths)], strict=True)]
