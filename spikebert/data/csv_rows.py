"""Rows of CSV files: Python's reader, strict, and as many cells in each row as the header has."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from pathlib import Path

from spikebert.core.errors import InputError
from spikebert.data.columns import Columns, missing
from spikebert.data.lines import read_lines
from spikebert.data.rows import Record, Row, Table, locate, rows_of

DELIMITERS = (",", ";", "\t", "|")  # told apart by the header


def read(path: Path, columns: Columns, limit: int | None) -> Table:
    """The first `limit` rows of the file, all of them without a limit."""
    table = Table()
    delimiter = delimiter_of(path, lambda cells: len(cells) > 1 and _located(path, cells, columns))
    records = records_of(path, delimiter, table)
    first = next(records, None)
    if first is None:
        return table
    found = locate(path, first, first.cells, columns)
    if found is None:
        raise InputError(f"{path}, line {first.line}: {missing(first.cells, columns)}")
    table.notes += found.notes
    rest = islice(records if found.header else chain([first], records), limit)
    hint = f"{quoting(delimiter)}, or give label<TAB>text lines"
    inner: list[tuple[int, str]] = []
    table.rows = rows_of(path, _watched(rest, inner), found, first, hint)
    _require_closed(path, table.rows, inner, delimiter, found.label, len(first.cells))
    return table


def delimiter_of(path: Path, wanted: Callable[[list[str]], bool]) -> str:
    """The one that parts the header into cells that are `wanted`; the comma where none does, or nothing is there."""
    head = next((line for _, line in read_lines(path) if line.strip()), "")

    def parts(delimiter: str) -> bool:
        try:
            return wanted(next(csv.reader([head], delimiter=delimiter, skipinitialspace=True)))
        except (csv.Error, InputError):
            return False

    return next(filter(parts, DELIMITERS), ",")


def _located(path: Path, cells: list[str], columns: Columns) -> bool:
    return locate(path, Record(1, cells), cells, columns) is not None


def quoting(delimiter: str) -> str:
    """What to do about a row that has more cells than the header."""
    called = {",": "a comma", ";": "a semicolon", "\t": "a TAB"}.get(delimiter, repr(delimiter))
    return f"a text with {called} must stand in quotation marks"


def records_of(path: Path, delimiter: str, table: Table) -> Iterator[Record]:
    """The records of a file, its header first; `table` is told of blank lines when all are read."""
    lines = (line + "\n" for _, line in read_lines(path))
    reader = csv.reader(lines, delimiter=delimiter, strict=True, skipinitialspace=True)
    begins, blank = 1, 0
    try:
        for cells in reader:
            if len(cells) > 1 or any(cell.strip() for cell in cells):
                yield Record(begins, cells)
            else:
                blank += 1
            begins = reader.line_num + 1
    except csv.Error as error:
        raise InputError(f"{path}, line {begins}: not CSV ({_reason(str(error))})") from None
    table.leave_out_blank(blank)


def _reason(error: str) -> str:
    if "field larger" in error:
        return f"a text of more than {csv.field_size_limit():,} characters, or a quotation mark that is never closed"
    if "end of data" in error:
        return "a quotation mark that opens a text is never closed"
    if "expected after" in error:
        return "a quotation mark inside of a quoted text must be doubled, and one that opens must be closed"
    return "a line ends with a lone CR; end all lines with LF" if "new-line" in error else error


def _watched(records: Iterable[Record], inner: list[tuple[int, str]]) -> Iterator[Record]:
    """The records; the lines of texts that go over several are added to `inner`, each with where its record begins."""
    for record in records:
        inner += [(record.line, line) for cell in record.cells if "\n" in cell for line in cell.split("\n")]
        yield record


def _require_closed(
    path: Path, rows: list[Row], inner: list[tuple[int, str]], delimiter: str, label: int, width: int
) -> None:
    """No line of a text looks like a row: an open quotation mark would have swallowed it."""
    labels = {row.label for row in rows}
    for begins, line in inner:
        cells = line.split(delimiter)
        if len(cells) >= width and cells[label].strip(' "') in labels:
            raise InputError(
                f"{path}, line {begins}: a quoted text goes over several lines and holds what looks like a row "
                f"({line[:40]!r}); close its quotation mark"
            )
