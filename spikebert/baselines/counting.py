"""What a TextCNN does on texts, spiking or not: the counts that its energy is made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from spikebert.baselines.textcnn import FILTERS, WIDTHS, SpikingTextCNN
from spikebert.model.config import SpikeBertConfig
from spikebert.model.recording import record_spikes
from spikebert.training.loop import Example
from spikebert.training.measuring import batches_for


def counts(model: nn.Module, examples: Sequence[Example]) -> dict[str, Any]:
    """Sums over the texts, with the shape that they depend on.

    Returns:
        `lengths`, tokens of each text; `width`, features of a token; `filters` of each of `widths`; `labels`. Of an
        SNN-TextCNN also `time_steps`, `beta`, `norm`, and `spikes`: of the `embedding` and of the `filters`, over all
        steps. A text of L tokens has L + w - 1 windows of w tokens, and each of its tokens stands in w of them.
    """
    config: SpikeBertConfig = model.config  # type: ignore[assignment]
    found = {
        "lengths": [len(example.tokens) for example in examples],
        "width": config.hidden_size,
        "widths": list(WIDTHS),
        "filters": FILTERS,
        "labels": config.num_labels,
    }
    if not isinstance(model, SpikingTextCNN):
        return found
    steps = {"time_steps": config.time_steps, "beta": config.beta, "norm": config.norm}
    return {**found, **steps, "spikes": _spikes(model, examples)}


@torch.no_grad()
def _spikes(model: nn.Module, examples: Sequence[Example]) -> dict[str, int]:
    fired = {"embedding": 0, "filters": 0}
    for batch in batches_for(model, examples):
        with record_spikes(model) as spikes:
            model(batch.tokens, batch.mask)
        for name, of_layer in spikes.items():
            fired["embedding" if name.startswith("embeddings.") else "filters"] += int(of_layer.sum())
    return fired
