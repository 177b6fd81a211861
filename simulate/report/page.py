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
from simulate.report.panel import Card, Panel, Picture, Plot, Table
from simulate.report.report import Report

HERE = Path(__file__).parent
LONG = 30  # rows beyond which a table scrolls within the page, letters beyond which a word may break


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
    lines += "".join(f'<li class="warning">{_wrap(line)}</li>' for line in card.warnings)
    head = f"<h2>{escape(card.title)}</h2><p>{escape(card.value)}</p>"
    return f'<div class="card" id="card-{card.key}">{head}<ul>{lines}</ul></div>'


def _panel(panel: Panel, report: Report) -> str:
    """Text, then the figure beside the first table, then the formulas, then the other tables over the whole width."""
    paragraphs = "\n".join(f"<p>{_prose(text)}</p>" for text in panel.paragraphs)
    how, tables = _formulas(panel) if panel.formulas else "", list(map(_table, panel.tables))
    if panel.plot:
        beside = tables.pop(0) if tables else how
        figure = f"<div>{_figure(panel.plot, report.command(panel))}</div>"
        how = f'<div class="split">{figure}<div>{beside}</div></div>{how if panel.tables else ""}'
    if panel.picture:
        how += _picture(panel.picture)
    body = how + (f'<div class="tables">{"".join(tables)}</div>' if tables else "")
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
        f"<figcaption>{escape(plot.caption)} <code>{_command(command)}</code></figcaption></figure>"
    )


def _picture(picture: Picture) -> str:
    """As an image, within which no script runs."""
    content, caption = base64.b64encode(picture.svg).decode(), escape(picture.caption)
    source = f"data:image/svg+xml;base64,{content}"
    return f'<figure class="picture"><img src="{source}" alt="{caption}"><figcaption>{caption}</figcaption></figure>'


def _command(text: str) -> str:
    """A command line that breaks between its words alone, unless one is long."""
    return " ".join(f"<span>{escape(word)}</span>" if len(word) < LONG else escape(word) for word in text.split(" "))


def _table(table: Table) -> str:
    kinds = ["text" if column.form is forms.text else "number" for column in table.columns]

    def cell(kind: str, tag: str, text: str) -> str:
        shown = escape(text) if (kind, tag) == ("number", "td") else _wrap(text)
        return f'<{tag} class="{kind}">{shown}</{tag}>'

    def row(cells: list[str], tag: str) -> str:
        return "<tr>" + "".join(cell(kind, tag, text) for kind, text in zip(kinds, cells, strict=True))

    titles = [column.title for column in table.columns]
    head = f"<thead>{row(titles, 'th')}</thead>" if any(titles) else ""
    body = [row(cells, "td") for cells in table.texts()]
    foot = f"<tfoot>{body.pop()}</tfoot>" if table.total else ""
    size = "long table" if len(table.rows) > LONG else "table"
    size += " scrolls" if len(table.columns) > 4 else ""
    title = escape(table.title)
    return (
        f'<div class="{size}"><h3>{title}</h3><div class="frame"><table aria-label="{title}">{head}'
        f"<tbody>{''.join(body)}</tbody>{foot}</table></div></div>"
    )


def _wrap(text: str) -> str:
    """Escaped text whose long words may break: node names and paths after a dot or slash, others anywhere."""
    words = (re.findall(r"[^./]{0,20}[./]|[^./]{1,20}", word) if len(word) > 12 else [word] for word in text.split(" "))
    return " ".join("<wbr>".join(map(escape, parts)) for parts in words)
