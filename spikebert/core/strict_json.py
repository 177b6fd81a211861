"""JSON from outside, of which everything can be written again: no half characters, no NaN, no infinite number.

A whole number that no float comes near counts as infinite: what reads numbers compares them with floats.
"""

from __future__ import annotations

import json
import math
from typing import Any


def loads(text: str | bytes) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: in one line, what is not whole JSON, in UTF-8 if it is bytes.
    """
    try:
        plain = text if isinstance(text, str) else text.decode("utf-8")
        value = json.loads(plain, parse_constant=_no_number, parse_int=whole_number)
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(f"{error.object[error.start]!r} is half a character") from None
    except RecursionError:
        raise ValueError("more lists and objects within each other than can be read") from None
    return value


def whole_number(digits: str) -> int:
    """The whole number of a JSON text; a ValueError for one that is larger than any float."""
    if not math.isfinite(float(digits)):
        raise ValueError(f"{digits[:20]}… is larger than any number of 64 bits")
    return int(digits)


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number")
