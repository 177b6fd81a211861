"""The fast simulator: the integer graph at BLAS speed, all T steps of a batch of sentences in one pass per node.

Where the model has an early exit it goes step by step, and sentences leave their batch when they are done.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from export.ir.arithmetic import decided
from export.ir.early_exit import margin_of
from export.ir.graph import NO_MARGIN, Graph, NeuronLayer, Node
from export.runtime.execute import Change, Executor, Visit
from export.runtime.kernels import State
from export.runtime.tally import firings, per_neuron, tally
from simulate.batches import Tokens, by_length
from simulate.result import Counting, SimulationResult

ROWS = 256  # tokens per batch: enough for BLAS, few enough that a layer's activity stays small


@dataclass
class _Batch:
    """What came of B sentences of M tokens; see `SimulationResult`."""

    logits: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    counts: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    neurons: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    spikes: dict[str, NDArray[np.uint8]] = field(default_factory=dict)
    steps: NDArray[np.int64] | None = None


class _Whole:
    """What came of all sentences; each batch is put into its places, so that everything is kept once."""

    def __init__(self, graph: Graph, sentences: Sequence[Tokens], record: bool, steps: bool):
        self.ends = np.cumsum([len(tokens) for tokens in sentences])
        self.logits = np.empty((len(sentences), graph.outputs), np.int64)
        self.counts: dict[str, NDArray[np.int64]] = {}
        self.neurons = {node.name: np.zeros(node.width, np.int64) for node in graph.neurons}
        self.spikes: dict[str, NDArray[np.uint8]] | None = None
        if record:
            rows = int(self.ends[-1])
            self.spikes = {n.name: np.empty((graph.time_steps, rows, n.width), np.uint8) for n in graph.neurons}
        self.steps = np.empty(len(sentences), np.int64) if steps else None

    def put(self, group: list[int], batch: _Batch) -> None:
        self.logits[group] = batch.logits
        for name, rows in batch.counts.items():
            self.counts.setdefault(name, np.empty((len(self.logits), rows.shape[1]), np.int64))[group] = rows
        for name, fired in batch.neurons.items():
            self.neurons[name] += fired
        if self.steps is not None:
            self.steps[group] = batch.steps
        if self.spikes is not None:
            starts = np.concatenate([[0], self.ends[:-1]])
            tokens = np.concatenate([np.arange(starts[i], self.ends[i]) for i in group])
            for name, train in batch.spikes.items():
                self.spikes[name][:, tokens] = train


class FastSimulator:
    """A graph made ready to run; `run` may be called many times."""

    def __init__(self, graph: Graph):
        started = time.perf_counter()
        self.graph = graph
        self.margin = margin_of(graph)
        self.executor = Executor(graph, steps=graph.time_steps if self.margin == NO_MARGIN else 1)
        self.blas = ThreadpoolController()
        # The cores that NumPy's matrix products use, which the environment may limit (OMP_NUM_THREADS).
        self.cores = max((lib["num_threads"] for lib in self.blas.info() if lib["user_api"] == "blas"), default=1)
        self.startup_seconds = time.perf_counter() - started

    def run(
        self,
        sentences: Sequence[Tokens],
        record: bool = False,
        progress: Callable[[int], object] | None = None,
        changes: Mapping[str, Change] | None = None,
        counting: Counting = "all",
    ) -> SimulationResult:
        """Classify sentences of token ids.

        Args:
            record: also give every spike; without it nothing but the counts, a few integers each, grows with the
                number of sentences.
            progress: called with the number of sentences done since its last call.
            changes: what to put in place of the outputs of some nodes, by their names.
            counting: what to count: where nobody asks for more than logits, it need not take its time.
        """
        started = time.perf_counter()
        whole = _Whole(self.graph, sentences, record, steps=self.margin != NO_MARGIN)
        groups = by_length(sentences, batch_rows(sum(map(len, sentences)), self.cores))
        with self._side_by_side(len(groups)) as run:
            way = self._batch if self.margin == NO_MARGIN else self._leaving
            results = run(lambda group: way([sentences[i] for i in group], record, changes or {}, counting), groups)
            for group, batch in zip(groups, results, strict=True):
                whole.put(group, batch)
                if progress:
                    progress(len(group))
        return SimulationResult(
            logits=whole.logits,
            counts=whole.counts,
            neurons=None if counting == "none" else whole.neurons,
            spikes=whole.spikes,
            seconds=time.perf_counter() - started,
            startup_seconds=self.startup_seconds,
            steps=whole.steps,
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

    def _batch(
        self, sentences: list[Tokens], record: bool, changes: Mapping[str, Change], counting: Counting
    ) -> _Batch:
        """All steps of a batch; no membrane outlives its node."""
        batch, lengths = _Batch(), [len(tokens) for tokens in sentences]
        states: dict[str, State] = {}
        for node, inputs, output in self.executor.visits(sentences, states, changes):
            state = states.pop(node.name)
            if _is_counted(node, counting):
                counts, fired = count(Visit(node, inputs, output), lengths, state)
                batch.counts |= counts
                batch.neurons |= fired
            if record and isinstance(node, NeuronLayer):
                batch.spikes[node.name] = output
            batch.logits = output
        return batch

    def _leaving(
        self, sentences: list[Tokens], record: bool, changes: Mapping[str, Change], counting: Counting
    ) -> _Batch:
        """Step after step of a batch, each without the sentences that are done."""
        steps, lengths = self.graph.time_steps, np.array([len(tokens) for tokens in sentences])
        shape, taken = (len(sentences), steps), np.full(len(sentences), steps)
        batch = _Batch(np.zeros((len(sentences), self.graph.outputs), np.int64), steps=taken)
        batch.counts = defaultdict(lambda: np.zeros(shape, np.int64))
        batch.neurons = {node.name: np.zeros(node.width, np.int64) for node in self.graph.neurons}
        if record:
            rows = int(lengths.sum())
            batch.spikes = {node.name: np.zeros((steps, rows, node.width), np.uint8) for node in self.graph.neurons}
        states: dict[str, State] = {}
        here, tokens = np.arange(len(sentences)), np.arange(lengths.sum())  # which are still there
        for step in range(steps):
            there = lengths[here].tolist()
            logits: NDArray = np.empty(0)
            for node, inputs, output in self.executor.visits([sentences[i] for i in here], states, changes):
                if _is_counted(node, counting):
                    counts, fired = count(Visit(node, inputs, output), there, states[node.name])
                    for key, number in counts.items():
                        batch.counts[key][here, step] = number[:, 0]
                    for name, number in fired.items():
                        batch.neurons[name] += number
                if record and isinstance(node, NeuronLayer):
                    batch.spikes[node.name][step, tokens] = output[0]
                logits = output
            batch.logits[here] = logits
            stay = ~decided(logits, self.margin)
            taken[here[~stay]] = step + 1
            if not stay.any():
                break
            rows_stay = np.repeat(stay, there)
            states = {name: state and state.of(stay, rows_stay) for name, state in states.items()}
            here, tokens = here[stay], tokens[rows_stay]
        return batch


def _is_counted(node: Node, counting: Counting) -> bool:
    return counting == "all" or (counting == "layers" and isinstance(node, NeuronLayer))


def count(
    visit: Visit, lengths: list[int], state: State
) -> tuple[dict[str, NDArray[np.int64]], dict[str, NDArray[np.int64]]]:
    """What is counted of a node at work, which left a state: the counts of each sentence, and of each neuron (D,)."""
    node, inputs, output = visit
    if not isinstance(node, NeuronLayer):
        return tally(node, inputs, output, lengths, state), {}
    fired = firings(output, lengths)
    return tally(node, inputs, output, lengths, fired), {node.name: per_neuron(fired)}


def batch_rows(tokens: int, cores: int) -> int:
    """Rows of a batch, so that the cores get equally many batches of at most ROWS tokens."""
    rounds = math.ceil(tokens / (cores * ROWS))
    return math.ceil(tokens / (cores * rounds))
