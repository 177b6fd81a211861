"""Predictions as a person or a program reads them: lines for the screen, TSV, JSON lines."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import repeat
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from export.ir.early_exit import logit_scale
from export.ir.graph import Graph
from simulate.measure import numbers
from simulate.result import SimulationResult
from simulate.text import Texts
from spikebert.core.errors import InputError


def probabilities(graph: Graph, result: SimulationResult) -> NDArray[np.float64]:
    """(B, labels): the softmax of the logits as the float model would give them, by the known value of a logit unit.

    Raises:
        InputError: the model predicts a number.
    """
    if graph.regression:
        raise InputError("the model predicts a number, which has no probability; take its predictions")
    logits = result.logits * logit_scale(graph)
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def decimals(probability: float) -> int:
    """How many a probability is written with: six, or as many as tell it from 0 and 1."""
    if round(probability, 6) not in (0, 1) or probability in (0, 1):
        return 6
    return math.ceil(-math.log10(min(probability, 1 - probability)))


def _written(probability: float) -> float:
    return round(probability, decimals(probability))


def as_lines(graph: Graph, result: SimulationResult, texts: Texts) -> str:
    """A line a text: its label and the score of that, or the number that is predicted; the text."""
    if graph.regression:
        found = zip(numbers(graph, result.logits), texts.texts, strict=True)
        return "\n".join(_line([f"{score:.4f}", text]) for score, text in found)
    found = zip(result.predictions, probabilities(graph, result).max(1), texts.texts, strict=True)
    return "\n".join(_line([graph.labels[i], f"{score:.4f}", text]) for i, score, text in found)


def tsv_header(graph: Graph) -> str:
    if graph.regression:
        return "label\tscore\tlogit\ttext"
    names = [" ".join(label.split()) for label in graph.labels]  # a line break in a label would part the line
    return "\t".join(["label", "predicted", "score", *(f"logit_{name}" for name in names), "text"])


def tsv_rows(graph: Graph, result: SimulationResult, texts: Texts) -> Iterator[str]:
    """A line a text: label (empty where unknown), prediction, its score, integer logits, text; of a regression label,
    score, integer logit, text."""
    if graph.regression:
        for label, score, logit, text in _numbers(graph, result, texts):
            yield _line([label or "", f"{score:.6f}", str(logit), text])
        return
    labels = texts.labels or repeat("", len(texts.texts))
    scores = probabilities(graph, result).max(1)
    found = zip(labels, result.predictions, scores, result.logits, texts.texts, strict=True)
    for label, index, score, logits, text in found:
        yield _line([label, graph.labels[index], f"{score:.{decimals(score)}f}", *map(str, logits), text])


def json_rows(graph: Graph, result: SimulationResult, texts: Texts) -> Iterator[str]:
    """An object a line and text: text, predicted, score, scores by label, logits by label; label where it is known.

    Of a regression: text, score, logit, and the label as a number."""
    if graph.regression:
        for label, score, logit, text in _numbers(graph, result, texts):
            row = {"text": text, "score": round(score, 6), "logit": logit}
            yield json.dumps(row if label is None else {"label": float(label), **row}, ensure_ascii=False)
        return
    labels = texts.labels or repeat(None, len(texts.texts))
    found = zip(labels, texts.texts, probabilities(graph, result), result.logits, strict=True)
    for label, text, scores, logits in found:
        index = int(logits.argmax())
        row = {
            "text": text,
            "predicted": graph.labels[index],
            "score": _written(float(scores[index])),
            "scores": {name: _written(float(score)) for name, score in zip(graph.labels, scores, strict=True)},
            "logits": {name: int(logit) for name, logit in zip(graph.labels, logits, strict=True)},
        }
        yield json.dumps(row if label is None else {"label": label, **row}, ensure_ascii=False)


def _numbers(graph: Graph, result: SimulationResult, texts: Texts) -> list[tuple[str | None, float, int, str]]:
    """(label or None, score, integer logit, text) of each text of a regression."""
    labels = texts.labels or [None] * len(texts.texts)
    found = numbers(graph, result.logits).tolist(), result.logits[:, 0].tolist()
    return list(zip(labels, *found, texts.texts, strict=True))


class Form(NamedTuple):
    """Lines for a program: what stands before the first text, where there is anything, and a line a text."""

    header: Callable[[Graph], str] | None
    rows: Callable[[Graph, SimulationResult, Texts], Iterator[str]]

    def lines(self, graph: Graph, parts: Iterable[tuple[SimulationResult, Texts]]) -> Iterator[str]:
        """All of them, as the parts of a run come."""
        if self.header is not None:
            yield self.header(graph) + "\n"
        for result, texts in parts:
            for row in self.rows(graph, result, texts):
                yield row + "\n"


TSV = Form(tsv_header, tsv_rows)
FORMATS = {"tsv": TSV, "jsonl": Form(None, json_rows)}


def _line(cells: Sequence[str]) -> str:
    return "\t".join(" ".join(cell.split()) for cell in cells)
