"""The backends from the float model to Lava on the same texts, compared with the fast integer simulator.

The integer backends must equal it in every spike, count, logit and prediction, and in the energy of each accounting.
The float model shows what quantisation costs.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from export.ir.early_exit import margin_of
from export.ir.graph import NO_MARGIN, Graph
from export.ir.stock import check_stock
from simulate import lava, lava_installed
from simulate.batches import Tokens
from simulate.compare import Spikes, agreement, differences, miscounted
from simulate.fast import FastSimulator
from simulate.measure import predicted
from simulate.text import Texts, encode, in_labels_of, metric_of, true_of
from spikebert.core.errors import InputError
from spikebert.core.log import say
from spikebert.data import metrics
from spikebert.data.metrics import ACCURACY, Metric

COMPARED = "spike, count, logit, prediction and accounting of energy"


@dataclass(frozen=True)
class Outcome:
    """What one backend computed, compared with the reference.

    Attributes:
        name: of the backend.
        exact: whether it must equal the reference.
        predictions: (B,) the index of each text's label; of a regression the predicted numbers.
        layers: the share of equal spikes of each layer.
        differences: from the reference, a line for each kind of result.
    """

    name: str
    exact: bool
    predictions: NDArray[np.integer]
    layers: dict[str, float] = field(default_factory=dict)
    differences: tuple[str, ...] = ()

    @property
    def equal(self) -> bool:
        """Whether nothing differs."""
        return not self.differences


@dataclass(frozen=True, repr=False)
class Verification:
    """What all backends gave on the same texts; `print` it for the table and the verdict.

    Attributes:
        outcomes: an Outcome a backend, the reference first.
        labels: (B,) the index of each text's true label, or None where it is not known; of a regression numbers.
        metric: of the model's task, which is shown beside the accuracy.
        names: of the labels; none of a regression.
    """

    outcomes: list[Outcome]
    labels: NDArray[np.integer] | None
    metric: Metric = ACCURACY
    names: Sequence[str] = ("",)

    @property
    def equal(self) -> bool:
        """Whether all integer simulators agree in every spike, count, logit, prediction and accounting of energy."""
        return all(outcome.equal for outcome in self.outcomes if outcome.exact)

    def __repr__(self) -> str:
        return f"Verification({', '.join(outcome.name for outcome in self.outcomes)}: equal = {self.equal})"

    def __str__(self) -> str:
        return table(self)


def verify(
    graph: Graph,
    texts: Texts,
    granularities: Sequence[str] | None = None,
    against: str | os.PathLike[str] | None = None,
    truncate: bool = False,
) -> Verification:
    """Run fast, the granularities of Lava and, with `against`, the float model on the same texts, and compare them.

    Args:
        granularities: of Lava: "block", "layer", "stock"; all that can hold the model where None.
        against: the model.pt that was exported.
        truncate: cut texts that are longer than the model takes.
    Raises:
        InputError: a text that the model cannot take, a float model that is another's, or one to compare with although
            the texts may be done early.
    """
    if against and not Path(against).exists():
        raise InputError(f"{against}: no such model file or folder", field="against")
    if against and margin_of(graph) != NO_MARGIN:
        raise InputError(f"{against}: the float model takes all its steps; add --exit-margin never", field="against")
    texts = in_labels_of(graph, texts)
    sentences = encode(graph, texts.texts, f"{texts.source}: text", truncate)
    chosen = holding(graph) if granularities is None else granularities
    outcomes = compare_backends(graph, sentences, chosen, Path(against) if against else None)
    labels = None if texts.labels is None else true_of(graph, texts.labels)
    return Verification(outcomes, labels, metric_of(graph), graph.labels)


def holding(graph: Graph) -> list[str]:
    """The granularities of Lava that can hold a graph, none where it is not installed; what is left out is told."""
    if not lava_installed.is_installed():
        say(f"lava: left out: {lava_installed.MISSING}")
        return []
    try:
        check_stock(graph)
    except InputError as error:
        say(f"lava-stock: left out: {error}")
        return [name for name in lava_installed.GRANULARITIES if name != lava_installed.STOCK]
    return list(lava_installed.GRANULARITIES)


def compare_backends(
    graph: Graph,
    sentences: Sequence[Tokens],
    granularities: Sequence[str],
    against: Path | None = None,
) -> list[Outcome]:
    """Run all backends; the first is the fast simulator, the reference."""
    lengths = [len(tokens) for tokens in sentences]
    floats = None if against is None else _floats(graph, against)  # at once: it may be the wrong one
    say("fast: running")
    reference = FastSimulator(graph).run(sentences, record=True)
    assert reference.spikes is not None
    own = tuple(miscounted(reference, lengths))
    outcomes = [Outcome("fast", True, predicted(graph, reference.logits), dict.fromkeys(reference.spikes, 1.0), own)]
    if floats is not None:
        say("float: running")
        predictions, spikes = floats(sentences)
        outcomes.insert(0, Outcome("float", False, predictions, agreement(reference.spikes, spikes)))
    for granularity in granularities:
        say(f"lava-{granularity}: running")
        result = lava.run(graph, sentences, granularity, record=True)
        assert result.spikes is not None
        outcomes.append(
            Outcome(
                f"lava-{granularity}",
                True,
                predicted(graph, result.logits),
                agreement(reference.spikes, result.spikes),
                (*miscounted(result, lengths), *differences(graph, sentences, reference, result)),
            )
        )
    return outcomes


def _floats(graph: Graph, against: Path) -> Callable[[Sequence[Tokens]], tuple[NDArray[np.integer], Spikes]]:
    """A run of the float model, with torch, which nothing else here needs."""
    from export.lower.float_run import float_model, float_run

    trained = float_model(graph, against)
    return lambda sentences: float_run(graph, sentences, trained)


def table(found: Verification) -> str:
    """What `spikebert-simulate verify` prints: a column a backend, then the verdict on those that must be exact."""
    outcomes, labels = found.outcomes, found.labels
    reference = next(r for r in outcomes if r.name == "fast")
    width = max(len(name) for name in reference.layers) + 2
    lines = ["".join([f"{'spikes equal to fast':<{width}}", *(f"{r.name:>13}" for r in outcomes)])]
    for name in reference.layers:
        lines.append("".join([f"{name:<{width}}", *(f"{_share(r.layers[name], 6):>13}" for r in outcomes)]))
    agree = [float(np.mean(r.predictions == reference.predictions)) for r in outcomes]
    lines.append("".join([f"{'predictions equal to fast':<{width}}", *(f"{_share(a, 4):>13}" for a in agree)]))
    if not found.names:
        off = [float(np.abs(r.predictions - reference.predictions).mean()) for r in outcomes]
        lines.append("".join([f"{'mean distance of scores':<{width}}", *(f"{value:>13.6f}" for value in off)]))
    if labels is not None and found.names:
        accuracy = [float(np.mean(r.predictions == labels)) for r in outcomes]
        lines.append("".join([f"{'accuracy':<{width}}", *(f"{a:>13.4f}" for a in accuracy)]))
    if labels is not None and found.metric != ACCURACY:
        scores = [metrics.value(found.metric, r.predictions, labels, found.names) for r in outcomes]
        lines.append("".join([f"{found.metric.title:<{width}}", *(f"{value:>13.4f}" for value in scores)]))
    exact = [outcome for outcome in outcomes if outcome.exact]
    lines += [f"{outcome.name} differs in {line}" for outcome in exact for line in outcome.differences]
    differing = [outcome.name for outcome in exact if not outcome.equal]
    if differing:
        lines.append(f"DIFFERENT: {', '.join(differing)}, of {', '.join(outcome.name for outcome in exact)}")
    else:
        lines.append(f"equal in every {COMPARED}: " + ", ".join(outcome.name for outcome in exact))
    if not any(outcome.name.startswith("lava-") for outcome in outcomes):
        lines.append("compared without Lava")
    return "\n".join(lines)


def _share(value: float, digits: int) -> str:
    """A share that rounds to 1 only if it is 1."""
    return f"{value if value == 1 else min(value, 1 - 10**-digits):.{digits}f}"
