"""One number of a chip: its value, its range, and what it is worth, checked at the door."""

from __future__ import annotations

import math
import reprlib
from pathlib import Path
from typing import Any, get_args

from simulate.energy.costs import STATUSES
from simulate.mapping_schema import Fact
from spikebert.core.errors import InputError

PARTS = {"value", "low", "high", "status", "source"}


def read_fact(path: Path, field: str, entry: Any, hint: Any, least: int) -> Fact:
    """A field of a chip's file; `hint` is its type in `Chip`, `least` the smallest number that it may be.

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
    value, kind = entry["value"], _plain(hint)
    optional = kind is not hint
    if value is not None or not optional:
        _check(path, field, value, kind, least, optional)
    if value is None or type(value) is bool:
        if "low" in entry or "high" in entry:
            raise InputError(f"{path}: {field}: has a range, and no number within it")
        return Fact(value, value, value, status, entry["source"])
    low, high = entry.get("low", value), entry.get("high", value)
    for bound in (low, high):
        _check(path, field, bound, kind, least)
    if not low <= value <= high:
        raise InputError(f"{path}: {field}: low, value and high must not fall: {low}, {value}, {high}")
    return Fact(value, low, high, status, entry["source"])


def _plain(hint: Any) -> type:
    """The type of a hint that may allow None besides."""
    (kind,) = (part for part in get_args(hint) or (hint,) if part is not type(None))
    return kind


def _check(path: Path, field: str, value: Any, kind: type, least: int, optional: bool = False) -> None:
    if kind is bool:
        if type(value) is not bool:
            raise InputError(f"{path}: {field}: must be true or false, not {reprlib.repr(value)}")
    elif not _in_range(value, kind is float, least):
        number = "a number" if kind is float else "a whole number"
        raise InputError(
            f"{path}: {field}: must be {number} of at least {least}{' or null' if optional else ''}, not "
            f"{reprlib.repr(value)}"
        )


def _in_range(value: Any, real: bool, least: int) -> bool:
    if type(value) is not int and not (real and type(value) is float and math.isfinite(value)):
        return False
    return least <= value < 2**53
