"""A labelled row, and what every reader of rows refuses.

No row is dropped or cut and no class is invented without a word: what cannot be read for sure is refused.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from spikebert.core.errors import InputError
from spikebert.data.columns import Columns, Layout, layout, looks_like_a_header

JOINERS = "\u200c\u200d"  # invisible letters that some scripts spell with
BREAKS = re.compile(r"[\r\n\t]+")


@dataclass(frozen=True)
class Row:
    """One labelled text; a TAB parts the two of a pair."""

    label: str
    text: str


@dataclass
class Table:
    """A file's rows, and what the user is to know of the reading."""

    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def leave_out_blank(self, lines: int) -> None:
        """The user is told of blank lines that are no rows."""
        if lines:
            self.notes.append(f"{lines} blank lines left out")


@dataclass(frozen=True)
class Record:
    """A row as it stands in the file: the line that it begins on, from 1, and its cells."""

    line: int
    cells: list[str]


def locate(path: Path, first: Record, names: Sequence[str], columns: Columns) -> Layout | None:
    """Where the columns stand: by the names in the first line, or by the numbers that are given; None for neither.

    Raises:
        InputError: a name stands there twice, or no column has the number.
    """
    try:
        found = layout(names, columns)
    except InputError as error:
        raise InputError(f"{path}, line {first.line}: {error}") from None
    if found is not None or not columns.counted:
        return found
    label, *texts = (int(name) - 1 for name in (columns.label or "", *columns.text))
    if max(label, *texts) >= len(names):
        raise InputError(f"{path}, line {first.line}: has {len(names)} columns, no column {max(label, *texts) + 1}")
    header = tuple(names) if looks_like_a_header(names) or layout(names) else ()
    return Layout(label, tuple(texts), header)


def rows_of(path: Path, records: Iterable[Record], found: Layout, first: Record, hint: str) -> list[Row]:
    """The rows of a file with columns: as many cells in each as in the first record, which may be a header.

    hint: what to do about a row that has more.
    """
    rows = []
    for record in whole(path, records, first, bool(found.header), hint):
        label, *texts = (record.cells[place] for place in (found.label, *found.texts))
        rows.append(row_of(path, record.line, label, texts))
    return rows


def whole(path: Path, records: Iterable[Record], first: Record, headed: bool, hint: str) -> Iterator[Record]:
    """The records, each with as many cells as the first; where that is a header, none may be it once more."""
    header = [cell.strip() for cell in first.cells]
    for record in records:
        if len(record.cells) != len(header):
            raise InputError(
                f"{path}, line {record.line}: has {len(record.cells)} columns, where line {first.line} has "
                f"{len(header)}; {hint}"
            )
        if headed and [cell.strip() for cell in record.cells] == header:
            raise InputError(f"{path}, line {record.line}: is the header once more; take the line away")
        yield record


def row_of(path: Path, line: int, label: str, texts: Sequence[str]) -> Row:
    """The row with one text or with the two of a pair, as `text_of` makes them one."""
    return checked(path, line, label, text_of(path, line, texts))


def text_of(path: Path, line: int, texts: Sequence[str]) -> str:
    """The text of a row, or the two of a pair with a TAB between; line breaks and TABs in them count as spaces."""
    if len(texts) == 1:
        return BREAKS.sub(" ", texts[0])
    for which, text in zip(("first", "second"), texts, strict=True):
        if not text.strip():
            raise InputError(f"{path}, line {line}: the {which} text is empty; fill it, or take the line away")
    return joined(texts)


def joined(texts: Sequence[str]) -> str:
    """One text, or the two of a pair with a TAB between them."""
    return texts[0] if len(texts) == 1 else "\t".join(" ".join(text.split()) for text in texts)


def checked(path: Path, line: int, label: str, text: str) -> Row:
    """The row, if it has a text, and a label that can be seen and stands on one line."""
    label, text = label.strip(), text.strip()
    if not label:
        raise InputError(f"{path}, line {line}: the label is empty")
    if not text:
        raise InputError(f"{path}, line {line}: the text is empty")
    strange = next((c for c in label if unicodedata.category(c) in STRANGE and c not in JOINERS), None)
    if strange:
        raise InputError(
            f"{path}, line {line}: the label {label[:40]!r} holds {_name(strange)}; a label is one line of visible "
            "letters"
        )
    return Row(label, text)


STRANGE = {"Cc", "Cf", "Cs", "Zl", "Zp"}  # controls, invisible marks, halves of letters, and breaks of lines


def _name(character: str) -> str:
    names = {"\n": "a line break", "\r": "a line break", "\t": "a TAB"}
    return names.get(character, f"the invisible U+{ord(character):04X}")
