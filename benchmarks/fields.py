"""The table of the fields of a record, by its declaration and its docstring.

    python benchmarks/fields.py simulate.mapping_schema Estimate Pass
    python benchmarks/fields.py simulate.counts_schema LayerCount

Several records are one table, each under its own line. `benchmarks/fill.py` puts the tables into pages of docs/.
"""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import re
import sys
from importlib import import_module
from typing import get_type_hints

from spikebert.core.records import kind_of


def table(record: type) -> str:
    """The fields of a record as Markdown: name, kind, what the docstring says of it."""
    hints, told = get_type_hints(record, include_extras=True), attributes(record)
    lines = ["| field | kind | |", "|---|---|---|"]
    for field in dataclasses.fields(record):
        kind = kind_of(hints[field.name]).one
        if field.default is not dataclasses.MISSING:
            kind += ", or missing"
        lines.append(f"| `{field.name}` | {kind} | {told[field.name]} |")
    return "\n".join(lines)


def attributes(record: type) -> dict[str, str]:
    """{field: what the section "Attributes:" of the docstring says of it}, those of what it inherits from, too."""
    found: dict[str, str] = {}
    for cls in reversed(record.__mro__):
        section = inspect.cleandoc(cls.__doc__ or "").partition("Attributes:\n")[2]
        entries = re.findall(r"^ {4}(\w+): (.*(?:\n {5,}.*)*)", section, re.MULTILINE)
        found |= {name: re.sub(r"\s*\n\s*", " ", text) for name, text in entries}
    return found


def main() -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("module")
    p.add_argument("record", nargs="+")
    options = p.parse_args()
    module = import_module(options.module)
    print("\n\n".join(table(getattr(module, name)) for name in options.record))
    return 0


if __name__ == "__main__":
    sys.exit(main())
