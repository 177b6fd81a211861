"""Texts and their labels from files, and from text to token ids with the tokenizer that the exported file carries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from export.ir.graph import Embedding, Graph
from simulate.batches import Tokens
from simulate.unlabelled import STANDARD_INPUT, read_texts
from spikebert.core.errors import InputError, is_unicode
from spikebert.data import metrics
from spikebert.data.columns import Columns, renamed
from spikebert.data.metrics import Metric
from spikebert.data.packaged import TASKS
from spikebert.data.tasks import halves, measured
from spikebert.data.tokenizing import require_bearable, token_ids


@dataclass(frozen=True)
class Texts:
    """What is classified; `labels` is None where the truth is not known."""

    source: str  # a file, or "command line"
    texts: list[str]
    labels: list[str] | None


def read_data(name: str, columns: Columns, limit: int | None, labels: Mapping[str, str] | None = None) -> Texts:
    """The first `limit` texts of a file, of standard input or of the dev part of a packaged task, with their labels
    where they have some.

    Args:
        labels: what the model calls the labels of the data; one that is not in it stays as it is.
    """
    alone = None if name in TASKS or columns.given else read_texts(name, limit)
    if alone is not None:
        return Texts("standard input" if name == STANDARD_INPUT else name, alone, None)
    rows, called = measured(name, columns, limit), labels or {}
    return Texts(name, [row.text for row in rows], [called.get(row.label, row.label) for row in rows])


def in_labels_of(graph: Graph, texts: Texts) -> Texts:
    """The texts, their labels as the model calls them: a model knows what its training data called them, too.

    Raises:
        InputError: names the first label that the model does not know, or of a regression the first that is no number.
    """
    if texts.labels is None:
        return texts
    if graph.regression:
        _require_numbers(texts, texts.labels)
        return texts
    names = _known(graph)
    labels = [label if label in graph.labels else names.get(label, label) for label in texts.labels]
    for number, label in enumerate(labels, 1):
        if label not in graph.labels:
            pairs = ",".join(f"{i}={name}" for i, name in enumerate(graph.labels))
            raise InputError(
                f"{texts.source}: text {number} has the label {label!r}; the model knows {', '.join(graph.labels)}; "
                f"give the data's own names with --labels, such as --labels {pairs}"
            )
    return replace(texts, labels=labels)


def _require_numbers(texts: Texts, labels: Sequence[str]) -> None:
    for number, label in enumerate(labels, 1):
        if metrics.number_of(label) is None:
            raise InputError(
                f"{texts.source}: text {number} has the label {label[:40]!r}; the model predicts a number, and labels "
                "must be finite numbers"
            )


def _known(graph: Graph) -> dict[str, str]:
    """{label of the training data: label of the model}, by the record of the training; empty where it says nothing."""
    training = graph.metadata.get("training")
    pairs = training.get("labels") if isinstance(training, dict) else None
    try:
        return renamed(pairs) if isinstance(pairs, str) else {}
    except InputError:
        return {}


def metric_of(graph: Graph, choice: str | None = None) -> Metric:
    """The metric of a choice, or that of the task that the model was trained for.

    Raises:
        InputError: no such metric, or one that does not go with the model's labels.
    """
    if choice is not None:
        return metrics.metric(choice, graph.labels)
    return metrics.noted(graph.metadata.get("training"), graph.labels)


def true_of(graph: Graph, labels: Sequence[str]) -> NDArray:
    """(B,): the index of each text's label, of a regression the numbers themselves."""
    found = map(float, labels) if graph.regression else map(graph.labels.index, labels)
    return np.array(list(found))


def encode_labelled(graph: Graph, texts: Texts, truncate: bool = False) -> tuple[list[Tokens], NDArray[np.int64]]:
    """(token ids of each text, (B,) the index of each text's label); raises as `in_labels_of` and `encode` do."""
    found = in_labels_of(graph, texts).labels
    if found is None:
        raise InputError(f"{texts.source}: texts without labels; accuracy needs label<TAB>text lines", field="data")
    if graph.regression:
        raise InputError("the model predicts a number, which has no accuracy; simulate and verify measure it")
    return encode(graph, texts.texts, f"{texts.source}: text", truncate), true_of(graph, found)


def encode(graph: Graph, texts: Sequence[str], where: str, truncate: bool = False) -> list[Tokens]:
    """Token ids (N,) int64 of each text; a model of sentence pairs takes a text with a TAB as two.

    Args:
        where: what an error calls the texts; it is followed by the text's number, from 1.
        truncate: cut texts longer than the model's `max_tokens` (keeping the closing [SEP]) instead of refusing them.
    Raises:
        InputError: for an empty text, not UTF-8, or too long, or a tokenizer that does not fit the model.
    """
    embedding = graph.nodes[0]
    assert isinstance(embedding, Embedding)
    for number, text in enumerate(texts, 1):
        if not text.strip():
            raise InputError(f"{where} {number}: the text is empty")
        if not is_unicode(text):
            raise InputError(f"{where} {number}: not UTF-8; convert it to UTF-8")
        require_bearable(text, f"{where} {number}")
    inputs = texts if embedding.separator < 0 else [halves(text) for text in texts]
    found = token_ids(graph.tokenizer, inputs, graph.max_tokens, truncate, "the model's tokenizer")
    for number, (tokens, count) in enumerate(found, 1):
        if not count:
            raise InputError(f"{where} {number}: the text holds nothing that the tokenizer knows")
        if count > graph.max_tokens:
            raise InputError(
                f"{where} {number}: {count} tokens, but the model takes at most {graph.max_tokens}; "
                "shorten it, or cut it with --truncate"
            )
        if tokens.max() >= len(embedding.word):
            raise InputError(
                f"{where} {number}: token {tokens.max()} is beyond the model's {len(embedding.word)} words"
            )
    return [tokens for tokens, _ in found]
