"""JSON from outside made into dataclasses: every field present and of its kind, or one line that says which is not."""

from __future__ import annotations

import dataclasses
import json
import math
import types
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypeVar, Union, get_args, get_origin, get_type_hints

from spikebert.core.errors import InputError
from spikebert.core.files import read_json
from spikebert.core.options import WHOLE_MAX


class Within(NamedTuple):
    """The bounds that a number's annotation promises."""

    least: int
    most: int | None = None


class Two(NamedTuple):
    """What the annotation of a list promises: two numbers, of which the second may have to be no less."""

    rising: bool = True


Count = Annotated[int, Within(0)]
Size = Annotated[int, Within(1)]
Share = Annotated[float, Within(0, 1)]
Correlation = Annotated[float, Within(-1, 1)]
Ends = Annotated[list[float], Two()]  # of an estimate: the lower one, the higher one
Interval = Annotated[list[Correlation], Two()]  # of a score, from end to end
Extent = Annotated[list[Count], Two()]  # from the first to the one behind the last
Point = Annotated[list[float], Two(rising=False)]  # of a curve


class Kind(NamedTuple):
    """A check, and what passes it in words: one such value, and several."""

    holds: Callable[[Any], bool]
    one: str
    many: str


@cache
def kind_of(hint: Any) -> Kind:
    """The kind that a type hint stands for. A number without bounds is finite, and at least 0.

    Of a record it is not said whether it holds: `record_of` tells that field by field.
    """
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _annotated(*parts)
    if origin in (Union, types.UnionType):
        kinds = [NULL if part is type(None) else kind_of(part) for part in parts]
        holds = lambda value: any(kind.holds(value) for kind in kinds)  # noqa: E731
        one, many = dict.fromkeys(kind.one for kind in kinds), dict.fromkeys(kind.many for kind in kinds)
        return Kind(holds, ", or ".join(one), ", or ".join(many))
    if origin is list:
        each = kind_of(parts[0])
        holds = lambda value: isinstance(value, list) and all(map(each.holds, value))  # noqa: E731
        return Kind(holds, f"a list of {each.many}", f"lists of {each.many}")
    if origin is dict:
        each = kind_of(parts[1])
        holds = lambda value: isinstance(value, dict) and all(map(each.holds, value.values()))  # noqa: E731
        words = "" if parts[1] is Any else f" of {each.many}"
        return Kind(holds, f"an object{words}", f"objects{words}")
    return RECORD if dataclasses.is_dataclass(hint) else PLAIN[hint]


def _annotated(hint: Any, promise: Within | Two) -> Kind:
    if isinstance(promise, Two):
        each, (number,) = kind_of(hint), get_args(hint)
        numbers = f"two {kind_of(number).many}{', the lower one first' if promise.rising else ''}"
        return Kind(
            lambda value: each.holds(value) and len(value) == 2 and (not promise.rising or value == sorted(value)),
            numbers,
            f"pairs: {numbers}",
        )
    least, most = promise
    if hint is int:
        words = f"of at least {least}"
        return Kind(
            lambda value: type(value) is int and least <= value < WHOLE_MAX,
            f"a whole number {words}",
            f"whole numbers {words}",
        )
    what = "share" if least == 0 else "number"
    return Kind(
        lambda value: _is_finite(value) and least <= value and (most is None or value <= most),
        f"a {what} from {least} to {most}",
        f"{what}s from {least} to {most}",
    )


def _is_finite(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


RECORD = Kind(lambda value: True, "an object", "objects")
NULL = Kind(lambda value: value is None, "null", "nulls")
PLAIN = {
    Any: Kind(lambda value: True, "anything", "things"),
    str: Kind(lambda value: isinstance(value, str), "a text", "texts"),
    float: Kind(lambda value: _is_finite(value) and value >= 0, "a number of at least 0", "numbers of at least 0"),
    bool: Kind(lambda value: type(value) is bool, "true or false", "true or false"),
}

R = TypeVar("R")


def text_of(record: Any, format: str, version: int) -> str:
    """The JSON file of a record, behind `format` and `format_version`."""
    content = {"format": format, "format_version": version, **dataclasses.asdict(record)}
    return json.dumps(content, indent=1, ensure_ascii=False)


def read_record(path: Path, cls: type[R], what: str, format: str, version: int) -> R:
    """The record in a file that `text_of` made; an InputError names the file, and the field that is wrong."""
    content = read_json(path, what)
    found = content.get("format_version")
    if content.get("format") != format or type(found) is not int:
        raise InputError(f"{path}: not a {what}")
    if found < 1:
        raise InputError(f"{path}: format version {found} was never written; write or fetch it again")
    if found > version:
        raise InputError(f"{path}: was written by a newer version; update spikebert")
    try:
        return record_of(cls, content, "")
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


@cache
def _hints(cls: type) -> dict[str, Any]:
    return get_type_hints(cls, include_extras=True)


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
        values[field.name] = _value_of(_hints(cls)[field.name], data[field.name], f"{where}{field.name}")
    return cls(**values)


def _value_of(hint: Any, value: Any, where: str) -> Any:
    """A value that is of its kind, with the records that are in it."""
    kind = kind_of(hint)
    if not kind.holds(value):
        raise InputError(f"{where} must be {kind.one}, not {_short(value)}")
    origin, parts = get_origin(hint), get_args(hint)
    if _records(hint):
        return record_of(_told_apart(hint, value, where), value, f"{where}.")
    if origin is list and _records(parts[0]):
        return [_value_of(parts[0], item, f"{where}[{i}]") for i, item in enumerate(value)]
    if origin is dict and _records(parts[1]):
        return {name: _value_of(parts[1], item, f"{where}.{name}") for name, item in value.items()}
    return value


def _records(hint: Any) -> tuple[type, ...]:
    """The records that a hint stands for: one, or one of several; none where it may be something else."""
    kinds = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    return kinds if all(map(dataclasses.is_dataclass, kinds)) else ()


def _told_apart(hint: Any, value: Any, where: str) -> type:
    """Of several records the one whose first field the object has."""
    kinds = {dataclasses.fields(kind)[0].name: kind for kind in _records(hint)}  # type: ignore[arg-type]
    if len(kinds) == 1 or not isinstance(value, dict):
        return next(iter(kinds.values()))
    found = next((kind for name, kind in kinds.items() if name in value), None)
    if found is None:
        raise InputError(f"{where} must have {' or '.join(kinds)}")
    return found


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
