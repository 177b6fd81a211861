"""The report as one HTML page that needs nothing else, and no network: style, figures and the sorting are inside."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from simulate.report import forms
from simulate.report.panel import Plot, Table
from simulate.report.report import Report

HERE = Path(__file__).parent
LONG = 30  # rows beyond which a table scrolls within the page, letters beyond which a word of a command may break


def render(report: Report) -> str:
    """The page. Whatever comes from a file is escaped by the template: it is never markup."""
    script = (HERE / "sort.js").read_text("utf-8")
    return (
        _environment()
        .get_template("page.html")
        .render(
            report=report,
            style=Markup((HERE / "style.css").read_text("utf-8")),
            script=Markup(script),
            script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        )
    )


@cache
def _environment() -> Environment:
    from simulate.report.plotting import NARROW, WIDE

    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    for made in (breaking, prose, kinds, drawn, svg_data):
        environment.filters[made.__name__] = made
    environment.globals |= {"zip": zip, "long": LONG, "narrow": NARROW, "wide": WIDE}
    return environment


def breaking(text: str) -> Markup:
    """Text whose long words may break: node names and paths after a dot or slash, others anywhere."""
    words = (re.findall(r"[^./]{0,20}[./]|[^./]{1,20}", word) if len(word) > 12 else [word] for word in text.split(" "))
    return Markup(" ").join(Markup("<wbr>").join(parts) for parts in words)


def prose(text: str) -> Markup:
    """Text in which no number is parted from its %."""
    return escape(text).replace(" %", Markup("&nbsp;%"))


def kinds(table: Table) -> list[str]:
    """How each column stands: "text" or "number"."""
    return ["text" if column.form is forms.text else "number" for column in table.columns]


def drawn(plot: Plot, width: float) -> str:
    """A figure of so many inches as the address of an image."""
    from simulate.report.plotting import svg

    return svg_data(svg(plot, width).encode())


def svg_data(svg: bytes) -> str:
    """An SVG picture as the address of an image, within which no script runs."""
    return f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}"
