"""The float model that a graph was exported from, run on the graph's texts: what quantisation is measured against."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from export.ir.graph import Graph
from spikebert.core.errors import InputError
from spikebert.model.checkpoint import TrainedModel, load_model
from spikebert.model.recording import record_spikes
from spikebert.training.loop import Batch, Example

BATCH = 32


def float_model(graph: Graph, path: Path) -> TrainedModel:
    """The float model that a graph was exported from; an InputError if it is another's."""
    trained = load_model(path)
    if tuple(trained.labels) != graph.labels or trained.model.config.time_steps != graph.time_steps:
        raise InputError(f"{path}: its labels or time steps are not those of the exported model", field="against")
    return trained


def float_run(
    graph: Graph, sentences: Sequence[NDArray[np.integer]], trained: TrainedModel
) -> tuple[NDArray, dict[str, NDArray[np.uint8]]]:
    """Predictions, of a regression the numbers, and spikes of the float model."""
    predictions, parts = [], []
    with torch.inference_mode(), record_spikes(trained.model) as spikes:
        for start in range(0, len(sentences), BATCH):
            batch = Batch.of([Example(tokens.tolist(), -1) for tokens in sentences[start : start + BATCH]])
            logits = trained.model(batch.tokens, batch.mask).logits
            predictions.append((logits[:, 0] if graph.regression else logits.argmax(1)).numpy())
            parts.append({name: train.numpy().astype(np.uint8) for name, train in spikes.items()})
    names = [n.name for n in graph.neurons]
    if not set(names) <= set(parts[0]) or any(parts[0][n.name].shape[2] != n.size for n in graph.neurons):
        raise InputError("is a model whose layers are not those of the exported one", field="against")
    return np.concatenate(predictions), {name: np.concatenate([p[name] for p in parts], axis=1) for name in names}
