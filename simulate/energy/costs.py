"""The energy of single operations, each with its source, from costs.json."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path


@cache
def costs() -> dict[str, dict]:
    return json.loads((Path(__file__).parent / "costs.json").read_text("utf-8"))


def picojoule(name: str) -> float:
    """The energy of one operation, in pJ."""
    return costs()[name]["picojoule"]
