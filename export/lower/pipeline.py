"""The whole way down: capture, fold, quantise, check."""

from __future__ import annotations

from typing import Any

from export.graph import Graph
from export.lower.capture import capture
from export.lower.fold import fold_attention_scales, fold_batch_norms, move_biases
from export.lower.quantize import Quantizer
from export.ranges import check_ranges
from spikebert.checkpoint import TrainedModel
from spikebert.errors import InputError


def lower(trained: TrainedModel, weight_bits: int = 8) -> Graph:
    """The integer graph of a trained model; an InputError names the layer that cannot be quantised."""
    if not 2 <= weight_bits <= 8:
        raise InputError(f"--bits {weight_bits}: weights have 2 to 8 bits")
    graph = capture(trained.model.eval())
    for fold in (fold_batch_norms, fold_attention_scales, move_biases):
        graph = fold(graph)
    config = trained.model.config
    integer = Graph(
        nodes=Quantizer(weight_bits)(graph),
        time_steps=config.time_steps,
        max_tokens=config.max_tokens,
        labels=tuple(trained.labels),
        tokenizer=trained.tokenizer,
        metadata=_metadata(trained, weight_bits),
    )
    check_ranges(integer)
    return integer


def _metadata(trained: TrainedModel, weight_bits: int) -> dict[str, Any]:
    """What a reader of the file wants to know about where it comes from."""
    config = trained.model.config
    return {
        "norm": config.norm,
        "reset": config.reset,
        "weight_bits": weight_bits,
        "beta": config.beta,
        "training": trained.training,
    }
