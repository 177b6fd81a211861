"""How good a model is on a task's dev part: the task's metric, and the accuracy beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from spikebert.data.metrics import ACCURACY, Metric, Score, score
from spikebert.model.packing import segments
from spikebert.training.loop import Batch, Example, by_length

BATCH = 64


@dataclass(frozen=True)
class Measured:
    """What a model reaches."""

    score: Score
    accuracy: float | None  # a regression has none

    def __str__(self) -> str:
        beside = "" if self.score.metric == ACCURACY or self.accuracy is None else f", accuracy {self.accuracy:.4f}"
        return f"{self.score}{beside}"

    @property
    def record(self) -> dict[str, Any]:
        """What the record of a run holds."""
        return {"accuracy": self.accuracy, **self.score.record}


def batches_for(model: nn.Module, examples: Sequence[Example]) -> Iterator[Batch]:
    """Batches where the model is, which measures from now on, and learns nothing."""
    model.eval()
    device = next(model.parameters()).device
    return (batch.to(device) for batch in by_length(examples, BATCH))


@torch.no_grad()
def measure(
    logits: Callable[[Batch], Tensor], examples: Sequence[Example], metric: Metric, labels: Sequence[str]
) -> Measured:
    """How good the predictions of `logits`, (B, labels) of a batch, are; without labels, those of a regression."""
    found, wanted = [], []
    for batch in by_length(examples, BATCH):
        found.append(answers(logits(batch).float(), labels).cpu().numpy())
        wanted.append(batch.labels.numpy())
    return measured(np.concatenate(found), np.concatenate(wanted), metric, labels)


def answers(logits: Any, labels: Sequence[str]) -> Any:
    """What is measured of logits (B, labels), a tensor or an array: indices of labels, or without labels numbers."""
    return logits.argmax(-1) if labels else logits[:, 0]


def measured(predicted: NDArray, true: NDArray, metric: Metric, labels: Sequence[str]) -> Measured:
    """How good predictions (B,) are: indices of labels, or without labels numbers."""
    accuracy = float((predicted == true).mean()) if labels else None
    return Measured(score(metric, predicted, true, labels), accuracy)


def measure_model(
    model: nn.Module, examples: Sequence[Example], metric: Metric, labels: Sequence[str], separator: int | None = None
) -> Measured:
    """`measure` of a model where it is; `separator` is a BERT's, for sentence pairs."""
    model.eval()
    device = next(model.parameters()).device

    def logits(batch: Batch) -> Tensor:
        batch = batch.to(device)
        types = {} if separator is None else {"token_type_ids": segments(batch.tokens, separator)}
        return model(input_ids=batch.tokens, attention_mask=batch.mask, **types).logits

    return measure(logits, examples, metric, labels)
