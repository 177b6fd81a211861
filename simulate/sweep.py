"""Energy against the score of the task, without training: higher thresholds, and texts that leave early.

A text may leave before the last step: after the first at which its best logit is ahead of the next by a margin
(`export.ir.early_exit`). From then on it costs nothing. Energy is that of the accounting `events`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.ir.arithmetic import steps_taken
from export.ir.early_exit import awake, logit_scale, units
from export.ir.graph import NO_MARGIN, Add, Attention, Graph, Linear, NeuronLayer
from export.ir.thresholds import scale_thresholds
from export.runtime.execute import Executor
from export.runtime.kernels import State
from export.runtime.tally import tally
from simulate.batches import Tokens, batches
from simulate.energy.costs import costs
from simulate.measure import Measure
from spikebert.core.errors import InputError
from spikebert.core.log import say
from spikebert.core.options import require_least, require_positive
from spikebert.data import metrics
from spikebert.data.metrics import ACCURACY, Metric

ROWS = 256  # tokens of a batch


@dataclass(frozen=True)
class Point:
    """One way of running a model on all texts.

    Attributes:
        threshold_scale: the factor of all thresholds.
        margin: at which a text is done early, in the float model's logits; None: every text takes all steps.
        score: the metric of the task.
        steps: the mean over the texts.
        microjoules: µJ a text, under `events`.
        rate: spikes a neuron and step, over the steps that were taken.
    """

    threshold_scale: float
    margin: float | None
    score: float
    steps: float
    microjoules: float
    rate: float


@dataclass(frozen=True)
class Steps:
    """What each step of each text gave: logits (T, B, labels), synaptic operations and spikes (T, B)."""

    logits: NDArray[np.int64]
    operations: NDArray[np.int64]
    spikes: NDArray[np.int64]


def sweep(
    graph: Graph,
    sentences: Sequence[Tokens],
    measure: Measure,
    factors: Sequence[float],
    margins: Sequence[float],
    progress: Callable[[int], object] = lambda _: None,
) -> list[Point]:
    """A point for each threshold factor, with all steps taken and with each margin.

    Args:
        measure: what their answers are measured by.
        margins: none for a regression, whose number is ahead of no other.
        progress: called with the number of texts done since its last call; there are factors · B.
    """
    if margins and graph.regression:
        raise InputError(f"{margins[0]:g}: the model predicts a number, which is ahead of no other", field="margins")
    for margin in margins:
        require_least(0, margins=margin)
    for factor in factors:
        require_positive(factors=factor)
    points, undefined = [], 0
    for factor in factors:
        scaled = scale_thresholds(graph, factor)
        steps = run(scaled, sentences, progress)
        neurons = sum(node.size for node in scaled.neurons) * np.array([len(tokens) for tokens in sentences])
        points += [_point(scaled, factor, margin, steps, measure, neurons) for margin in (None, *margins)]
        undefined += not measure.is_defined(scaled, steps.logits[-1])
    if undefined:
        reason = metrics.UNDEFINED[measure.metric.name]
        say(
            f"{measure.metric.title}: is not defined at {undefined} of {len(factors)} factors of the thresholds "
            f"({reason}); 0 stands for it"
        )
    return points


def _point(
    graph: Graph, factor: float, margin: float | None, steps: Steps, measure: Measure, neurons: NDArray
) -> Point:
    taken = steps_taken(steps.logits, NO_MARGIN if margin is None else units(margin, logit_scale(graph)))  # (B,)
    counted = awake(taken, len(steps.logits)).T  # (T, B)
    picojoules = costs()["E_AC"].picojoules * steps.operations[counted].sum()
    return Point(
        threshold_scale=factor,
        margin=margin,
        score=measure.value(graph, steps.logits[taken - 1, np.arange(len(taken))]),
        steps=float(taken.mean()),
        microjoules=picojoules / len(taken) / 1e6,
        rate=float(steps.spikes[counted].sum() / (neurons * taken).sum()),
    )


def run(graph: Graph, sentences: Sequence[Tokens], progress: Callable[[int], object] = lambda _: None) -> Steps:
    """All texts, step by step."""
    shape = (graph.time_steps, len(sentences))
    steps = Steps(np.zeros((*shape, graph.outputs), np.int64), np.zeros(shape, np.int64), np.zeros(shape, np.int64))
    executor = Executor(graph, steps=1)
    for group in batches(sentences, ROWS):
        batch = [sentences[i] for i in group]
        states: dict[str, State] = {}
        for t in range(graph.time_steps):
            logits, operations, spikes = _step(executor, states, batch)
            steps.logits[t, group], steps.operations[t, group], steps.spikes[t, group] = logits, operations, spikes
        progress(len(group))
    return steps


def _step(executor: Executor, states: dict[str, State], batch: list[Tokens]) -> tuple[NDArray, NDArray, NDArray]:
    """One step of a batch: the logits so far (B, labels), synaptic operations (B,) and spikes (B,)."""
    lengths = [len(tokens) for tokens in batch]
    magnitudes: dict[str, NDArray] = {}  # the sum of a stream, (B,)
    operations, spikes = np.zeros(len(batch), np.int64), np.zeros(len(batch), np.int64)
    output: NDArray = np.empty(0)
    for node, inputs, output in executor.visits(batch, states):
        counted = tally(node, inputs, output, lengths)
        counts = {key.removeprefix(f"{node.name}:"): n[:, 0] for key, n in counted.items()}
        if isinstance(node, NeuronLayer):
            magnitudes[node.name] = counts[node.name]
            spikes += counts[node.name]
        elif isinstance(node, Add):
            magnitudes[node.name] = sum((magnitudes[s] for s in node.inputs), np.zeros(len(batch), np.int64))
        elif isinstance(node, Linear):
            operations += magnitudes[node.inputs[0]] * node.width
        elif isinstance(node, Attention):
            operations += np.minimum(counts["qk"] + counts["qk_v"], counts["kv"] + counts["q_kv"])
    return output, operations, spikes


def front(points: Sequence[Point]) -> list[Point]:
    """The points that no other beats in both score and energy, by energy."""
    best, kept = -math.inf, []
    for point in sorted(points, key=lambda p: (p.microjoules, -p.score)):
        if point.score > best:
            best = point.score
            kept.append(point)
    return kept


def table(points: Sequence[Point], metric: Metric) -> str:
    """Markdown; what no other point beats is marked."""
    kept = front(points)
    lines = [
        f"| thresholds | leaves at a margin of | {metric.title} | mean steps | firing rate | µJ a text, events | |",
        "|--:|--:|--:|--:|--:|--:|---|",
    ]
    for p in points:
        margin = "never" if p.margin is None else f"{p.margin:g}"
        lines.append(
            f"| × {p.threshold_scale:g} | {margin} | {metric.shown(p.score)} | {p.steps:.2f} | {p.rate:.4f} "
            f"| {p.microjoules:.1f} | {'front' if p in kept else ''} |"
        )
    return "\n".join(lines)


def plain(points: Sequence[Point], metric: Metric) -> list[dict[str, Any]]:
    """As JSON values, each with the metric that its score is of."""
    return [{**asdict(point), "metric": str(metric)} for point in points]


def draw(points: Sequence[Point], metric: Metric, width: float):
    """Score against energy; the front is a line."""
    from simulate.report.plotting import BLUE, FAINT, GREEN, ORANGE, PURPLE, SKY, VERMILLION, new_figure

    figure = new_figure(width, 3.4)
    axes = figure.subplots()
    kept, unit = front(points), 100 if metric == ACCURACY else 1
    axes.step([p.microjoules for p in kept], [unit * p.score for p in kept], where="post", color=FAINT, zorder=0)
    colours = (BLUE, ORANGE, GREEN, VERMILLION, PURPLE, SKY)
    factors = sorted({p.threshold_scale for p in points})
    for i, factor in enumerate(factors):
        own = [p for p in points if p.threshold_scale == factor]
        for whole, marker in ((True, "o"), (False, ".")):
            chosen = [p for p in own if (p.margin is None) == whole]
            x, y = [p.microjoules for p in chosen], [unit * p.score for p in chosen]
            label = f"thresholds × {factor:g}" if whole else None
            axes.plot(x, y, marker, color=colours[i % len(colours)], label=label)
    axes.set_xlabel("µJ a text (events); small dots: texts leave early")
    axes.set_ylabel("accuracy, %" if metric == ACCURACY else metric.title)
    axes.legend(fontsize=7)
    return figure
