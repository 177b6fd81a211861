"""How a config of transformers says what a model predicts: classes, by their names, or one number. No torch here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

REGRESSION = "regression"  # the `problem_type` of a model that predicts a number
NUMBER = "LABEL_0"  # transformers' own name for an output that is no class
NO_CLASSES = (NUMBER, "LABEL_1")  # of a network that is fine-tuned for nothing yet


def name_outputs(config: Any, labels: Sequence[str]) -> None:
    """Give the outputs the names of the classes, in their order; without labels there is one number."""
    config.id2label = dict(enumerate(labels or [NUMBER]))
    config.label2id = {label: i for i, label in config.id2label.items()}
