"""Rows of files with TABs: label<TAB>text, label<TAB>text<TAB>text, or columns that a header or the user names."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path

from spikebert.core.errors import InputError
from spikebert.data.columns import LABEL_WORDS, REMEDY, Columns, Layout, looks_like_a_header, missing
from spikebert.data.lines import read_lines
from spikebert.data.rows import Record, Row, Table, checked, locate, row_of, rows_of


def read(path: Path, columns: Columns, limit: int | None) -> Table:
    """The first `limit` rows of the file, all of them without a limit."""
    table = Table()
    records = _records(path, table)
    first = next(records, None)
    if first is None:
        return table
    found = _layout(path, first, columns)
    if found is None:
        table.rows = _without_header(path, list(islice(chain([first], records), limit)), table)
        return table
    table.notes += found.notes
    rest = records if found.header else chain([first], records)
    unquoted = (_unquoted(path, record, found.label) for record in islice(rest, limit))
    hint = "a TAB inside of a text must become a space"
    table.rows = rows_of(path, _unquoted_texts(list(unquoted), found.texts, table), found, first, hint)
    return table


def _records(path: Path, table: Table) -> Iterator[Record]:
    blank = 0
    for number, line in read_lines(path):
        if not line.strip() and "\t" not in line:
            blank += 1
            continue
        if "\t" in line.partition("\r")[2]:
            raise InputError(f"{path}, line {number}: holds two rows with a CR between them; end all lines with LF")
        cells = line.split("\t")
        if len(cells) == 1:
            raise InputError(
                f"{path}, line {number}: no tab; each line is label<TAB>text (texts of several lines: .csv or .jsonl)"
            )
        yield Record(number, cells)
    table.leave_out_blank(blank)


def _layout(path: Path, first: Record, columns: Columns) -> Layout | None:
    """By a header, by the numbers that are given, or None for label<TAB>text."""
    found = locate(path, first, [cell.strip().strip('"') for cell in first.cells], columns)
    if found is None and columns.given:
        raise InputError(f"{path}, line {first.line}: {missing(first.cells, columns)}")
    if found is None and looks_like_a_header(first.cells):
        names = ", ".join(repr(cell.strip()) for cell in first.cells)
        raise InputError(f"{path}, line {first.line}: looks like a header ({names}); {REMEDY}")
    return found


def _without_header(path: Path, found: list[Record], table: Table) -> list[Row]:
    """label<TAB>text lines, or label<TAB>text<TAB>text where most lines are."""
    found = [_unquoted(path, record, 0) for record in found]
    if all(len(record.cells) > 2 and not record.cells[-1].strip() for record in found):  # as spreadsheets leave it
        found = [Record(record.line, record.cells[:-1]) for record in found]
        table.notes.append("an empty last column left out")
    if 2 * sum(len(record.cells) > 3 for record in found) > len(found):
        raise InputError(f"{path}, line {found[0].line}: has {len(found[0].cells)} columns; {REMEDY}")
    _require_label_first(path, found)
    pairs = 2 * sum(len(record.cells) == 3 for record in found) > len(found)
    if pairs:
        _require_pairs(path, found)
    found = _unquoted_texts(found, range(1, max(len(record.cells) for record in found)), table)
    rows = [_row(path, record, pairs) for record in found]
    tabs = [] if pairs else [record.line for record in found if len(record.cells) > 2]
    if tabs:
        table.notes.append(f"{len(tabs)} texts hold a TAB, which counts as a space (the first on line {tabs[0]})")
    _require_no_header(path, found, rows)
    return rows


def _row(path: Path, record: Record, pairs: bool) -> Row:
    label, *texts = record.cells
    if pairs and not all(text.strip() for text in texts):
        return row_of(path, record.line, label, texts)  # says which is empty
    return checked(path, record.line, label, ("\t" if pairs else " ").join(texts))


def _require_pairs(path: Path, found: list[Record]) -> None:
    for record in found:
        if len(record.cells) != 3:
            what = "one text" if len(record.cells) == 2 else f"{len(record.cells) - 1} texts"
            raise InputError(
                f"{path}, line {record.line}: has {what}, where most lines have two; make it label<TAB>text<TAB>text"
            )


def _unquoted(path: Path, record: Record, label: int) -> Record:
    """The row without its quotation marks, where its label has some: it is then quoted as CSV is."""
    if label >= len(record.cells) or not record.cells[label].lstrip().startswith('"'):
        return record
    try:
        return Record(record.line, next(csv.reader(["\t".join(record.cells)], delimiter="\t", strict=True)))
    except csv.Error:
        raise InputError(
            f"{path}, line {record.line}: a quotation mark that opens is not closed; close it, or give the data as .csv"
        ) from None


def _unquoted_texts(found: list[Record], places: range | tuple[int, ...], table: Table) -> list[Record]:
    """The rows, their texts without the quotation marks of a writer of CSV: all texts have them, or inner ones are
    doubled. Other quotation marks count as part of the text, and a note says so."""
    texts = [record.cells[place] for record in found for place in places if place < len(record.cells)]
    every = len(texts) > 1 and all(_inside(text) is not None for text in texts)
    kept = 0

    def unquoted(text: str) -> str:
        nonlocal kept
        inside = _inside(text)
        if inside is None:
            return text
        if every or '""' in inside:
            return inside.replace('""', '"')
        kept += 1
        return text

    done = [
        Record(record.line, [unquoted(cell) if i in places else cell for i, cell in enumerate(record.cells)])
        for record in found
    ]
    if kept:
        table.notes.append(f"{kept} texts stand in quotation marks, which count as part of the text")
    return done


def _inside(cell: str) -> str | None:
    """What stands between the quotation marks of a cell that could be quoted as CSV is; else None."""
    cell = cell.strip()
    inside = cell[1:-1]
    whole = len(cell) > 2 and cell[0] == cell[-1] == '"' and '"' not in inside.replace('""', "")
    return inside if whole else None


def _require_label_first(path: Path, found: list[Record]) -> None:
    first, last = (Counter(record.cells[place].strip() for record in found) for place in (0, -1))
    longer = sum(len(record.cells[0]) > len(record.cells[-1]) for record in found)
    if len(first) >= max(6, len(found) / 10) and 2 * len(last) <= len(first) and longer > 0.8 * len(found):
        width = len(found[0].cells)
        numbers = f"--label-column {width} --text-column {' '.join(map(str, range(1, width)))}"
        raise InputError(
            f"{path}, line {found[0].line}: the text seems to stand before the label (the first column has "
            f"{len(first)} values, the last one {len(last)}); make it label<TAB>text, or give {numbers}"
        )


def _require_no_header(path: Path, found: list[Record], rows: list[Row]) -> None:
    """A first line whose label no other has, and which is a word that names columns, is a header that is not known."""
    label = rows[0].label
    if label.lower() in LABEL_WORDS and len(rows) > 2 and all(row.label != label for row in rows[1:]):
        raise InputError(
            f"{path}, line {found[0].line}: looks like a header (no other line has the label {label!r}); {REMEDY}, or "
            "take the line away"
        )
