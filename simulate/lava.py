"""The Lava backend: an exported graph on Lava's own runtime, in a child process that cannot take the caller down.

The processes run all steps of a wave; what a sentence with an early exit does behind its last step is taken away here.

The child (`simulate.lava_worker`) builds and runs the process graph; results come back through ports into plain files
in a private folder. Lava hangs where a process model raises or dies: `simulate.watchdog` sees it and ends the run.
The child finds its modules where this process does, but for the current folder: no file there is any of its business.
"""

from __future__ import annotations

import os
import pickle
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from export.ir.arithmetic import steps_taken
from export.ir.early_exit import awake, margin_of, silence
from export.ir.graph import NO_MARGIN, Graph, NeuronLayer
from export.ir.ranges import check_messages
from export.ir.sections import sections
from export.ir.stock import check_stock
from export.runtime import tally
from export.runtime.waves import spike_file
from simulate import lava_installed
from simulate.batches import Tokens, batches
from simulate.lava_installed import BLOCK, GRANULARITIES, LAYER, STOCK
from simulate.result import SimulationResult
from simulate.scratch import scratch
from simulate.watchdog import watch
from spikebert.core.options import require_choice

if TYPE_CHECKING:
    from export.lava.build import Built

# Token slots of a wave, at least and at most, unless a sentence is longer. Many cost fewer messages; but the processes
# work beside each other only where there are enough waves for that. Few for stock: NumPy multiplies integers fastest in
# small parts.
ROWS = {BLOCK: (128, 512), LAYER: (256, 512), STOCK: (64, 64)}
WAVES = 8  # are enough


@dataclass(frozen=True)
class Job:
    """What the child is told: written and read by this program alone, in a folder of its own."""

    graph: Graph
    waves: list[tuple[NDArray, list[int]]]
    rows: int
    granularity: str
    record: bool

    def build(self, folder: str) -> Built:
        """The process graph; called in the child."""
        from export.lava.build import build

        return build(self.graph, self.granularity, self.waves, self.rows, folder, self.record)


START = "import sys; sys.path[:] = {path!r}; from simulate.lava_worker import main; main()"


def run_job(
    packed: bytes, folder: Path, deadline: float | None = None, look: Callable[[], None] = lambda: None
) -> tuple[float, float]:
    """Run what a job's `build(folder)` builds in a watched child process, until all of it is done.

    Args:
        packed: the job, pickled: made before there is a folder, so that little can happen between that and the child.
        look: called from time to time.
    Returns:
        (seconds until Lava was ready, seconds of its run)
    """
    lava_installed.require()
    started = time.monotonic()
    # The name is for those who look at a list of processes.
    arguments = ["simulate.lava_worker", str(folder), str(os.getpid())]
    command = [sys.executable, "-c", START.format(path=module_path()), *arguments]
    watch(command, folder, deadline, look, packed)
    ready, finished = np.loadtxt(folder / "times")
    return float(ready - started), float(finished - ready)


def module_path() -> list[str]:
    """`sys.path` in whole paths, with this package's, but without the current folder where Python itself put it."""
    own, here = Path(__file__).resolve().parents[1], Path()
    first, *rest = [Path(entry) for entry in sys.path]
    foreign = first.exists() and first.samefile(here) and not own.samefile(here)
    return [str(entry.absolute()) for entry in [*([] if foreign else [first]), *rest, own]]


def run(
    graph: Graph,
    sentences: Sequence[Tokens],
    granularity: str = "block",
    record: bool = False,
    rows: int | None = None,
    deadline: float | None = None,
    progress: Callable[[int], object] | None = None,
) -> SimulationResult:
    """Run sentences of token ids through one Lava process graph.

    Args:
        granularity: "block", "layer" or "stock"; see `export.lava.processes`.
        record: also give every spike.
        rows: token slots; sentences travel together as far as they fit.
        deadline: seconds after which the run is ended.
        progress: called with the number of sentences done since its last call.
    Raises:
        InputError: Lava cannot run this graph, or Lava's own processes cannot compute a layer.
        SimulationError: a process model raised, an OS process died, or the deadline passed.
    """
    require_choice(GRANULARITIES, granularity=granularity)
    if granularity == STOCK:
        check_stock(graph)
    else:
        sections(graph)  # refuses what the child could not build
    check_messages(graph)
    rows = max([rows or _rows(granularity, sum(map(len, sentences))), *map(len, sentences)])
    groups = batches(sentences, rows)
    waves = [(np.concatenate([sentences[i] for i in g]), [len(sentences[i]) for i in g]) for g in groups]
    # No more slots than any wave needs: idle rows cost as much to send as busy ones.
    rows = max(len(tokens) for tokens, _ in waves)
    job = Job(graph, waves, rows, granularity, record)
    packed = pickle.dumps(job)
    with scratch() as folder:
        reader = _Reader(folder, job)
        startup, seconds = run_job(packed, folder, deadline, reader.report(progress))
        return reader.result(startup, seconds, record)


def _rows(granularity: str, tokens: int) -> int:
    """Token slots of a wave, where there are so many tokens."""
    least, most = ROWS[granularity]
    return min(most, max(least, -(-tokens // WAVES)))


class _Reader:
    """Makes the result out of the files that the Collector and the Probes wrote."""

    def __init__(self, folder: Path, job: Job):
        self.folder, self.graph, self.waves, self.rows = folder, job.graph, job.waves, job.rows
        self.uncounted = job.granularity == STOCK  # Lava's own neurons do not count
        self.counted = [key for node in job.graph for key in tally.keys(node)]
        self.sizes = [len(lengths) for _, lengths in job.waves]
        self.most = max(self.sizes)  # S

    def report(self, progress: Callable[[int], object] | None) -> Callable[[], None]:
        """A function that tells `progress` how many sentences have come out since it was last called."""
        done = 0

        def look() -> None:
            nonlocal done
            path = self.folder / "logits"
            if progress and path.exists():
                ready = path.stat().st_size // (8 * self.graph.time_steps * self.most * self.graph.outputs)
                sentences = sum(self.sizes[:ready])
                progress(sentences - done)
                done = sentences

        return look

    def result(self, startup: float, seconds: float, record: bool) -> SimulationResult:
        """The result of a run that took so many seconds."""
        logits, steps = self._logits(), None
        lengths = [n for _, wave in self.waves for n in wave]
        if margin_of(self.graph) != NO_MARGIN:
            steps = steps_taken(logits, margin_of(self.graph))
        recorded = record or self.uncounted
        spikes = {n.name: self._spikes(n) for n in self.graph.neurons} if recorded else None
        if steps is not None:
            for train in (spikes or {}).values():
                silence(train, steps, lengths)
        uncounted = spikes if self.uncounted else None
        counts = tally.tally_spikes(self.graph, uncounted, lengths) if uncounted else self._counts()
        if steps is not None:
            counts = {key: rows * awake(steps, self.graph.time_steps) for key, rows in counts.items()}
        return SimulationResult(
            logits=logits[-1] if steps is None else logits[steps - 1, np.arange(len(steps))],
            counts=counts,
            neurons={name: train.sum((0, 1), dtype=np.int64) for name, train in spikes.items()} if spikes else None,
            spikes=spikes if record else None,
            seconds=seconds,
            startup_seconds=startup,
            steps=steps,
        )

    def _logits(self) -> NDArray[np.int64]:
        """(T, B, labels), after each step."""
        shape = (len(self.waves), self.graph.time_steps, self.most, self.graph.outputs)
        logits = np.fromfile(self.folder / "logits", "<i8").reshape(shape)
        return np.concatenate([wave[:, :n] for wave, n in zip(logits, self.sizes, strict=True)], axis=1)

    def _counts(self) -> dict[str, NDArray[np.int64]]:
        """{key: (B, T)} as the processes have counted."""
        shape = (len(self.waves), self.graph.time_steps, len(self.counted), self.most)
        counts = np.fromfile(self.folder / "counts", "<i8").reshape(shape)
        return {
            name: np.concatenate([wave[:, k, :n].T for wave, n in zip(counts, self.sizes, strict=True)])
            for k, name in enumerate(self.counted)
        }

    def _spikes(self, node: NeuronLayer) -> NDArray[np.uint8]:
        """(T, M, D) of one layer."""
        steps = len(self.waves) * self.graph.time_steps
        bits = np.fromfile(spike_file(self.folder, self.counted.index(node.name)), np.uint8)
        size = -(-self.rows * node.width // 8)  # bytes of a message
        messages = np.unpackbits(bits[: steps * size].reshape(steps, size), axis=1, count=self.rows * node.width)
        trains = messages.reshape(len(self.waves), self.graph.time_steps, self.rows, node.width)
        return np.concatenate(
            [train[:, : len(tokens)] for train, (tokens, _) in zip(trains, self.waves, strict=True)], axis=1
        )
