"""The Lava backend: an exported graph on Lava's own runtime, in a child process that cannot take the caller down.

The child (`simulate.lava_worker`) builds and runs the process graph; results come back through ports into plain files
in a private folder. Lava hangs where a process model raises or dies: `simulate.watchdog` sees it and ends the run.
"""

from __future__ import annotations

import pickle
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from export.graph import LIF, Add, Graph
from simulate.batches import Tokens, batches
from simulate.result import SimulationResult
from simulate.watchdog import watch

ROWS = 256  # token slots of a wave, unless a sentence is longer


@dataclass(frozen=True)
class Job:
    """What the child is told: written and read by this program alone, in a folder of its own."""

    graph: Graph
    waves: list[tuple[NDArray, list[int]]]
    rows: int
    granularity: str
    record: bool


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
        granularity: "block" or "layer"; see `export.lava.models`.
        record: also give every spike.
        rows: token slots; sentences travel together as far as they fit.
        deadline: seconds after which the run is ended.
        progress: called with the number of sentences done since its last call.
    Raises:
        SimulationError: a process model raised, an OS process died, or the deadline passed.
    """
    rows = max([rows or ROWS, *map(len, sentences)])
    groups = batches(sentences, rows)
    waves = [(np.concatenate([sentences[i] for i in g]), [len(sentences[i]) for i in g]) for g in groups]
    # No more slots than any wave needs: idle rows cost as much to send as busy ones.
    rows = max(len(tokens) for tokens, _ in waves)
    with tempfile.TemporaryDirectory(prefix="spikebert-lava-") as folder:
        (Path(folder) / "job").write_bytes(pickle.dumps(Job(graph, waves, rows, granularity, record)))
        reader = _Reader(Path(folder), graph, waves, rows)
        watch([sys.executable, "-m", "simulate.lava_worker", folder], Path(folder), deadline, reader.report(progress))
        return reader.result(record)


class _Reader:
    """Makes the result out of the files that the Collector and the Probes wrote."""

    def __init__(self, folder: Path, graph: Graph, waves: list[tuple[NDArray, list[int]]], rows: int):
        self.folder, self.graph, self.waves, self.rows = folder, graph, waves, rows
        self.most = max(len(lengths) for _, lengths in waves)  # S

    def report(self, progress: Callable[[int], object] | None) -> Callable[[], None]:
        """A function that tells `progress` how many sentences have come out since it was last called."""
        done = 0

        def look() -> None:
            nonlocal done
            path = self.folder / "logits"
            if progress and path.exists():
                ready = path.stat().st_size // (8 * self.most * len(self.graph.labels))
                sentences = sum(len(lengths) for _, lengths in self.waves[:ready])
                progress(sentences - done)
                done = sentences

        return look

    def result(self, record: bool) -> SimulationResult:
        names = [n.name for n in self.graph if isinstance(n, (LIF, Add))]
        steps = self.graph.time_steps
        shape = (len(self.waves), self.most, len(self.graph.labels))
        logits = np.fromfile(self.folder / "logits", "<i8").reshape(shape)
        counts = np.fromfile(self.folder / "counts", "<i8").reshape(len(self.waves), steps, len(names), self.most)
        sizes = [len(lengths) for _, lengths in self.waves]
        seconds, startup = np.loadtxt(self.folder / "seconds")
        return SimulationResult(
            logits=np.concatenate([wave[:n] for wave, n in zip(logits, sizes, strict=True)]),
            counts={
                name: np.concatenate([wave[:, k, :n].T for wave, n in zip(counts, sizes, strict=True)])
                for k, name in enumerate(names)
            },
            spikes={n.name: self._spikes(n) for n in self.graph.neurons} if record else None,
            seconds=float(seconds),
            startup_seconds=float(startup),
        )

    def _spikes(self, node: LIF) -> NDArray[np.uint8]:
        """(T, M, D) of one layer."""
        bits = np.fromfile(self.folder / f"{node.name}.bits", np.uint8)
        messages = np.unpackbits(bits.reshape(len(self.waves) * self.graph.time_steps, -1), axis=1)
        trains = messages[:, : self.rows * node.width].reshape(
            len(self.waves), self.graph.time_steps, self.rows, node.width
        )
        return np.concatenate(
            [train[:, : len(tokens)] for train, (tokens, _) in zip(trains, self.waves, strict=True)], axis=1
        )
