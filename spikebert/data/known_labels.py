"""The labels of data as a model calls them: a model knows what its training data called them, too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from spikebert.core.errors import InputError
from spikebert.data.columns import renamed
from spikebert.data.metrics import number_of


def in_words_of(given: Sequence[str], labels: Sequence[str], training: Any, source: str) -> list[str]:
    """The labels of texts in the words of a model.

    Args:
        given: one a text, in the words of the model or in those of the data that it was trained on.
        labels: what the model calls them; none of a regression, which takes finite numbers as they are.
        training: the record of the model's training, or what stands in its place.
        source: where the texts are from, for the error.
    Raises:
        InputError: names the first label that the model does not know, or of a regression the first that is no number.
    """
    known = {} if not labels else _known(training) | {label: label for label in labels}
    for number, label in enumerate(given, 1):
        if labels and label not in known:
            pairs = ",".join(f"{i}={name}" for i, name in enumerate(labels))
            raise InputError(
                f"{source}: text {number} has the label {label!r}; the model knows {', '.join(labels)}; "
                f"give the data's own names with --labels, such as --labels {pairs}"
            )
        if not labels and number_of(label) is None:
            raise InputError(
                f"{source}: text {number} has the label {label[:40]!r}; the model predicts a number, and labels must "
                "be finite numbers"
            )
    return [known[label] for label in given] if labels else list(given)


def _known(training: Any) -> dict[str, str]:
    """{label of the training data: label of the model} by the record of the training; empty where it says nothing."""
    pairs = training.get("labels") if isinstance(training, dict) else None
    try:
        return renamed(pairs) if isinstance(pairs, str) else {}
    except InputError:
        return {}
