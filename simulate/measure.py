"""How well a model's integer logits answer texts whose truth is known: where predictions meet labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from export.ir.early_exit import logit_scale
from export.ir.graph import Graph
from spikebert.data import metrics
from spikebert.data.metrics import Metric, Score


def numbers(graph: Graph, logits: NDArray[np.int64]) -> NDArray[np.float64]:
    """(B,) of a regression: the predicted numbers, in the unit of the labels that it was trained on."""
    return logits[:, 0] * logit_scale(graph)


def predicted(graph: Graph, logits: NDArray[np.int64]) -> NDArray:
    """What is measured of logits (B, labels): the indices of labels (B,), or of a regression the numbers."""
    return numbers(graph, logits) if graph.regression else logits.argmax(1)


@dataclass(frozen=True)
class Measure:
    """A metric, and what is true of the texts that it measures.

    Attributes:
        true: (B,), the index of each text's label, or of a regression the numbers.
    """

    metric: Metric
    true: NDArray

    def value(self, graph: Graph, logits: NDArray[np.int64]) -> float:
        """Of the logits (B, labels) of these texts."""
        return metrics.value(self.metric, predicted(graph, logits), self.true, graph.labels)

    def is_defined(self, graph: Graph, logits: NDArray[np.int64]) -> bool:
        """Whether the metric tells anything of these logits."""
        return metrics.is_defined(self.metric, predicted(graph, logits), self.true, graph.labels)

    def score(self, graph: Graph, logits: NDArray[np.int64]) -> Score:
        """`value` with its interval."""
        return metrics.score(self.metric, predicted(graph, logits), self.true, graph.labels)
