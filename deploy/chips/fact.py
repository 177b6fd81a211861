"""One number of a chip: its value, its range, and what it is worth, checked at the door."""

from __future__ import annotations

import math
import reprlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spikebert.core.errors import InputError

STATUSES = {
    "published": "stated by those who made the chip",
    "measured": "read from a chip that ran",
    "fitted": "chosen so that a model reproduces what was measured or logged",
    "scaled": "worked out from other published numbers",
    "assumed": "no source; taken from another chip, or no limit where it is null",
}
PARTS = {"value", "low", "high", "status", "source"}


@dataclass(frozen=True)
class Fact:
    """`low` and `high` differ from `value` where sources differ; all three are None where nothing is known."""

    value: Any
    low: Any
    high: Any
    status: str  # one of STATUSES
    source: str


def read_fact(path: Path, field: str, entry: Any, kind: str, least: int) -> Fact:
    """A field of a chip's file; `kind` is its annotation in `Chip`, `least` the smallest number that it may be.

    A file that states no status is one from before there were any: its numbers count as assumed.

    Raises:
        InputError: the field is missing or wrong, by file and field.
    """
    if entry is None:
        given = "{value: …, source: …}"
        raise InputError(f"{path}: {field}: is missing; give {given}, with null for what is not known")
    if (
        not isinstance(entry, dict)
        or not {"value", "source"} <= entry.keys() <= PARTS
        or not isinstance(entry["source"], str)
    ):
        raise InputError(f"{path}: {field}: must be {{value: …, source: a text}}, and may have low, high and status")
    status = entry.get("status", "assumed")
    if not isinstance(status, str) or status not in STATUSES:
        raise InputError(f"{path}: {field}: status must be one of {', '.join(STATUSES)}, not {reprlib.repr(status)}")
    value = entry["value"]
    _check(path, field, value, kind, least)
    if value is None or type(value) is bool:
        if "low" in entry or "high" in entry:
            raise InputError(f"{path}: {field}: has a range, and no number within it")
        return Fact(value, value, value, status, entry["source"])
    low, high = entry.get("low", value), entry.get("high", value)
    for bound in (low, high):
        _check(path, field, bound, kind.partition(" | ")[0], least)
    if not low <= value <= high:
        raise InputError(f"{path}: {field}: low, value and high must not fall: {low}, {value}, {high}")
    return Fact(value, low, high, status, entry["source"])


def _check(path: Path, field: str, value: Any, kind: str, least: int) -> None:
    wanted, _, optional = kind.partition(" | ")
    if value is None and optional:
        return
    if wanted == "bool":
        if type(value) is not bool:
            raise InputError(f"{path}: {field}: must be true or false, not {reprlib.repr(value)}")
    elif not _in_range(value, wanted == "float", least):
        number = "a number" if wanted == "float" else "a whole number"
        raise InputError(
            f"{path}: {field}: must be {number} of at least {least}{' or null' if optional else ''}, not "
            f"{reprlib.repr(value)}"
        )


def _in_range(value: Any, real: bool, least: int) -> bool:
    if type(value) is not int and not (real and type(value) is float and math.isfinite(value)):
        return False
    return least <= value < 2**53
