"""Where a model decides, as the record of its training notes it: plain JSON values, which may be from outside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

NOTE = "decides"  # under which a record notes it


@dataclass(frozen=True)
class Decision:
    """A class, and the probability between 0 and 1 from which on it is the answer.

    The probability is that of the training: the model's bias is moved, so that its own are one half there.
    """

    label: str
    at: float


def decision_of(training: Mapping[str, Any]) -> Decision | None:
    """What a record notes; None where it notes nothing, or nothing that can be."""
    noted = training.get(NOTE)
    label, at = (noted.get(name) for name in ("label", "at")) if isinstance(noted, dict) else (None, None)
    return Decision(label, at) if isinstance(label, str) and isinstance(at, float) and 0 < at < 1 else None
