"""The fast simulator: the integer graph at BLAS speed, all T steps of a batch of sentences in one pass per node."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from copy import copy

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from export.arithmetic import Array
from export.graph import LIF, Add, Graph
from export.kernels import make_kernel
from export.ranges import output_bounds
from simulate.batches import Tokens, batches
from simulate.result import SimulationResult

ROWS = 256  # tokens per batch: enough for BLAS, few enough that a layer's activity stays small


class FastSimulator:
    """A graph made ready to run; `run` may be called many times."""

    def __init__(self, graph: Graph):
        started = time.perf_counter()
        self.graph = graph
        bounds = output_bounds(graph)
        self.kernels = {
            node.name: make_kernel(node, graph.time_steps, max((bounds[s] for s in node.inputs), default=0))
            for node in graph
        }
        readers = graph.consumers()
        for node in graph:
            self.kernels[node.name].in_place = all(readers[source] == [node.name] for source in node.inputs)
        # After which node each value is of no more use.
        self.last_reader = {name: names[-1] if names else name for name, names in readers.items()}
        self.blas = ThreadpoolController()
        # The cores that NumPy's matrix products use, which the environment may limit (OMP_NUM_THREADS).
        self.cores = max((lib["num_threads"] for lib in self.blas.info() if lib["user_api"] == "blas"), default=1)
        self.startup_seconds = time.perf_counter() - started

    def run(
        self, sentences: Sequence[Tokens], record: bool = False, progress: Callable[[int], object] | None = None
    ) -> SimulationResult:
        """Classify sentences of token ids.

        Args:
            record: also give every spike; without it memory does not grow with the number of sentences.
            progress: called with the number of sentences done since its last call.
        """
        started = time.perf_counter()
        logits, counts, spikes = [], [], []
        groups = batches(sentences, batch_rows(sum(map(len, sentences)), self.cores))
        with self._side_by_side(len(groups)) as run:
            results = run(lambda group: self._batch([sentences[i] for i in group], record), groups)
            for group, (batch_logits, batch_counts, batch_spikes) in zip(groups, results, strict=True):
                logits.append(batch_logits)
                counts.append(batch_counts)
                spikes.append(batch_spikes)
                if progress:
                    progress(len(group))
        return SimulationResult(
            logits=np.concatenate(logits),
            counts={name: np.concatenate([c[name] for c in counts]) for name in counts[0]},
            spikes={n.name: np.concatenate([s[n.name] for s in spikes], 1) for n in self.graph.neurons}
            if record
            else None,
            seconds=time.perf_counter() - started,
            startup_seconds=self.startup_seconds,
        )

    @contextmanager
    def _side_by_side(self, batches: int) -> Iterator[Callable]:
        """A `map` that runs batches beside each other, as many as there are cores.

        BLAS alone would use all cores for the products only: NumPy's element-wise work runs on one.
        """
        threads = min(self.cores, batches)
        pool = ThreadPoolExecutor(threads)
        with self.blas.limit(limits=self.cores // threads, user_api="blas"):
            try:
                yield pool.map
            finally:
                pool.shutdown(cancel_futures=True)

    def _batch(self, sentences: list[Tokens], record: bool):
        """Logits (B, labels), counts {layer: (B, T)} and, where asked for, spikes {layer: (T, M, D)} of one batch."""
        lengths = [len(tokens) for tokens in sentences]
        values: dict[str, Array] = {}
        counts: dict[str, NDArray[np.int64]] = {}
        spikes: dict[str, NDArray[np.uint8]] = {}
        output: NDArray = np.concatenate(sentences)
        for node in self.graph:
            # A copy shares the weights and has its own state: threads do not meet, and no membrane outlives its node.
            kernel = copy(self.kernels[node.name])
            inputs = [values[source] for source in node.inputs] or [output]
            output = values[node.name] = kernel(inputs, lengths)
            if isinstance(node, (LIF, Add)):
                counts[node.name] = events(output, lengths)
            if record and isinstance(node, LIF):
                spikes[node.name] = output.astype(np.uint8)
            for source in node.inputs:
                if self.last_reader[source] == node.name:
                    del values[source]
        return output, counts, spikes


def batch_rows(tokens: int, cores: int) -> int:
    """Rows of a batch, so that the cores get equally many batches of at most ROWS tokens."""
    rounds = math.ceil(tokens / (cores * ROWS))
    return math.ceil(tokens / (cores * rounds))


def events(activity: Array, lengths: list[int]) -> NDArray[np.int64]:
    """Non-zero elements per sentence and step, the spikes of a binary train: (T, M, D) → (B, T) int64."""
    # A product with ones is by far the fastest sum over the features.
    per_token = (activity != 0).astype(np.float32) @ np.ones(activity.shape[2], np.float32)  # (T, M)
    starts = np.cumsum([0, *lengths[:-1]])
    return np.add.reduceat(per_token.astype(np.int64), starts, axis=1).T
