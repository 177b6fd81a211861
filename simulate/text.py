"""Texts and their labels from files, and from text to token ids with the tokenizer that the exported file carries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from export.ir.graph import Embedding, Graph
from simulate.batches import Tokens
from simulate.measure import Measure
from simulate.unlabelled import STANDARD_INPUT, read_texts
from spikebert.core.errors import InputError, is_unicode
from spikebert.core.log import say
from spikebert.data import metrics
from spikebert.data.columns import Columns
from spikebert.data.known_labels import in_words_of
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
    if name == STANDARD_INPUT and columns.given:
        raise InputError("-: standard input is texts alone, one a line, without columns", field="data")
    alone = None if name in TASKS or columns.label is not None else read_texts(name, limit, columns.text)
    if alone is not None:
        return Texts("standard input" if name == STANDARD_INPUT else name, alone, None)
    rows, called = measured(name, columns, limit), labels or {}
    return Texts(name, [row.text for row in rows], [called.get(row.label, row.label) for row in rows])


def in_labels_of(graph: Graph, texts: Texts) -> Texts:
    """The texts, their labels as the model calls them; raises as `in_words_of` does."""
    if texts.labels is None:
        return texts
    labels = in_words_of(texts.labels, graph.labels, graph.training, texts.source)
    return replace(texts, labels=labels)


def metric_of(graph: Graph, choice: str | None = None) -> Metric:
    """The metric of a choice, or that of the task that the model was trained for.

    Raises:
        InputError: no such metric, or one that does not go with the model's labels.
    """
    if choice is not None:
        return metrics.metric(choice, graph.labels)
    return metrics.noted(graph.training, graph.labels)


def true_of(graph: Graph, labels: Sequence[str]) -> NDArray:
    """(B,): the index of each text's label, of a regression the numbers themselves."""
    found = map(float, labels) if graph.regression else map(graph.labels.index, labels)
    return np.array(list(found))


def prepared(graph: Graph, texts: Texts, truncate: bool, metric: str | None) -> tuple[Texts, list[Tokens], Metric]:
    """The texts with labels as the model calls them, their token ids, and what they are measured by."""
    measure = metric_of(graph, metric)
    if metric is not None and texts.labels is None:
        raise InputError(f"{metric}: measures predictions of texts with labels; these have none", field="metric")
    texts = in_labels_of(graph, texts)
    return texts, encode(graph, texts.texts, f"{texts.source}: text", truncate), measure


def encode_labelled(
    graph: Graph, texts: Texts, truncate: bool = False, metric: str | None = None
) -> tuple[list[Tokens], Measure]:
    """(token ids of each text, what measures the answers to them); raises as the functions that it is made of do."""
    found = in_labels_of(graph, texts).labels
    if found is None:
        raise InputError(f"{texts.source}: texts without labels; a score needs label<TAB>text lines", field="data")
    measure = Measure(metric_of(graph, metric), true_of(graph, found))
    return encode(graph, texts.texts, f"{texts.source}: text", truncate), measure


def require_texts(texts: Sequence[str], where: str) -> None:
    """An InputError for the first text that is empty, not UTF-8 or longer than any that is tokenised.

    Args:
        where: what an error calls the texts; it is followed by the text's number, from 1.
    """
    for number, text in enumerate(texts, 1):
        if not text.strip():
            raise InputError(f"{where} {number}: the text is empty")
        if not is_unicode(text):
            raise InputError(f"{where} {number}: not UTF-8; convert it to UTF-8")
        require_bearable(text, f"{where} {number}")


def _pairs(texts: Sequence[str], where: str) -> list[str | tuple[str, str]]:
    """The texts for a model of pairs; it is told how many are none, which the model was not trained on."""
    inputs = [halves(text) for text in texts]
    for number, text in enumerate(inputs, 1):
        if not isinstance(text, str) and not all(half.strip() for half in text):
            raise InputError(f"{where} {number}: one of its two texts is empty; fill it")
    alone = sum(isinstance(text, str) and "[SEP]" not in text for text in inputs)
    if alone:
        say(f"{alone} of {len(inputs)} texts stand alone: the model was trained on pairs, with a TAB between the two")
    return inputs


def _singles(texts: Sequence[str]) -> Sequence[str]:
    """The texts for a model of single ones; it is told how many are two, or have a label before them."""
    parted = sum("\t" in text for text in texts)
    if parted:
        say(
            f"{parted} of {len(texts)} texts hold a TAB: the model was trained on single texts, and reads what stands "
            "on both sides as one"
        )
    return texts


def encode(graph: Graph, texts: Sequence[str], where: str, truncate: bool = False) -> list[Tokens]:
    """Token ids (N,) int64 of each text; a model of sentence pairs takes a text with a TAB as two.

    Args:
        where: what an error calls the texts; it is followed by the text's number, from 1.
        truncate: cut texts longer than the model's `max_tokens` (keeping the closing [SEP]) instead of refusing them.
    Raises:
        InputError: for a text that is empty, half of a pair, not UTF-8 or too long, or a tokenizer that does not fit.
    """
    embedding = graph.nodes[0]
    assert isinstance(embedding, Embedding)
    found = tokens_of(graph.tokenizer, texts, graph.max_tokens, embedding.separator >= 0, where, truncate)
    for number, tokens in enumerate(found, 1):
        if tokens.max() >= len(embedding.word):
            raise InputError(
                f"{where} {number}: token {tokens.max()} is beyond the model's {len(embedding.word)} words"
            )
    return found


def tokens_of(tokenizer: str, texts: Sequence[str], most: int, pairs: bool, where: str, truncate: bool) -> list[Tokens]:
    """Token ids (N,) int64 of each text, for a model of any kind; arguments and errors as of `encode`.

    Args:
        tokenizer: the JSON text of the model's.
        most: tokens that the model takes.
        pairs: whether it takes pairs of texts.
    """
    require_texts(texts, where)
    inputs = _pairs(texts, where) if pairs else _singles(texts)
    found = token_ids(tokenizer, inputs, most, truncate, "the model's tokenizer")
    for number, (_, count) in enumerate(found, 1):
        if not count:
            raise InputError(f"{where} {number}: the text holds nothing that the tokenizer knows")
        if count > most:
            raise InputError(
                f"{where} {number}: {count} tokens, but the model takes at most {most}; "
                "shorten it, or let it be cut (--truncate; in Python truncate=True)"
            )
    return [tokens for tokens, _ in found]
