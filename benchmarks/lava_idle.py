"""A model's process graph whose processes pass on zeros: what its run takes is Lava's own, messages and time steps.

Used by `lava_rates.py`. The processes, their channels and the sizes of their messages are those of the model. The
look-up of the words stays, since it tells the others how long the texts are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from export.ir.graph import Graph, Readout
from simulate import lava
from simulate.batches import Tokens

if TYPE_CHECKING:
    from export.lava.build import Built


class IdleJob(lava.Job):
    """Lava's child builds what this module has emptied; the classes are emptied there, and nowhere else."""

    def build(self, folder: str) -> Built:
        from lava.proc.lif.models import PyLifResetModelBitAcc

        from export.lava import models

        models.Model.outputs = _zeros
        models.Model.counts = lambda self, values, lengths: np.zeros(self.frame.counts, np.int64)
        models.SynapsesModel.run_spk = _pass_on_dense
        PyLifResetModelBitAcc.run_spk = _pass_on_neurons
        return super().build(folder)


def idle_seconds(graph: Graph, texts: Sequence[Tokens], granularity: str) -> float:
    """Seconds of a run of the emptied graph."""
    with _idle_jobs():
        return lava.run(graph, texts, granularity).seconds


@contextmanager
def _idle_jobs() -> Iterator[None]:
    whole, lava.Job = lava.Job, IdleJob
    try:
        yield
    finally:
        lava.Job = whole


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
