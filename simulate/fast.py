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
from export.graph import LIF, Graph
from export.kernels import make_kernel
from export.ranges import output_bounds
from export.tally import per_neuron, tally
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
            record: also give every spike; without it nothing but the counts, a few integers each, grows with the
                number of sentences.
            progress: called with the number of sentences done since its last call.
        """
        started = time.perf_counter()
        logits, spikes = [], []
        counts: dict[str, NDArray[np.int64]] = {}
        neurons = {node.name: np.zeros(node.width, np.int64) for node in self.graph.neurons}
        groups = batches(sentences, batch_rows(sum(map(len, sentences)), self.cores))
        with self._side_by_side(len(groups)) as run:
            results = run(lambda group: self._batch([sentences[i] for i in group], record), groups)
            for group, (batch_logits, batch_counts, batch_neurons, batch_spikes) in zip(groups, results, strict=True):
                logits.append(batch_logits)
                for name, rows in batch_counts.items():  # each into its place: kept once
                    counts.setdefault(name, np.empty((len(sentences), rows.shape[1]), np.int64))[group] = rows
                for name, fired in batch_neurons.items():
                    neurons[name] += fired
                spikes.append(batch_spikes)
                if progress:
                    progress(len(group))
        return SimulationResult(
            logits=np.concatenate(logits),
            counts=counts,
            neurons=neurons,
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
        """One batch: logits (B, labels), counts {key: (B, T)}, spikes of each neuron {layer: (D,)} and every spike
        {layer: (T, M, D)} where asked for.
        """
        lengths = [len(tokens) for tokens in sentences]
        values: dict[str, Array] = {}
        counts: dict[str, NDArray[np.int64]] = {}
        neurons: dict[str, NDArray[np.int64]] = {}
        spikes: dict[str, NDArray[np.uint8]] = {}
        output: NDArray = np.concatenate(sentences)
        for node in self.graph:
            # A copy shares the weights and has its own state: threads do not meet, and no membrane outlives its node.
            kernel = copy(self.kernels[node.name])
            inputs = [values[source] for source in node.inputs] or [output]
            output = values[node.name] = kernel(inputs, lengths)
            counts |= tally(node, inputs, output, lengths)
            if isinstance(node, LIF):
                neurons[node.name] = per_neuron(output)
                if record:
                    spikes[node.name] = output.astype(np.uint8)
            for source in set(node.inputs):
                if self.last_reader[source] == node.name:
                    del values[source]
        return output, counts, neurons, spikes


def batch_rows(tokens: int, cores: int) -> int:
    """Rows of a batch, so that the cores get equally many batches of at most ROWS tokens."""
    rounds = math.ceil(tokens / (cores * ROWS))
    return math.ceil(tokens / (cores * rounds))
