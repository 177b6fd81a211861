"""Jobs of Lava's child that are measured: one whose processes pass on zeros, and one that says when it was built.

Used by `lava_rates.py` and `lava_start.py`; the child finds these classes here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from export.ir.graph import Graph, Readout
from simulate import lava
from simulate.batches import Tokens

if TYPE_CHECKING:
    from export.lava.build import Built


class IdleJob(lava.Job):
    """The processes, channels and messages of the model, and zeros in them: Lava's own work is left.

    The look-up of the words stays, since it tells the others how long the texts are. The classes are emptied in the
    child alone.
    """

    def build(self, folder: str) -> Built:
        from lava.proc.lif.models import PyLifResetModelBitAcc

        from export.lava import models

        models.Model.outputs = _zeros
        models.Model.counts = lambda self, values, lengths: np.zeros(self.frame.counts, np.int64)
        models.SynapsesModel.run_spk = _pass_on_dense
        PyLifResetModelBitAcc.run_spk = _pass_on_neurons
        return super().build(folder)


@dataclass(frozen=True)
class StampedJob(lava.Job):
    """Writes when it began and ended building, by the clock of the whole machine."""

    stamps: Path = Path()

    def build(self, folder: str) -> Built:
        began = time.monotonic()
        built = super().build(folder)
        self.stamps.write_text(f"{began} {time.monotonic()}", "utf-8")
        return built


@contextmanager
def jobs_by(make: Callable[..., lava.Job]) -> Iterator[None]:
    """Within the context, `lava.run` makes its job by `make`."""
    whole, lava.Job = lava.Job, make  # type: ignore[misc]
    try:
        yield
    finally:
        lava.Job = whole


def idle_seconds(graph: Graph, texts: Sequence[Tokens], granularity: str) -> float:
    """Seconds of a run of the emptied graph."""
    with jobs_by(IdleJob):
        return lava.run(graph, texts, granularity).seconds


def _zeros(self: Any, inputs: dict[str, np.ndarray], lengths: list[int]) -> dict[str, np.ndarray]:
    """In place of `Model.outputs`: of each node as many zeros as it has values."""
    tokens = sum(lengths)
    shapes = {
        node.name: (1, len(lengths), node.width) if isinstance(node, Readout) else (1, tokens, node.width)
        for node in self.computed
    }
    return inputs | {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}


def _pass_on_dense(self: Any) -> None:
    self.a_out.send(self.a_buff)
    self.s_in.recv()


def _pass_on_neurons(self: Any) -> None:
    self.a_in.recv()
    self.s_out.send(np.zeros(self.s_out.shape, np.int32))
