"""JSON from outside, of which everything can be written again: no half characters, no NaN, no infinite number."""

from __future__ import annotations

import json
from typing import Any


def loads(text: str | bytes) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: in one line, what is not whole JSON, in UTF-8 if it is bytes.
    """
    try:
        value = json.loads(text if isinstance(text, str) else text.decode("utf-8"), parse_constant=_no_number)
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(f"{error.object[error.start]!r} is half a character") from None
    except RecursionError:
        raise ValueError("more lists and objects within each other than can be read") from None
    return value


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number")
