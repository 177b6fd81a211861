"""How good predictions are, as people report it: accuracy, F1, Matthews, Pearson, Spearman, each with its interval.

The statistics are SciPy's: Matthews' correlation is Pearson's of two classes as 0 and 1, F1 is Dice's coefficient.
"""

from __future__ import annotations

import argparse
import math
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikebert.core.errors import InputError
from spikebert.core.log import say

TITLES = {
    "accuracy": "accuracy",
    "f1": "F1",
    "matthews": "Matthews correlation",
    "pearson": "Pearson correlation",
    "spearman": "Spearman correlation",
}
LEVEL = 0.95  # of the intervals
DRAWS, SEED = 1000, 0  # of the bootstrap
GLUE = {"cola": "matthews", "mrpc": "f1", "qqp": "f1"}  # what GLUE reports of a task; of the others accuracy
OF_NUMBERS = ("pearson", "spearman")
ALIKE = "all predictions, or all labels, are the same"
UNDEFINED = {"f1": "no text has the label, predicted or true", **dict.fromkeys(("matthews", *OF_NUMBERS), ALIKE)}
# What GLUE and others call the class that F1 is of.
POSITIVE = ("1", "equivalent", "duplicate", "paraphrase", "positive", "true", "yes")


def capital(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}"


@dataclass(frozen=True)
class Metric:
    """A way to measure predictions; `str` gives what `metric` makes it of.

    positive: of F1, the label of the class that is to be found.
    """

    name: str
    positive: str | None = None

    def __str__(self) -> str:
        return self.name if self.positive is None else f"{self.name}:{self.positive}"

    @property
    def title(self) -> str:
        """What a person calls it."""
        return TITLES[self.name] if self.positive is None else f"{TITLES[self.name]} of {self.positive!r}"

    @property
    def heading(self) -> str:
        """`title`, with a capital."""
        return capital(self.title)

    def plain(self, value: float, sign: str = "") -> str:
        """A value as it stands in a column, an accuracy in percent; `sign` is "+" for a difference."""
        return f"{100 * value:{sign}.2f}" if self.name == "accuracy" else f"{value:{sign}.4f}"

    def shown(self, value: float) -> str:
        """A value as it stands in a sentence."""
        return f"{self.plain(value)} %" if self.name == "accuracy" else self.plain(value)


ACCURACY, SPEARMAN = Metric("accuracy"), Metric("spearman")


@dataclass(frozen=True)
class Score:
    """What a metric gives, and the ends of its 95 % interval."""

    metric: Metric
    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.metric.title} {self.value:.4f} (95 %: {self.low:.4f} to {self.high:.4f})"

    @property
    def sentence(self) -> str:
        """`str`, with a capital."""
        return capital(str(self))

    @property
    def record(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {"metric": str(self.metric), "score": self.value, "interval": [self.low, self.high]}


def add_metric(p: argparse.ArgumentParser | argparse._ArgumentGroup, default: str) -> None:
    """The option that chooses a metric."""
    p.add_argument(
        "--metric",
        metavar="{" + ",".join(TITLES) + "}",
        help="what is reported beside the accuracy, with its 95 %% interval; f1:LABEL says which label F1 is of "
        f"(default: {default})",
    )


def metric(choice: str, labels: Sequence[str]) -> Metric:
    """The metric of a choice, "matthews" or "f1:LABEL", for a task or a model with these labels; without labels, of a
    regression.

    Raises:
        InputError: no metric of this name, or one that does not go with the labels.
    """
    name, colon, positive = choice.partition(":")
    if name not in TITLES or (colon and name != "f1"):
        raise InputError(f"{choice}: must be one of {', '.join(TITLES)}, or f1:LABEL", field="metric")
    if name not in OF_NUMBERS and not labels:
        raise InputError(f"{choice}: is of classes, and here numbers are predicted", field="metric")
    if name in ("f1", "matthews") and len(labels) != 2:
        raise InputError(f"{choice}: is of two classes; the labels are {', '.join(labels)}", field="metric")
    if name == "f1":
        return Metric(name, _positive(choice, positive if colon else None, labels))
    if name in OF_NUMBERS:
        numbers(labels, choice)
    return Metric(name)


def _positive(choice: str, positive: str | None, labels: Sequence[str]) -> str:
    """The label that F1 is of: the one that is given, or the one whose name says so."""
    if positive is not None and positive not in labels:
        raise InputError(f"{choice}: no such label; the labels are {', '.join(labels)}", field="metric")
    named = [label for label in labels if label.casefold() in POSITIVE]
    if positive is None and len(named) != 1:
        raise InputError(
            f"{choice}: F1 is of one class; say which, {' or '.join(f'f1:{label}' for label in labels)}", field="metric"
        )
    return named[0] if positive is None else positive


def usual(task: str, labels: Sequence[str]) -> Metric:
    """What is reported of a task of this name; accuracy where its labels are not those of that task. Of a regression
    it is Spearman's correlation."""
    if not labels:
        return SPEARMAN
    name = re.split(r"[:/\\]", task.casefold())[-1].replace("-", "").replace("_", "")
    try:
        return metric(GLUE.get(name, "accuracy"), labels)
    except InputError:
        return ACCURACY


def chosen(choice: str | None, task: str, labels: Sequence[str]) -> Metric:
    """The metric of the option `--metric`, or the usual one of the task."""
    return usual(task, labels) if choice is None else metric(choice, labels)


def noted(training: Any, labels: Sequence[str]) -> Metric:
    """The metric in the record of a training; the usual one where none stands there, or one that is not known."""
    choice = training.get("metric") if isinstance(training, dict) else None
    try:
        return metric(choice, labels) if isinstance(choice, str) else usual("", labels)
    except InputError:
        return usual("", labels)


def numbers(labels: Sequence[str], choice: str) -> NDArray[np.float64]:
    """Labels as the numbers that they are; an InputError where one is none."""
    values = [number_of(label) for label in labels]
    if None in values:
        raise InputError(
            f"{choice}: is of numbers, and the label {labels[values.index(None)]!r} is none", field="metric"
        )
    return np.array(values, np.float64)


def number_of(label: str) -> float | None:
    """A label as a finite number; None where it is none, or one that Python alone reads as one: 1_5, ٣."""
    try:
        value = float(label)
    except ValueError:
        return None
    return value if math.isfinite(value) and label.isascii() and "_" not in label else None


def score(metric: Metric, predicted: NDArray, true: NDArray, labels: Sequence[str]) -> Score:
    """How good predictions are; where a metric is not defined, 0, an interval of all its values, and a note.

    Args:
        predicted, true: (B,) the indices of labels; of a regression, which has none, the numbers themselves.
    """
    if metric.name == "accuracy":
        hits = int((predicted == true).sum())
        return Score(metric, hits / len(true), *wilson(hits, len(true)))
    pair, statistic = _pair(metric, predicted, true, labels), _statistic(metric.name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a draw may hold one value alone
        if not _is_defined(metric.name, *pair):
            say(f"{metric.title}: is not defined for these texts ({UNDEFINED[metric.name]}); 0 stands for it")
            return Score(metric, 0.0, 0.0 if metric.name == "f1" else -1.0, 1.0)
        return Score(metric, statistic(*pair), *_bootstrap(statistic, *pair))


def is_defined(metric: Metric, predicted: NDArray, true: NDArray, labels: Sequence[str]) -> bool:
    """Whether the metric tells anything of these texts; arguments as of `score`."""
    return metric.name == "accuracy" or _is_defined(metric.name, *_pair(metric, predicted, true, labels))


def value(metric: Metric, predicted: NDArray, true: NDArray, labels: Sequence[str]) -> float:
    """`score` without its interval, whose draws take a thousand times as long."""
    if metric.name == "accuracy":
        return float((predicted == true).mean())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as for `score`
        return _statistic(metric.name)(*_pair(metric, predicted, true, labels))


def _pair(metric: Metric, predicted: NDArray, true: NDArray, labels: Sequence[str]) -> tuple[NDArray, NDArray]:
    """What a statistic is of: two classes as false and true, or numbers."""
    if metric.name in ("f1", "matthews"):
        found = labels.index(labels[1] if metric.positive is None else metric.positive)
        return predicted == found, true == found
    if labels:
        values = numbers(labels, metric.name)
        return values[predicted], values[true]
    return predicted, true


def _is_defined(name: str, predicted: NDArray, true: NDArray) -> bool:
    if name == "f1":
        return bool(predicted.any() or true.any())
    return bool(predicted.min() < predicted.max() and true.min() < true.max())


def _statistic(name: str) -> Callable[[NDArray, NDArray], float]:
    """A statistic that is 0 where it is not defined, as of predictions that are all the same."""
    from scipy.spatial.distance import dice  # scipy takes long to import
    from scipy.stats import pearsonr, spearmanr

    statistics: dict[str, Callable[[NDArray, NDArray], Any]] = {
        "f1": lambda predicted, true: 1 - dice(predicted, true),
        "matthews": lambda predicted, true: pearsonr(predicted.astype(np.float64), true.astype(np.float64))[0],
        "pearson": lambda predicted, true: pearsonr(predicted, true)[0],
        "spearman": lambda predicted, true: spearmanr(predicted, true)[0],
    }

    def found(predicted: NDArray, true: NDArray) -> float:
        if not _is_defined(name, predicted, true):
            return 0.0
        value = float(statistics[name](predicted, true))  # NaN where values differ by less than they can tell
        return value if math.isfinite(value) else 0.0

    return found


def _bootstrap(
    statistic: Callable[[NDArray, NDArray], float], predicted: NDArray, true: NDArray
) -> tuple[float, float]:
    """The percentile interval over draws of as many texts, with replacement (Efron 1979)."""
    random, n = np.random.default_rng(SEED), len(true)
    draws = (random.integers(0, n, n) for _ in range(DRAWS))
    found = [statistic(predicted[rows], true[rows]) for rows in draws]
    low, high = np.quantile(found, ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    return float(low), float(high)


def wilson(hits: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share of `hits` in n (Wilson 1927)."""
    from scipy.stats import binomtest  # which takes long to import

    interval = binomtest(hits, n).proportion_ci(LEVEL, "wilson")
    return float(interval.low), float(interval.high)
