"""Where a model of two classes decides, for a task that is measured by F1.

Accuracy is greatest where a model decides for the likelier class. F1 is greatest where it calls a text positive from
half of that greatest F1 on (Lipton, Elkan and Naryanaswamy 2014, arXiv 1402.1892), which is below one half. The model's
own probabilities on its training texts tell what F1 to expect. No label is read, and no text of the dev part.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from spikebert.core.log import say
from spikebert.data.decision import NOTE, Decision, decision_of
from spikebert.data.metrics import Metric
from spikebert.data.rows import Row
from spikebert.model.checkpoint import TrainedModel
from spikebert.training.examples import examples_for
from spikebert.training.loop import Example
from spikebert.training.measuring import batches_for

MOST = 20_000  # texts whose probabilities are asked for
LEAST = 1e-3  # no lower threshold is taken


def threshold(probabilities: NDArray) -> float:
    """The probability (0, 0.5] from which on to call a text positive, by the probabilities (N,) of some texts.

    Where the k likeliest are called positive, the expected F1 is about 2 · Σ p of these / (k + Σ p of all).
    """
    falling = np.sort(probabilities)[::-1]
    expected = 2 * np.cumsum(falling) / (np.arange(1, len(falling) + 1) + falling.sum())
    return max(float(expected.max()) / 2, LEAST)


def decide(trained: TrainedModel, rows: list[Row], metric: Metric) -> dict[str, Any]:
    """Move the bias of the positive class, in place, so that the greater logit is the decision for the greatest F1.

    Gives what the training shall note: the label, and `at`, its probability before, from which on it now is the answer.
    Nothing is done, and nothing noted, for another metric.
    """
    if metric.positive is None:
        return {}
    index = trained.labels.index(metric.positive)
    at = threshold(_probabilities(trained, examples_for(trained, rows[:MOST]), index))
    _move(trained, index, at)
    say(
        f"decides for {metric.positive!r} from a probability of {at:.3f} on, where F1 is greatest by the model's own "
        "probabilities of the training texts"
    )
    return {NOTE: asdict(Decision(metric.positive, at))}


def undecided(trained: TrainedModel) -> None:
    """Take back, in place, what `decide` did to a model that is trained further."""
    noted = decision_of(trained.training)
    if noted and noted.label in trained.labels:
        _move(trained, trained.labels.index(noted.label), 1 - noted.at)


@torch.no_grad()
def _probabilities(trained: TrainedModel, examples: Sequence[Example], index: int) -> NDArray:
    found = []
    for batch in batches_for(trained.model, examples):
        logits = trained.model(input_ids=batch.tokens, attention_mask=batch.mask).logits
        found.append(logits.double().softmax(-1)[:, index].cpu().numpy())
    return np.concatenate(found)


@torch.no_grad()
def _move(trained: TrainedModel, index: int, at: float) -> None:
    trained.model.readout.head.bias[index] -= math.log(at / (1 - at))
