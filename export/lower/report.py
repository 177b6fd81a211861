"""The export report: what quantisation did to each layer, and on text what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from export.ir.early_exit import logit_scale
from export.ir.graph import INPUT_SHIFT, Embedding, Graph, LayerNorm, Linear, NeuronLayer, Readout
from export.ir.ranges import output_bounds
from export.lower.capture import capture
from export.lower.float_graph import FloatEmbedding, FloatLinear, FloatNeurons, FloatReadout
from export.lower.lift import unit_of
from export.lower.pipeline import fold
from export.lower.quantize import MEAN_BITS
from export.runtime.execute import execute
from spikebert.data.metrics import ACCURACY, noted
from spikebert.model.checkpoint import TrainedModel
from spikebert.model.recording import record_spikes
from spikebert.training.loop import Batch, Example
from spikebert.training.measuring import answers, measured

BATCH = 32


def report(trained: TrainedModel, graph: Graph, examples: Sequence[Example] = ()) -> dict[str, Any]:
    """The report as plain values: `layers`, and with text `comparison`."""
    floats = {node.name: node for node in fold(capture(trained.model))}
    bounds = output_bounds(graph)
    layers = []
    for node in graph:
        entry: dict[str, Any] = {"name": node.name, "kind": type(node).__name__}
        if isinstance(node, (Linear, Embedding, Readout)):
            entry |= {"weight_snr_db": weight_snr(floats[node.name], node), "worst_case": bounds[node.name]}
        elif isinstance(node, NeuronLayer):
            entry |= threshold_rounding(graph, floats[node.name], node)
        elif isinstance(node, LayerNorm):
            entry |= {"worst_case": bounds[node.name]}
        if len(entry) > 2:
            layers.append(entry)
    result: dict[str, Any] = {"model": graph.metadata, "layers": layers}
    if examples:
        result["comparison"] = compare(trained, graph, examples)
    return result


def weight_snr(before: Any, node: Linear | Embedding | Readout) -> float:
    """10 log10 of the weights' energy over that of their rounding error, in dB."""
    if isinstance(node, Embedding):
        assert isinstance(before, FloatEmbedding)
        weight, after = before.words, node.words * node.scale
    elif isinstance(node, Linear):
        assert isinstance(before, FloatLinear)
        weight, after = before.weight, node.synapses * node.scale
    else:
        assert isinstance(before, FloatReadout)
        weight, after = before.weight, node.weight * node.scale * 2.0**MEAN_BITS
    noise = np.square(weight - after).sum()
    return float(10 * np.log10(np.square(weight).sum() / noise)) if noise else float("inf")


def threshold_rounding(graph: Graph, before: Any, node: NeuronLayer) -> dict[str, Any]:
    """The integer threshold, and by how much it misses the real one, as a share.

    Where each neuron has its own these are the least and the largest threshold, and the error of most magnitude.
    """
    assert isinstance(before, FloatNeurons)
    exact = np.atleast_1d(before.threshold) / unit_of(graph[node.inputs[0]]) * 2**INPUT_SHIFT
    errors = node.threshold / exact - 1
    ends = sorted({int(node.threshold.min()), int(node.threshold.max())})
    worst = float(errors[np.abs(errors).argmax()])
    return {"threshold": ends[0] if len(ends) == 1 else ends, "threshold_error": worst}


def compare(trained: TrainedModel, graph: Graph, examples: Sequence[Example]) -> dict[str, Any]:
    """On text: what both models reach, and for each neuron layer the share of equal spikes and both firing rates."""
    equal = dict.fromkeys((n.name for n in graph.neurons), 0.0)
    rates = {name: [0.0, 0.0] for name in equal}
    elements = dict.fromkeys(equal, 0)
    largest = dict.fromkeys((n.name for n in graph if isinstance(n, Linear)), 0)
    predictions: list[list[NDArray]] = [[], []]
    for start in range(0, len(examples), BATCH):
        part = examples[start : start + BATCH]
        batch = Batch.of(part)
        with torch.inference_mode(), record_spikes(trained.model) as spikes:
            floats = trained.model(batch.tokens, batch.mask).logits.numpy()
        values = execute(graph, [np.array(e.tokens) for e in part])
        integers = values[graph.nodes[-1].name] * logit_scale(graph)
        for found, logits in zip(predictions, (floats, integers), strict=True):
            found.append(answers(logits, graph.labels))
        for name in equal:
            theirs, ours = spikes[name].numpy(), values[name]
            equal[name] += float((theirs == ours).sum())
            rates[name] = [r + float(s.sum()) for r, s in zip(rates[name], (theirs, ours), strict=True)]
            elements[name] += ours.size
        for name in largest:
            largest[name] = max(largest[name], int(np.abs(values[name]).max()))
    floats, integers = map(np.concatenate, predictions)
    metric, true = noted(graph.training, graph.labels), np.array([e.label for e in examples])
    agreement = (
        {"largest_difference": float(np.abs(floats - integers).max())}
        if graph.regression
        else {"prediction_agreement": float((floats == integers).mean())}
    )
    return {
        "texts": len(examples),
        "float": measured(floats, true, metric, graph.labels).record,
        "integer": measured(integers, true, metric, graph.labels).record,
        **agreement,
        "spike_agreement": {name: equal[name] / elements[name] for name in equal},
        "firing_rate": {name: [r / elements[name] for r in rates[name]] for name in equal},
        "largest_accumulator": largest,
    }


def table(content: dict[str, Any]) -> str:
    """The report for the screen."""
    found = content.get("comparison", {})
    agreement, largest = found.get("spike_agreement", {}), found.get("largest_accumulator", {})
    lines = [
        f"{'layer':<34}{'weight SNR, dB':>15}{'worst case':>15}{'observed':>10}{'threshold':>18}{'its error':>11}"
        f"{'spikes equal':>14}"
    ]

    def cell(value: Any, form: str, width: int) -> str:
        return f"{'' if value is None else format(value, form):>{width}}"

    for layer in content["layers"]:
        name = layer["name"]
        lines.append(
            f"{name:<34}"
            + cell(layer.get("weight_snr_db"), ".1f", 15)
            + cell(layer.get("worst_case"), ",", 15)
            + cell(largest.get(name), ",", 10)
            + f"{_ends(layer.get('threshold')):>18}"
            + cell(layer.get("threshold_error"), "+.4%", 11)
            + cell(agreement.get(name), ".4f", 14)
        )
    if found:
        lines.append(f"on {found['texts']} texts: {_told(found)}")
    return "\n".join(lines)


def _ends(threshold: int | list[int] | None) -> str:
    """One threshold, or the least and the largest."""
    if threshold is None:
        return ""
    return " to ".join(f"{end:,}" for end in (threshold if isinstance(threshold, list) else [threshold]))


def _told(found: dict[str, Any]) -> str:
    """What both models reach, and how far they agree."""
    floats, integers = found["float"], found["integer"]
    parts = []
    if floats["accuracy"] is not None:
        parts.append(f"accuracy float {floats['accuracy']:.4f}, integer {integers['accuracy']:.4f}")
    if floats["metric"] != str(ACCURACY):
        parts.append(f"{floats['metric']} float {floats['score']:.4f}, integer {integers['score']:.4f}")
    if "prediction_agreement" in found:
        return "; ".join([*parts, f"predictions equal {found['prediction_agreement']:.4f}"])
    return "; ".join([*parts, f"largest difference of a number {found['largest_difference']:.4f}"])
