"""The whole way down: capture, fold, quantise, check."""

from __future__ import annotations

from typing import Any

from export.ir.chips import CHIPS, LOIHI1, LOIHI2
from export.ir.graph import Accumulate, Graph
from export.ir.stock import check_stock
from export.ir.validate import validate
from export.lower.capture import capture
from export.lower.float_graph import FloatGraph, require_finite, verify
from export.lower.fold import carry_biases, fold_attention_scales, fold_batch_norms, fold_entrances, move_biases
from export.lower.quantize import Quantizer
from spikebert.core.errors import InputError
from spikebert.core.options import require_choice
from spikebert.data.tokenizing import of_any_length
from spikebert.model.checkpoint import TrainedModel


def lower(trained: TrainedModel, weight_bits: int = 8, per_channel: bool = False, target: str = LOIHI2) -> Graph:
    """The integer graph of a trained model; an InputError names the layer that cannot be quantised.

    Args:
        per_channel: give each output of a Linear a power of two of its own.
        target: "loihi2" has programmable neurons and graded spikes. "loihi1" has neither: every neuron must be Loihi's
            own, with its zero reset, and what it cannot do is refused by name. Attention is the host's part there.
    """
    if weight_bits not in range(2, 9):
        raise InputError(f"{weight_bits}: weights have 2 to 8 bits", field="bits")
    require_choice(CHIPS, chip=target)
    graph = fold(require_finite(capture(trained.model.eval())))
    config = trained.model.config
    integer = Graph(
        nodes=Quantizer(weight_bits, per_channel, config.time_steps)(graph),
        time_steps=config.time_steps,
        max_tokens=config.max_tokens,
        labels=tuple(trained.labels),
        tokenizer=of_any_length(trained.tokenizer),
        metadata={**_metadata(trained, weight_bits), "target": target},
    )
    validate(integer)
    if target == LOIHI1:
        _check_loihi1(integer)
    return integer


def _check_loihi1(graph: Graph) -> None:
    stream = next((n for n in graph if isinstance(n, Accumulate)), None)
    if stream:
        raise InputError(
            f"layer {stream.name}: a stream of currents travels as graded spikes, which Loihi 1 does not have; "
            "train with --residual spikes, or export for loihi2"
        )
    check_stock(graph)


def fold(graph: FloatGraph) -> FloatGraph:
    """All folding passes, in their order; what each leaves is a graph again."""
    verify(graph)
    for fold_one in (fold_batch_norms, fold_entrances, carry_biases, fold_attention_scales, move_biases):
        graph = verify(fold_one(graph))
    return graph


def _metadata(trained: TrainedModel, weight_bits: int) -> dict[str, Any]:
    """What a reader of the file wants to know about where it comes from."""
    config = trained.model.config
    return {
        "norm": config.norm,
        "reset": config.reset,
        "residual": config.residual,
        "weight_bits": weight_bits,
        "beta": config.beta,
        "training": trained.training,
    }
