"""What a report is made of: cards on the first screen, then panels of text, formulas, tables and at most one figure.

A panel is data. `page`, `markdown` and `data` write it down; only drawing its figure imports matplotlib.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simulate.report import forms

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Form = Callable[[Sequence[Any]], list[str]]  # see `forms`


@dataclass(frozen=True)
class Column:
    """key: the field in the .json; title: the heading; form: how the values are written."""

    key: str
    title: str
    form: Form


@dataclass(frozen=True)
class Table:
    """Rows of raw values, one value a column. `total` marks the last row as the sum of the others."""

    key: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]
    total: bool = False

    def texts(self) -> list[list[str]]:
        """The cells as they are shown, row by row."""
        columns = [column.form([row[i] for row in self.rows]) for i, column in enumerate(self.columns)]
        return [list(cells) for cells in zip(*columns, strict=True)]


def facts(key: str, title: str, rows: Sequence[tuple[str, str]]) -> Table:
    """A table of two columns without headings: what, and its value."""
    return Table(key, title, (Column("what", "", forms.text), Column("value", "", forms.text)), tuple(rows))


@dataclass(frozen=True)
class Plot:
    """A figure as a function of its width in inches, and what it shows in a sentence."""

    draw: Callable[[float], Figure]
    caption: str


@dataclass(frozen=True)
class Picture:
    """An SVG picture that was drawn elsewhere, and what it shows in a sentence."""

    svg: bytes
    caption: str


@dataclass(frozen=True)
class Panel:
    """A part of a report.

    Attributes:
        key: names it in the .json, in links and in `--figure`.
        title: its heading.
        paragraphs, formulas, tables: what stands in it, in this order.
        plot, picture: at most one figure, drawn when it is shown, or elsewhere before.
    """

    key: str
    title: str
    paragraphs: tuple[str, ...] = ()
    formulas: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    plot: Plot | None = None
    picture: Picture | None = None


@dataclass(frozen=True)
class Card:
    """A number of the first screen: the value, lines under it, what to beware of, and the raw numbers for the .json."""

    key: str
    title: str
    value: str
    lines: tuple[str, ...]
    numbers: dict[str, Any]
    warnings: tuple[str, ...] = ()
