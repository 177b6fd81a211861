"""Rows of JSON lines: an object a line, whose fields are the columns."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from spikebert.core.errors import InputError, is_unicode
from spikebert.core.strict_json import whole_number
from spikebert.data.columns import Columns, layout, missing
from spikebert.data.lines import read_lines
from spikebert.data.rows import Row, Table, row_of

REMEDY = "each line is one object (of an array: jq -c '.[]' IN > OUT.jsonl)"


def read(path: Path, columns: Columns, limit: int | None) -> Table:
    """The first `limit` rows of the file, all of them without a limit."""
    table = Table()
    table.rows = list(islice(_rows(path, columns, table), limit))
    return table


def _rows(path: Path, columns: Columns, table: Table) -> Iterator[Row]:
    fields: tuple[str, ...] = ()
    blank = 0
    for number, line in read_lines(path):
        if not line.strip():
            blank += 1
            continue
        where = f"{path}, line {number}"
        row = _object(where, line)
        if not fields:
            fields = _fields(where, row, columns, table)
        absent = next((name for name in fields if name not in row), None)
        if absent is not None:
            raise InputError(f"{where}: no field {absent!r}, which earlier lines have")
        label, *texts = fields
        yield row_of(path, number, _label(where, label, row[label]), [_text(where, n, row[n]) for n in texts])
    table.leave_out_blank(blank)


def _object(where: str, line: str) -> dict[str, Any]:
    try:
        row = json.loads(line, object_pairs_hook=_once, parse_int=whole_number)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: not JSON ({error}); {REMEDY}") from None
    if not isinstance(row, dict):
        raise InputError(f"{where}: is no JSON object; {REMEDY}")
    return row


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a field stands there twice")
    return found


def _fields(where: str, row: dict[str, Any], columns: Columns, table: Table) -> tuple[str, ...]:
    """The names of the label's field and of the text's, or of the two of a pair."""
    names = list(row)
    try:
        found = layout(names, columns)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    if found is None:
        raise InputError(f"{where}: {missing(names, columns)}")
    table.notes += found.notes
    return tuple(names[place] for place in (found.label, *found.texts))


def _label(where: str, name: str, value: Any) -> str:
    """A text as it is; a number or a truth value as JSON writes it."""
    if isinstance(value, str):
        return value
    if not isinstance(value, (int, float)) or not math.isfinite(value):
        raise InputError(f"{where}: {name!r} must be a text or a finite number, not {json.dumps(value)[:40]}")
    return json.dumps(value)


def _text(where: str, name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise InputError(f"{where}: {name!r} must be a text, not {json.dumps(value)[:40]}")
    if not is_unicode(value):
        raise InputError(f"{where}: {name!r} holds half of a letter (a lone surrogate); write the whole one")
    return value
