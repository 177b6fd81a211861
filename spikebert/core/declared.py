"""Settings as they are declared: a field's annotation tells what its value may be, and what its option is."""

from __future__ import annotations

import argparse
import types
from collections.abc import Callable
from dataclasses import MISSING, fields
from functools import cache, partial
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from spikebert.core.errors import InputError
from spikebert.core.options import option, require_least, require_positive

Size = Annotated[int, partial(require_least, 1)]
Count = Annotated[int, partial(require_least, 0)]
Amount = Annotated[float, partial(require_least, 0)]
Rate = Annotated[float, require_positive]
KINDS: dict[Any, tuple[Any, str]] = {
    int: (int, "a whole number"),
    float: ((int, float), "a number"),
    str: (str, "a text"),
    bool: (bool, "True or False"),
    list[str]: (list, "a list of texts"),
}


@cache
def hints_of(settings: type) -> dict[str, tuple[Any, tuple[Any, ...], bool]]:
    """Of each field of settings: its plain type, what its value must pass, and whether None stands for one not given.

    The type is None where a value may be of several; the part of the settings that has the field checks it.
    """
    found = {}
    for name, hint in get_type_hints(settings, include_extras=True).items():
        union = get_origin(hint) in (Union, types.UnionType)
        given = [part for part in get_args(hint) if part is not type(None)] if union else [hint]
        kind, *promises = get_args(given[0]) if get_origin(given[0]) is Annotated else given[:1]
        found[name] = (kind if len(given) == 1 else None, tuple(promises), union)
    return found


def require_fields(settings: Any, suffix: str = "") -> None:
    """An InputError for the first field of settings whose value is not what its annotation promises.

    suffix: what follows a field's name in that of its option.
    """
    for name, (kind, promises, optional) in hints_of(type(settings)).items():
        value = getattr(settings, name)
        if kind is None or (optional and value is None):
            continue
        if get_origin(kind) is Literal:
            if value not in get_args(kind):
                raise InputError(f"{value}: must be one of {', '.join(get_args(kind))}", field=name + suffix)
            continue
        wanted, words = KINDS.get(kind, (kind, f"a {kind.__name__}"))
        if not isinstance(value, wanted):
            raise InputError(f"{value!r}: must be {words}", field=name + suffix)
        for promise in promises:
            promise(**{name + suffix: value})


def adder(p: argparse._ActionsContainer, settings: type, suffix: str = "") -> Callable[..., None]:
    """`add(field, help, *flags, **more)`: the option of a field of settings, with its type, choices and default.

    The help ends with the default, unless it tells of it in words of its own. `more` is for `add_argument`.
    """
    defaults = {f.name: f.default for f in fields(settings)}

    def add(name: str, help: str, *flags: str, **more: Any) -> None:
        kind, default = hints_of(settings)[name][0], defaults[name]
        found: dict[str, Any] = {"required": True} if default is MISSING else {"default": default}
        if get_origin(kind) is Literal:
            found["choices"] = get_args(kind)
        elif kind is bool:
            found["action"] = "store_true"
        elif kind == list[str]:
            found["nargs"] = "+"
        elif kind in (int, float):
            found["type"] = kind
        if default is not None and default is not MISSING and default is not False and "(default: " not in help:
            help += " (default: %(default)s)"
        p.add_argument(*flags, option(name + suffix), help=help, **found | more)

    return add
