"""The report as one HTML page that needs nothing else: style, figures and the few
lines that sort its tables are inside, no network."""

from __future__ import annotations

import base64
import hashlib
import re
from html import escape
from pathlib import Path
from string import Template

from simulate.report import forms
from simulate.report.panel import Card, Panel, Plot, Table
from simulate.report.report import Report

HERE = Path(__file__).parent
LONG = 30  # rows beyond which a table scrolls within the page


def render(report: Report) -> str:
    links = (f'<a href="#{panel.key}">{escape(panel.title)}</a>' for panel in report.panels)
    script = (HERE / "sort.js").read_text("utf-8")
    return Template((HERE / "page.html").read_text("utf-8")).substitute(
        style=(HERE / "style.css").read_text("utf-8"),
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        title=escape(report.title),
        subtitle=escape(report.subtitle),
        cards="\n".join(map(_card, report.cards)),
        links="\n".join(links),
        panels="\n".join(_panel(panel, report) for panel in report.panels),
        run_command=escape(report.content.run.origin.command),
        command=escape(report.command()),
    )


def _card(card: Card) -> str:
    lines = "".join(f"<li>{_wrap(line)}</li>" for line in card.lines)
    return f'<div class="card"><h2>{escape(card.title)}</h2><p>{escape(card.value)}</p><ul>{lines}</ul></div>'


def _panel(panel: Panel, report: Report) -> str:
    paragraphs = "\n".join(f"<p>{_prose(text)}</p>" for text in panel.paragraphs)
    tables = "\n".join(map(_table, panel.tables))
    how = _formulas(panel) if panel.formulas else ""
    body = f'<div class="tables">{tables}</div>'
    if panel.plot:
        figure = _figure(panel.plot, report.command(panel))
        beside = f"<div>{figure}{how}</div>{body}" if panel.tables else f"<div>{figure}</div>{how}"
        body = f'<div class="split">{beside}</div>'
    else:
        body = how + body
    return f'<section id="{panel.key}">\n<h2>{escape(panel.title)}</h2>\n{paragraphs}\n{body}\n</section>'


def _prose(text: str) -> str:
    """Escaped text in which no number is parted from its %."""
    return escape(text).replace(" %", "&nbsp;%")


def _formulas(panel: Panel) -> str:
    formulas = "".join(f"<li><code>{escape(formula)}</code></li>" for formula in panel.formulas)
    return f'<div class="how"><h3>How it is computed</h3><ul>{formulas}</ul></div>'


def _figure(plot: Plot, command: str) -> str:
    """The figure drawn twice: for a desk, and narrower for a phone, where shrinking would make it unreadable."""
    from simulate.report.plotting import NARROW, WIDE, svg

    wide, narrow = (base64.b64encode(svg(plot, width).encode()).decode() for width in (WIDE, NARROW))
    return (
        f'<figure><picture><source media="(max-width: 600px)" srcset="data:image/svg+xml;base64,{narrow}">'
        f'<img src="data:image/svg+xml;base64,{wide}" alt="{escape(plot.caption)}"></picture>'
        f"<figcaption>{escape(plot.caption)} <code>{escape(command)}</code></figcaption></figure>"
    )


def _table(table: Table) -> str:
    classes = ['class="text"' if column.form is forms.text else 'class="number"' for column in table.columns]

    def row(cells: list[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag} {c}>{_wrap(cell)}</{tag}>" for c, cell in zip(classes, cells, strict=True))

    titles = [column.title for column in table.columns]
    head = f"<thead>{row(titles, 'th')}</thead>" if any(titles) else ""
    body = [row(cells, "td") for cells in table.texts()]
    foot = f"<tfoot>{body.pop()}</tfoot>" if table.total else ""
    size = "long table" if len(table.rows) > LONG else "table"
    return (
        f'<div class="{size}"><table><caption>{escape(table.title)}</caption>{head}'
        f"<tbody>{''.join(body)}</tbody>{foot}</table></div>"
    )


def _wrap(text: str) -> str:
    """Escaped text whose long words may break: node names and paths after a dot or slash, others anywhere."""
    words = (re.findall(r"[^./]{0,20}[./]|[^./]{1,20}", word) if len(word) > 12 else [word] for word in text.split(" "))
    return " ".join("<wbr>".join(map(escape, parts)) for parts in words)
