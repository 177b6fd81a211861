"""docs/api.md: the Python API by its docstrings: a part for each public name of `spikebert`, and what its calls give.

python benchmarks/api.py > docs/api.md
"""

from __future__ import annotations

import inspect
import re
from types import FunctionType
from typing import Any

import spikebert
from deploy.chips.mapping import Mapping
from deploy.workbench.inspection.description import Description
from simulate.ablate import Ablation, Worth
from simulate.energy.account import Account, Comparison
from simulate.energy.span import Span
from simulate.report.panel import Panel
from simulate.report.report import Report
from simulate.sweep import Point
from simulate.verification import Outcome, Verification
from spikebert.data.metrics import Metric, Score

HEAD = """\
# The Python API

Made from the docstrings by `python benchmarks/api.py > docs/api.md`; a test holds the page to the code.
[python.md](python.md) is the tutorial. `import spikebert` loads nothing; what a name needs is loaded when the name is
used.
"""
GIVEN = """\
## What the calls give

Nobody makes these; the calls above give them.
"""
RESULTS = (
    Description,
    Verification,
    Outcome,
    Score,
    Metric,
    Point,
    Ablation,
    Worth,
    Comparison,
    Account,
    Span,
    Report,
    Panel,
    Mapping,
)
ORDER = ("Args:", "Raises:", "Attributes:", "Returns:")


def page() -> str:
    """The whole page as Markdown."""
    parts = [HEAD]
    for name in spikebert.PUBLIC:
        thing = getattr(spikebert, name)
        parts.append(f"## `spikebert.{name}`\n\n" + (_class(thing) if isinstance(thing, type) else _callable(thing)))
    parts.append(GIVEN)
    parts += [f"## `{thing.__name__}`\n\n{_class(thing)}" for thing in RESULTS]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(parts))


def _class(thing: type) -> str:
    parts = [_text(thing.__doc__)]
    for name, member in vars(thing).items():
        if name.startswith("_") and name != "__call__":
            continue
        kind = "".join(type(member).__name__)
        inner: Any = getattr(member, "func", getattr(member, "fget", getattr(member, "__func__", member)))
        if isinstance(inner, FunctionType):
            shown = f"`{name}`" if kind in ("property", "cached_property") else f"`{name}{_signature(inner)}`"
            parts.append(f"### {shown}\n\n{_text(inner.__doc__)}")
    return "\n".join(parts)


def _callable(thing: Any) -> str:
    return f"`{thing.__name__}{_signature(thing)}`\n\n{_text(thing.__doc__)}"


def _signature(thing: Any) -> str:
    signature = inspect.signature(thing)
    kept = [p for name, p in signature.parameters.items() if name not in ("self", "cls")]
    return str(signature.replace(parameters=kept)).replace("'", "")


def _text(docstring: str | None) -> str:
    """A docstring as Markdown: its sections in bold, an entry of a section a point of a list."""
    lines, listing = [], False
    for line in inspect.cleandoc(docstring or "").splitlines():
        if line in ORDER:
            lines += ["", f"**{line.rstrip(':')}**", ""]
            listing = True
        elif listing and re.match(r" {4}\S", line):
            name, colon, rest = line.strip().partition(":")
            lines.append(f"- `{name}`:{rest}" if colon else f"- {line.strip()}")
        elif listing and line.startswith(" "):
            lines.append("  " + line.strip())
        else:
            listing = listing and not line
            lines.append(line)
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(page(), end="")
