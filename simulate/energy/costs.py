"""What one operation costs: the numbers of `costs.json`, each with its source and what it is worth."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from simulate.energy.span import Span

STATUSES = {
    "published": "stated by those who made the chip",
    "measured": "read from a chip that ran",
    "fitted": "chosen so that a model reproduces what was measured or logged",
    "scaled": "worked out from other published numbers",
    "assumed": "no source; taken from another chip, or no limit where it is null",
}


@dataclass(frozen=True)
class Cost:
    """`low` and `high` differ from `picojoules` where sources differ; an account takes all three.

    `parts` names the costs that this one is the sum of, where it is a sum.
    """

    name: str
    picojoules: float
    low: float
    high: float
    status: str  # one of STATUSES
    operation: str
    source: str
    parts: tuple[str, ...] = ()

    @property
    def span(self) -> Span:
        """pJ, from the least to the most that a source says."""
        return Span(self.low, self.high)


@cache
def costs() -> dict[str, Cost]:
    """Every cost by its name."""
    table = json.loads(Path(__file__).with_name("costs.json").read_text("utf-8"))
    return {name: _cost(name, **fields) for name, fields in table.items()}


def _cost(name: str, picojoules: float, parts: tuple[str, ...] = (), **fields) -> Cost:
    return Cost(name, picojoules, **{"low": picojoules, "high": picojoules, **fields}, parts=tuple(parts))
