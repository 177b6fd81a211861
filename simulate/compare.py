"""Two runs of the same sentences side by side: how far they agree, and where they first part.

What runs may differ in: every spike, every logit and prediction, every field of counts.json, the energy under each
accounting. `differences` looks at all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.ir.graph import Graph
from simulate.batches import Tokens
from simulate.counts import counts_of, shape_of
from simulate.counts_schema import plain
from simulate.energy import accountings
from simulate.energy.record import RunRecord, record_from
from simulate.result import SimulationResult
from simulate.trace import steps

Spikes = dict[str, NDArray[np.uint8]]  # {layer: (T, M, D)}, layers in network order
MISSING = "nothing"


@dataclass(frozen=True)
class Divergence:
    """The first spike in which two runs differ: by sample, then step, layer, token, neuron. All count from 0.

    differing, spikes: how many elements of that layer differ over all samples, and how many it has.
    """

    sample: int
    step: int
    layer: str
    token: int
    neuron: int
    expected: int
    found: int
    differing: int
    spikes: int

    def __str__(self) -> str:
        return (
            f"sample {self.sample}, step {self.step}, layer {self.layer}, token {self.token}, neuron {self.neuron}: "
            f"{self.found} instead of {self.expected}; {of(self.differing, self.spikes)} spikes of the layer differ"
        )


def of(part: int, whole: int) -> str:
    """ "1 of 854,016"; with a percentage where that says more."""
    percentage = f" ({part / whole:.2%})" if part >= whole / 10_000 else ""
    return f"{part:,} of {whole:,}{percentage}"


def agreement(expected: Spikes, found: Spikes) -> dict[str, float]:
    """The share of equal elements of each layer."""
    return {name: float(np.mean(expected[name] == found[name])) for name in expected}


def first_divergence(expected: Spikes, found: Spikes, lengths: list[int]) -> Divergence | None:
    """The first difference of two runs over sentences of these lengths; None where there is none."""
    start = 0
    for sample, length in enumerate(lengths):
        rows = slice(start, start + length)
        places = []
        for order, name in enumerate(expected):
            step, token, neuron = np.nonzero(expected[name][:, rows] != found[name][:, rows])
            if len(step):
                places.append((int(step[0]), order, int(token[0]), int(neuron[0]), name))
        if places:
            step, _, token, neuron, name = min(places)
            here, ours, theirs = (step, start + token, neuron), expected[name], found[name]
            values = int(ours[here]), int(theirs[here])
            return Divergence(sample, step, name, token, neuron, *values, int((ours != theirs).sum()), ours.size)
        start += length
    return None


def explained(graph: Graph, sentences: Sequence[Tokens], place: Divergence) -> str:
    """The divergence in words, and the membrane and the threshold that our neuron has there."""
    membrane = 0.0
    for step, (_, membranes) in enumerate(steps(graph, [sentences[place.sample]])):
        if step == place.step:
            membrane = membranes[place.layer][place.token, place.neuron]
            break
    layer = next(node for node in graph.neurons if node.name == place.layer)
    threshold = int(layer.threshold[place.neuron % len(layer.threshold)])
    return f"{place}; our membrane there is {int(membrane):,}, the threshold {threshold:,}"


def differences(
    graph: Graph, sentences: Sequence[Tokens], expected: SimulationResult, found: SimulationResult
) -> Iterator[str]:
    """A line for each kind of result in which `found` is not `expected`: the first place, and both values."""
    lengths = [len(tokens) for tokens in sentences]
    if expected.spikes and found.spikes:
        place = first_divergence(expected.spikes, found.spikes, lengths)
        if place:
            yield f"spikes: {explained(graph, sentences, place)}"
    yield from _logits(graph, expected, found)
    yield from _counts(counts_of(graph, expected, lengths), counts_of(graph, found, lengths))
    yield from _energy(*(record(graph, result, lengths) for result in (expected, found)))


def miscounted(result: SimulationResult, lengths: list[int]) -> Iterator[str]:
    """A line for the first layer whose count is not the sum of its own recorded spikes, taken anew in 64 bits."""
    starts = np.cumsum([0, *lengths[:-1]])
    for name, train in (result.spikes or {}).items():
        plain = np.add.reduceat(train.sum(2, dtype=np.int64), starts, axis=1).T  # (B, T)
        wrong = np.argwhere(plain != result.counts[name])
        if len(wrong):
            sample, step = map(int, wrong[0])
            counted, recorded = int(result.counts[name][sample, step]), int(plain[sample, step])
            yield f"counts: layer {name}, sample {sample}, step {step}: {counted:,} for {recorded:,} recorded spikes"
            return


def record(graph: Graph, result: SimulationResult, lengths: list[int]) -> RunRecord:
    """The run as an accounting takes it."""
    origin = {"backend": "", "data": "", "command": "", "seconds": 0.0, "versions": {}}
    totals = dict.fromkeys(("accuracy", "correct", "majority"))
    counts = counts_of(graph, result, lengths)
    return record_from({"model": plain(shape_of(graph)), "run": origin, **totals, **counts}, Path())


def _logits(graph: Graph, expected: SimulationResult, found: SimulationResult) -> Iterator[str]:
    """Of the logits, then of the predictions."""
    wrong = np.argwhere(expected.logits != found.logits)
    if len(wrong):
        sample, label = map(int, wrong[0])
        values = f"{int(found.logits[sample, label]):,} instead of {int(expected.logits[sample, label]):,}"
        samples = of(len(np.unique(wrong[:, 0])), len(expected.logits))
        which = "score" if graph.regression else f"label {graph.labels[label]}"
        yield f"logits: sample {sample}, {which}: {values}; {samples} samples differ"
    ours, theirs = expected.predictions, found.predictions
    samples = np.flatnonzero(ours != theirs)
    if len(samples):
        labels = f"{graph.labels[theirs[samples[0]]]} instead of {graph.labels[ours[samples[0]]]}"
        yield f"predictions: sample {samples[0]}: {labels}; {of(len(samples), len(ours))} samples differ"


def _counts(expected: dict[str, Any], found: dict[str, Any]) -> Iterator[str]:
    """Of the fields of counts.json."""
    ours, theirs = _fields(expected), _fields(found)
    wrong = [where for where in [*ours, *(set(theirs) - set(ours))] if ours.get(where) != theirs.get(where)]
    if wrong:
        values = (_shown(fields.get(wrong[0], MISSING)) for fields in (theirs, ours))
        yield f"counts: {wrong[0]}: {' instead of '.join(values)}; {of(len(wrong), len(ours))} values differ"


def _fields(counts: dict[str, Any]) -> dict[str, Any]:
    """Every value of counts.json by what it is called in words; those of layers and nodes first."""
    found: dict[str, Any] = {}
    for item in [*counts["layers"], *counts["operations"]]:
        for field, value in item.items():
            found |= _listed(f"{item['name']}, {field}", value, "step")
    for field, value in counts["per_sample"].items():
        found |= _listed(f"per_sample, {field}", value, "sample")
    for field in counts.keys() - {"layers", "operations", "per_sample"}:
        found |= _listed(field, counts[field], "sample")
    return found


def _listed(name: str, value: Any, of_each: str) -> dict[str, Any]:
    return {f"{name}, {of_each} {i}": v for i, v in enumerate(value)} if isinstance(value, list) else {name: value}


def _shown(value: Any) -> str:
    return f"{value:,}" if isinstance(value, (int, float)) else str(value)


def _energy(expected: RunRecord, found: RunRecord) -> Iterator[str]:
    """Of each accounting of the energy."""
    for ours, theirs in zip(accountings.compare(expected), accountings.compare(found), strict=True):
        a, b = ({node: part.picojoules for node, part in each.spiking.by_node().items()} for each in (ours, theirs))
        wrong = [node for node in {**a, **b} if a.get(node) != b.get(node)]
        if wrong:
            total = f"{theirs.spiking.picojoules:,.1f} pJ instead of {ours.spiking.picojoules:,.1f} pJ"
            yield f"energy, {ours.spiking.name}: {total}; {of(len(wrong), len(a))} nodes differ, first {wrong[0]}"
