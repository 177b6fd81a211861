"""What is told of a file or a folder: facts and tables, as text for people and as JSON for programs."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from spikebert.core.errors import printable

FORMAT, VERSION = "spikebert-inspection", 1
NAME_WIDTH = 20
Rows = list[dict[str, Any]]


@dataclass(frozen=True, repr=False)
class Description:
    """What a path holds; `print` it for people.

    Attributes:
        path: the file or folder.
        kind: of file or folder, in words: "integer graph", "bundle", ...
        facts: plain JSON values by name, in the order in which they are shown. A dict in it is shown a line an entry.
        tables: rows of plain JSON values by name; all rows of a table have the same keys.
    """

    path: str
    kind: str
    facts: dict[str, Any]
    tables: dict[str, Rows] = field(default_factory=dict)

    def as_json(self) -> str:
        """As JSON: whole numbers and texts as they are; the names are those of the facts and tables."""
        content = {"format": FORMAT, "version": VERSION, "path": printable(self.path), "kind": self.kind}
        return json.dumps({**content, **self.facts, **self.tables}, indent=1, ensure_ascii=False)

    def __repr__(self) -> str:
        return f"Description({self.path}: {self.kind})"

    def __str__(self) -> str:
        lines = [f"{self.path}: {self.kind}", ""]
        for name, value in self.facts.items():
            lines += _fact(name.replace("_", " "), value)
        for name, rows in self.tables.items():
            lines += ["", f"{name.replace('_', ' ')}:", *_table(rows)]
        return "\n".join(lines)


def _fact(name: str, value: Any) -> list[str]:
    if not isinstance(value, dict):
        return [f"{name:<{NAME_WIDTH}} {shown(value)}"]
    lines = [f"  {key.replace('_', ' '):<{NAME_WIDTH - 2}} {shown(item)}" for key, item in value.items()]
    return [name, *lines] if lines else []


def _table(rows: Rows) -> list[str]:
    """Columns as wide as what they hold; numbers to the right."""
    if not rows:
        return ["  none"]
    columns = [key for key in rows[0] if any(row[key] is not None for row in rows)]
    cells = [[key.replace("_", " ") for key in columns], *([shown(row[key], "") for key in columns] for row in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
    texts = [all(_is_text(row[key]) for row in rows) for key in columns]

    def line(parts: list[str]) -> str:
        padded = (p.ljust(w) if text else p.rjust(w) for p, w, text in zip(parts, widths, texts, strict=True))
        return ("  " + "  ".join(padded)).rstrip()

    return [line(parts) for parts in cells]


def _is_text(value: Any) -> bool:
    items = value if isinstance(value, list) else [value]
    return all(item is None or isinstance(item, str) for item in items)


def shown(value: Any, nothing: str = "none") -> str:
    """A value as people read it: 3,539,712; -127 to 127 for a pair of numbers; a list with commas."""
    if value is None:
        return nothing
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list) and len(value) == 2 and all(type(item) in (int, float) for item in value):
        low, high = (shown(item) for item in value)
        return low if low == high else f"{low} to {high}"
    if isinstance(value, list):
        return ", ".join(shown(item) for item in value) or nothing
    return " ".join(str(value).split())
