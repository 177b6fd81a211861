"""Which columns of a file hold the label and the text: by the names that are usual, or by those that a user gives."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from spikebert.core.errors import InputError

LABEL_COLUMNS = ("label", "sentiment")
TEXT_COLUMNS = ("text", "sentence", "review")
PAIR_COLUMNS = (
    ("sentence1", "sentence2"),
    ("text_a", "text_b"),
    ("premise", "hypothesis"),
    ("question1", "question2"),
    ("question", "sentence"),
)
# Words that name columns elsewhere. A first line of these alone is a header, and no row.
LABEL_WORDS = {
    *(*LABEL_COLUMNS, "labels", "class", "classes", "category", "target", "polarity", "emotion", "intent", "topic"),
    *("tag", "y", "score", "rating", "stars", "gold_label", "id", "idx", "index", "#"),
}
TEXT_WORDS = {
    *(*TEXT_COLUMNS, *(name for pair in PAIR_COLUMNS for name in pair)),
    *("texts", "sentences", "reviews", "comment", "tweet", "message", "content", "body", "title", "document"),
    *("utterance", "query", "description", "phrase", "x", "input"),
}
REMEDY = "say which with --label-column and --text-column"


@dataclass(frozen=True)
class Columns:
    """The columns that a user names, or counts from 1 in a file without a header; empty where the usual ones serve.

    text: one, or the two of a pair.
    """

    label: str | None = None
    text: tuple[str, ...] = ()

    def __post_init__(self):
        if len(self.text) > 2:
            raise InputError(f"{' '.join(self.text)}: name one column, or the two of a pair", field="text_column")
        named = [name for name in (self.label, *self.text) if name is not None]
        twice = next((name for name, count in Counter(named).items() if count > 1), None)
        if twice is not None:
            raise InputError(f"{twice!r} is named twice; each column is a label or a text", field="text_column")

    @property
    def given(self) -> bool:
        return self.label is not None or bool(self.text)

    @property
    def counted(self) -> bool:
        """Whether both are numbers of columns."""
        names = (self.label or "", *self.text)
        return len(names) > 1 and all(name.isdecimal() and int(name) for name in names)


USUAL = Columns()


@dataclass(frozen=True)
class Layout:
    """Where the label and the texts of a row stand, from 0."""

    label: int
    texts: tuple[int, ...]
    header: tuple[str, ...] = ()  # empty where the first line is a row

    @property
    def notes(self) -> list[str]:
        """What a person is told of a header that was read, where it names more than is taken."""
        if len(self.header) <= 1 + len(self.texts):
            return []
        texts = " and ".join(repr(self.header[i]) for i in self.texts)
        return [f"the label is the column {self.header[self.label]!r}, the text {texts}"]


def add_columns(p: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """The options that name columns."""
    p.add_argument(
        "--label-column",
        metavar="NAME",
        help="the column of the labels, by its name in the header or, where there is no header, by its number from 1 "
        f"(default: {' or '.join(LABEL_COLUMNS)}; the first)",
    )
    p.add_argument(
        "--text-column",
        nargs="+",
        metavar="NAME",
        help=f"the column of the texts by name or number, or the two of a pair (default: {' or '.join(TEXT_COLUMNS)}; "
        "the second)",
    )


def columns_of(options: argparse.Namespace) -> Columns:
    """What `add_columns` has parsed."""
    return Columns(options.label_column, tuple(options.text_column or ()))


def add_labels(p: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """The option that says what a model calls the labels of some data."""
    p.add_argument(
        "--labels",
        metavar="THEIRS=OURS",
        help="what the model calls the labels of the data, with commas between them: 0=negative,1=positive",
    )


def labels_of(options: argparse.Namespace) -> dict[str, str]:
    """What `add_labels` has parsed; raises as `renamed` does."""
    return renamed(options.labels)


def renamed(pairs: str | None) -> dict[str, str]:
    """{label of the data: label of the model} of "0=negative,1=positive"; empty of None.

    Raises:
        InputError: a part without =, or a label that is there twice.
    """
    found: dict[str, str] = {}
    for part in pairs.split(",") if pairs is not None else ():
        theirs, equals, ours = (piece.strip() for piece in part.partition("="))
        if not (theirs and equals and ours):
            raise InputError(f"{pairs}: give label=label pairs, such as 0=negative,1=positive", field="labels")
        if theirs in found:
            raise InputError(f"{pairs}: the label {theirs!r} is there twice", field="labels")
        found[theirs] = ours
    return found


def text_columns(columns: Iterable[str]) -> tuple[str, ...]:
    """The columns that hold a row's text, one or the two of a pair; none where there are none."""
    columns = set(columns)
    pair = next((names for names in PAIR_COLUMNS if columns >= set(names)), ())
    return pair or next(((name,) for name in TEXT_COLUMNS if name in columns), ())


def layout(names: Sequence[str], wanted: Columns = USUAL) -> Layout | None:
    """Where the columns stand in a header; None where it lacks one of them.

    Raises:
        InputError: a column that is wanted stands there twice.
    """
    names = [name.strip() for name in names]
    lower = [name.lower() for name in names]
    label = wanted.label or next((name for name in LABEL_COLUMNS if name in lower), None)
    texts = wanted.text or text_columns(set(lower) - {label})
    places = [_place(names, lower, name) for name in (label, *texts) if name is not None]
    if label is None or not texts or None in places:
        return None
    return Layout(places[0], tuple(places[1:]), tuple(names))  # type: ignore[arg-type]


def texts_alone(names: Sequence[str], wanted: Sequence[str] = ()) -> tuple[int, ...] | None:
    """Where the texts stand in a header without labels, whatever the case; None where it lacks them, or names labels.

    Raises:
        InputError: a column that is wanted stands there twice.
    """
    lower = [name.strip().lower() for name in names]
    if any(name in lower for name in LABEL_COLUMNS):
        return None
    found = [_place(lower, lower, name.strip().lower()) for name in wanted or text_columns(lower)]
    places = tuple(place for place in found if place is not None)
    return places if places and len(places) == len(found) else None


def _place(names: list[str], lower: list[str], name: str) -> int | None:
    """Where a column stands: by its very name, or else whatever its case."""
    among, wanted = (names, name) if name in names else (lower, name.lower())
    if among.count(wanted) > 1:
        raise InputError(f"the header names {name!r} {among.count(wanted)} times; rename all but one")
    return among.index(wanted) if wanted in among else None


def missing(names: Sequence[str], wanted: Columns) -> str:
    """What a header lacks, and what to do."""
    found = ", ".join(repr(name.strip()) for name in names[:12])
    named = [name for name in (wanted.label, *wanted.text) if name is not None]
    lacking = [name for name in named if name.lower() not in [n.strip().lower() for n in names]]
    if lacking:
        half = lacking[0].isdecimal() and not wanted.counted
        hint = "; to count columns, give the numbers of both" if half else ""
        return f"no column {lacking[0]!r} among {found}{hint}"
    texts = wanted.text or text_columns({name.strip().lower() for name in names} - {(wanted.label or "").lower()})
    if texts:
        return (
            f"no label column ({' or '.join(LABEL_COLUMNS)}) among {found}: name it with --label-column; where there "
            "is none, give the texts alone, one a line, in a .txt file"
        )
    if wanted.label:
        return f"no text column ({' or '.join(TEXT_COLUMNS)}) among {found}: name it with --text-column"
    pairs = " or ".join(map(" and ".join, PAIR_COLUMNS))
    return (
        f"the header must name a label column ({' or '.join(LABEL_COLUMNS)}) and a text column "
        f"({' or '.join(TEXT_COLUMNS)}), or the two of a pair ({pairs}); it is {found}: {REMEDY}"
    )


def looks_like_a_header(cells: Sequence[str]) -> bool:
    """Whether every cell of a line is a word that names columns."""
    words = LABEL_WORDS | TEXT_WORDS
    return len(cells) > 1 and all(cell.strip().strip('"').lower() in words for cell in cells)
