"""A whole simulation: texts in, the folder `run/` out."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.ir.early_exit import logit_scale
from export.ir.graph import Graph
from export.ir.npz import write_npz
from simulate import trace
from simulate.batches import Tokens
from simulate.counts import EXIT_VERSION, FORMAT, VERSION, counts_of, shape_of
from simulate.folder import RUN
from simulate.result import SimulationResult
from simulate.trace import Trace
from simulate.unlabelled import STANDARD_INPUT, read_texts
from spikebert.core.errors import InputError, printable
from spikebert.core.files import sha256, write_folder_atomically
from spikebert.data.columns import Columns
from spikebert.data.packaged import TASKS
from spikebert.data.tasks import measured


@dataclass(frozen=True)
class Texts:
    """What is classified; `labels` is None where the truth is not known."""

    source: str  # a file, or "command line"
    texts: list[str]
    labels: list[str] | None


def read_data(name: str, columns: Columns, limit: int | None) -> Texts:
    """The first `limit` texts of a file, of standard input or of the dev part of a packaged task, with their labels
    where they have some."""
    alone = None if name in TASKS or columns.given else read_texts(name, limit)
    if alone is not None:
        return Texts("standard input" if name == STANDARD_INPUT else name, alone, None)
    rows = measured(name, columns, limit)
    return Texts(name, [row.text for row in rows], [row.label for row in rows])


def simulate(
    graph: Graph,
    sentences: Sequence[Tokens],
    backend: str = "fast",
    granularity: str = "block",
    record: bool = False,
    progress: Callable[[int], object] | None = None,
) -> SimulationResult:
    """Run an exported graph on token ids, on the fast simulator or on Lava's runtime."""
    if backend == "fast":
        from simulate.fast import FastSimulator

        return FastSimulator(graph).run(sentences, record=record, progress=progress)
    from simulate import lava

    return lava.run(graph, sentences, granularity=granularity, record=record, progress=progress)


def check_labels(graph: Graph, texts: Texts) -> None:
    """An InputError names the first label that the model does not know."""
    for number, label in enumerate(texts.labels or [], 1):
        if label not in graph.labels:
            known = ", ".join(graph.labels)
            raise InputError(f"{texts.source}: text {number} has the label {label!r}; the model knows {known}")


def describe(
    graph: Graph,
    result: SimulationResult,
    texts: Texts,
    lengths: list[int],
    model_file: Path,
    backend: str,
    command: str,
) -> dict[str, Any]:
    """The whole of counts.json."""
    predicted = [graph.labels[i] for i in result.predictions]
    correct = None if texts.labels is None else sum(a == b for a, b in zip(predicted, texts.labels, strict=True))
    majority = None if texts.labels is None else Counter(texts.labels).most_common(1)[0][1] / len(texts.labels)
    return {
        "format": FORMAT,
        "version": VERSION if result.steps is None else EXIT_VERSION,
        "model": {
            "file": printable(model_file.name),
            "sha256": sha256(model_file),
            **shape_of(graph),
        },
        "run": {
            "backend": backend,
            "data": printable(texts.source),
            "command": command,
            "seconds": result.seconds,
            "startup_seconds": result.startup_seconds,
            "versions": {name: version(name) for name in ("spikebert", "numpy", "nir", "lava-nc")},
        },
        "accuracy": None if correct is None else correct / len(texts.texts),
        "correct": correct,
        "majority": majority,
        **counts_of(graph, result, lengths),
    }


def write_run(
    out: Path,
    counts: dict[str, Any],
    graph: Graph,
    result: SimulationResult,
    texts: Texts,
    lengths: list[int],
    traced: Trace | None = None,
) -> None:
    """Write `out/`, whole or not at all: counts.json, predictions.tsv and what was recorded (spikes.npz, trace.npz).

    An earlier run there is replaced; other files are left alone.
    """

    def write(folder: Path) -> None:
        (folder / "counts.json").write_text(json.dumps(counts, indent=1, ensure_ascii=False), "utf-8")
        (folder / "predictions.tsv").write_text(_predictions(graph, result, texts), "utf-8")
        if result.spikes is not None:
            named = {"spikes/lengths" if name == "lengths" else name: train for name, train in result.spikes.items()}
            write_npz(folder / "spikes.npz", {"lengths": np.array(lengths), **named})
        if traced is not None:
            traced.write(folder / trace.FILE)

    write_folder_atomically(out, RUN, write)


def scores(graph: Graph, result: SimulationResult) -> NDArray[np.float64]:
    """(B,) the probability of each prediction: the softmax of the logits as the float model would give them."""
    logits = result.logits * logit_scale(graph)
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return powers.max(1) / powers.sum(1)


def classified(graph: Graph, result: SimulationResult, texts: Texts) -> str:
    """A line a text: its label, the score of it, the text."""
    found = zip(result.predictions, scores(graph, result), texts.texts, strict=True)
    rows = ((graph.labels[i], f"{score:.4f}", text) for i, score, text in found)
    return "\n".join("\t".join(" ".join(cell.split()) for cell in row) for row in rows)


def _predictions(graph: Graph, result: SimulationResult, texts: Texts) -> str:
    """A header, then a line a text: label (empty where unknown), prediction, its score, integer logits, text."""
    names = [" ".join(label.split()) for label in graph.labels]  # a line break in a label would part the line
    lines = ["\t".join(["label", "predicted", "score", *(f"logit_{name}" for name in names), "text"])]
    labels = texts.labels or [""] * len(texts.texts)
    found = zip(labels, result.predictions, scores(graph, result), result.logits, texts.texts, strict=True)
    for label, index, score, logits, text in found:
        row = [label, graph.labels[index], f"{score:.6f}", *map(str, logits), text]
        lines.append("\t".join(" ".join(cell.split()) for cell in row))
    return "\n".join(lines) + "\n"
