"""Texts alone, without labels: one a line in a file or on standard input, or a CSV that has no column of labels."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from spikebert.core.errors import InputError
from spikebert.core.files import require_file
from spikebert.core.log import say
from spikebert.data import csv_rows
from spikebert.data.columns import texts_alone
from spikebert.data.lines import GZIP, HEAD, decoded, parted, read_lines, require_text
from spikebert.data.rows import Record, Table, text_of, whole

STANDARD_INPUT = "-"
LABELLED = (".tsv", ".json", ".jsonl", ".ndjson")  # files whose names say that each row has more than a text


def read_texts(name: str, limit: int | None = None, columns: Sequence[str] = ()) -> list[str] | None:
    """The first `limit` texts of a file, `-` for standard input; None for a file with labels.

    Without labels is a .csv whose header names a column of texts (or the two of a pair) and none of labels, and a file
    of another name in which no line has a TAB.

    Args:
        columns: of a .csv, those of the texts by their names; the usual ones where none are given.
    Raises:
        InputError: naming the line that is empty or not UTF-8, or a file without texts.
    """
    if name == STANDARD_INPUT:
        where = "standard input"
        return _whole(where, islice(decoded(where, _of_text(where, parted(where, sys.stdin.buffer))), limit))
    path = require_file(name, "data")
    suffix = Path(path.name.lower().removesuffix(".gz")).suffix
    if suffix in LABELLED:
        return None
    if suffix == ".csv":
        return _csv_texts(path, limit, columns)
    if columns:
        return None
    lines = list(islice(read_lines(path), limit))
    return None if any("\t" in line for _, line in lines) else _whole(str(path), lines)


def _of_text(where: str, lines: Iterator[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    """The lines; an InputError says what they are where they begin as no text does."""
    for number, line in lines:
        if number == 1:
            if line.startswith(GZIP):
                raise InputError(f"{where}: is packed by gzip; unpack it (zcat IN | …), or give the file itself")
            require_text(where, line[:HEAD])
        yield number, line


def _csv_texts(path: Path, limit: int | None, columns: Sequence[str]) -> list[str] | None:
    delimiter, table = csv_rows.delimiter_of(path, lambda cells: texts_alone(cells, columns) is not None), Table()
    records = csv_rows.records_of(path, delimiter, table)
    head = next(records, None)
    if head is None:
        return None
    try:
        places = texts_alone(head.cells, columns)
    except InputError as error:
        raise InputError(f"{path}, line {head.line}: {error}") from None
    if places is None:
        return None
    found = list(islice(whole(path, records, head, True, csv_rows.quoting(delimiter)), limit))
    for note in (*table.notes, *_left_out(head, places), *_over_lines(found, places)):
        say(f"{path.name}: {note}")
    return _whole(str(path), ((r.line, text_of(path, r.line, [r.cells[i] for i in places]).strip()) for r in found))


def _left_out(head: Record, places: Sequence[int]) -> Iterator[str]:
    """A note of the columns that are not read: one of them may hold labels."""
    others = [repr(cell.strip()) for place, cell in enumerate(head.cells) if place not in places]
    if others:
        texts = " and ".join(repr(head.cells[place].strip()) for place in places)
        yield f"the text is {texts}; {', '.join(others[:12])} left out (labels are named by --label-column)"


def _over_lines(found: Sequence[Record], places: Sequence[int]) -> Iterator[str]:
    """A note of texts that go over several lines: a quotation mark that is not closed would join rows to one text."""
    long = [record.line for record in found if any("\n" in record.cells[place] for place in places)]
    if long:
        yield f"{len(long)} texts go over several lines, in quotation marks (the first from line {long[0]} on)"


def _whole(where: str, lines: Iterable[tuple[int, str]]) -> list[str]:
    texts = []
    for number, text in lines:
        if not text.strip():
            raise InputError(f"{where}, line {number}: the text is empty; take the line away")
        texts.append(text)
    if not texts:
        raise InputError(f"{where}: holds no texts")
    return texts
