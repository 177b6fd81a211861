"""Texts alone, without labels: one a line in a file or on standard input, or a CSV that has no column of labels."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from spikebert.core.errors import InputError
from spikebert.core.files import require_file
from spikebert.data.columns import LABEL_COLUMNS, text_columns
from spikebert.data.lines import GZIP, HEAD, decoded, parted, read_lines, require_text
from spikebert.data.rows import joined

STANDARD_INPUT = "-"
LABELLED = (".tsv", ".json", ".jsonl", ".ndjson")  # files whose names say that each row has more than a text


def read_texts(name: str, limit: int | None = None) -> list[str] | None:
    """The first `limit` texts of a file, `-` for standard input; None for a file with labels.

    Without labels is a .csv whose header names a column of texts (or the two of a pair) and none of labels, and a file
    of another name in which no line has a TAB.

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
        return _csv_texts(path, limit)
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


def _csv_texts(path: Path, limit: int | None) -> list[str] | None:
    reader = csv.DictReader((line + "\n" for _, line in read_lines(path)), strict=True)
    try:
        names = [name.strip().lower() for name in reader.fieldnames or []]
        columns = dict(zip(names, reader.fieldnames or [], strict=True))
        chosen = text_columns(columns)
        twice = next((name for name in chosen if names.count(name) > 1), None)
        if twice is not None:
            raise InputError(
                f"{path}, line 1: the header names {twice!r} {names.count(twice)} times; rename all but one"
            )
        if not chosen or any(name in columns for name in LABEL_COLUMNS):
            return None
        return _whole(str(path), islice(_rows(path, reader, [columns[name] for name in chosen]), limit))
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num + 1}: not CSV ({error})") from None


def _rows(path: Path, reader: csv.DictReader, texts: list[str]) -> Iterator[tuple[int, str]]:
    width = len(reader.fieldnames or [])
    for row in reader:
        if None in row or None in row.values():
            raise InputError(
                f"{path}, line {reader.line_num}: has not the {width} columns of the header; quote texts with commas"
            )
        cells = [row[name] for name in texts]
        if len(cells) > 1 and not all(cell.strip() for cell in cells):
            raise InputError(f"{path}, line {reader.line_num}: one of the two texts is empty; fill it")
        yield reader.line_num, joined(cells).strip()


def _whole(where: str, lines: Iterable[tuple[int, str]]) -> list[str]:
    texts = []
    for number, text in lines:
        if not text.strip():
            raise InputError(f"{where}, line {number}: the text is empty; take the line away")
        texts.append(text)
    if not texts:
        raise InputError(f"{where}: holds no texts")
    return texts
