"""Labelled text from a file of any kind that is read. No torch: the simulator reads its texts through this door too."""

from __future__ import annotations

from pathlib import Path

from spikebert.core.errors import InputError
from spikebert.core.files import require_file
from spikebert.core.log import say
from spikebert.data import csv_rows, json_rows, tab_rows
from spikebert.data.columns import USUAL, Columns
from spikebert.data.rows import Row, Table

READERS = {".csv": csv_rows.read, ".jsonl": json_rows.read, ".ndjson": json_rows.read, ".json": json_rows.read}
SUFFIXES = (".tsv", *READERS)  # and any of them with .gz


def read_labelled(path: str | Path, columns: Columns = USUAL, limit: int | None = None) -> list[Row]:
    """The rows that `read_table` reads; what it notes of them is told."""
    table = read_table(path, columns, limit)
    for note in table.notes:
        say(f"{Path(path).name}: {note}")
    return table.rows


def read_table(path: str | Path, columns: Columns = USUAL, limit: int | None = None) -> Table:
    """The rows of a file: `label<TAB>text` lines, .csv with a header, or .jsonl with an object a line; `.gz` too.

    Sentence pairs are `label<TAB>text<TAB>text`, or two columns of PAIR_COLUMNS; a TAB parts them in a Row. A file of
    TABs may have a header of the usual names. With a `limit` no more than those rows are read.

    Raises:
        InputError: naming the file, the line and the remedy, for whatever cannot be read for sure.
    """
    path = require_file(path, "data")
    suffix = Path(path.name.lower().removesuffix(".gz")).suffix
    table = READERS.get(suffix, tab_rows.read)(path, columns, limit)
    if not table.rows:
        raise InputError(f"{path}: holds no rows")
    return table
