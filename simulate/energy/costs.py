"""What one operation costs: the numbers of `costs.json`, each with its source."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class Cost:
    """`parts` names the costs that this one is the sum of, where it is a sum."""

    name: str
    picojoules: float
    operation: str
    source: str
    parts: tuple[str, ...] = ()


@cache
def costs() -> dict[str, Cost]:
    """Every cost by its name."""
    table = json.loads(Path(__file__).with_name("costs.json").read_text("utf-8"))
    return {name: Cost(name, **fields | {"parts": tuple(fields.get("parts", ()))}) for name, fields in table.items()}
