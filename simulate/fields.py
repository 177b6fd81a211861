"""JSON from outside made into dataclasses: every field present and of its kind, or one line that says which is not."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any, TypeVar

from spikebert.core.errors import InputError

# What an annotation promises of a number; see CHECKS.
Count = int  # at least 0
Size = int  # at least 1
Share = float  # in [0, 1]
Ends = list  # [low, high] of an estimate


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**63


def _is_size(value: Any) -> bool:
    return _is_count(value) and value > 0


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and value >= 0


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _are_ends(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_is_number, value)) and value[0] <= value[1]


def _each(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(map(check, value))


# A field's annotation → its check, and the check in words.
CHECKS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "str": (_is_text, "a text"),
    "float": (_is_number, "a number of at least 0"),
    "Count": (_is_count, "a whole number of at least 0"),
    "Size": (_is_size, "a whole number of at least 1"),
    "Count | None": (lambda value: value is None or _is_count(value), "a whole number of at least 0, or null"),
    "Share": (lambda value: _is_number(value) and value <= 1, "a share from 0 to 1"),
    "Share | None": (lambda value: value is None or (_is_number(value) and value <= 1), "a share from 0 to 1, or null"),
    "list[str]": (_each(_is_text), "a list of texts"),
    "list[Count]": (_each(_is_count), "a list of whole numbers of at least 0"),
    "list[Size] | None": (
        lambda value: value is None or _each(_is_size)(value),
        "a list of whole numbers of at least 1, or null",
    ),
    "list[Size]": (_each(_is_size), "a list of whole numbers of at least 1"),
    "bool": (lambda value: type(value) is bool, "true or false"),
    "Ends": (_are_ends, "two numbers of at least 0, the lower one first"),
    "dict[str, Any]": (lambda value: isinstance(value, dict), "an object"),
}

R = TypeVar("R")


def record_of(cls: type[R], data: Any, where: str) -> R:
    """`cls` from an object of the file, every field of its kind, and present unless it has a default."""
    if not isinstance(data, dict):
        raise InputError(f"{where.rstrip('.')} must be an object")
    values = {}
    for field in dataclasses.fields(cls):  # type: ignore[arg-type]
        if field.name not in data and field.default is not dataclasses.MISSING:
            continue
        if field.name not in data:
            raise InputError(f"{where}{field.name} is missing")
        check, words = CHECKS[str(field.type)]
        values[field.name] = value = data[field.name]
        if not check(value):
            raise InputError(f"{where}{field.name} must be {words}, not {_short(value)}")
    return cls(**values)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
