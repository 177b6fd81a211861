"""How a model was made, from the record of its training that it carries: plain JSON values from outside."""

from __future__ import annotations

from typing import Any

from export.ir.licence import FIELD, NOT_STATED
from spikebert.data.decision import NOTE, decision_of

PARTS = {  # what is told of a training, in this order; what an older version did not record is left out
    "teacher": "teacher",
    "more_teachers": "more teachers",
    "preset": "preset",
    "train_texts": "training texts",
    "epochs": "epochs",
    "seed": "seed",
    "metric": "metric",
    "score": "score on dev",
    "teacher_score": "teacher's score",
    "accuracy": "accuracy on dev",
    "teacher_accuracy": "teacher's accuracy",
    "majority": "majority class",
    "dev_texts": "dev texts",
}


def origin(metadata: dict[str, Any]) -> dict[str, Any]:
    """Licence and training of a model by its metadata."""
    training = metadata.get("training")
    training = training if isinstance(training, dict) else {}
    return {"licence": metadata.get(FIELD, training.get(FIELD, NOT_STATED)), "made_by": made_by(training)}


def made_by(training: dict[str, Any]) -> dict[str, Any]:
    """The training in a few facts."""
    found = {title: training[name] for name, title in PARTS.items() if training.get(name) not in (None, [])}
    if isinstance(others := found.get("more teachers"), list):
        found["more teachers"] = ", ".join(map(str, others))
    if decision := decision_of(training):
        found[NOTE] = f"for {decision.label} from a probability of {decision.at:.3f} on"
    versions = training.get("versions")
    if isinstance(versions, dict):
        found["versions"] = ", ".join(f"{name} {version}" for name, version in versions.items())
    return found or {"training": NOT_STATED}
