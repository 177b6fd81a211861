"""The report as Markdown: the same cards, paragraphs, formulas and tables, without the figures."""

from __future__ import annotations

from simulate.report import forms
from simulate.report.panel import Panel, Table
from simulate.report.report import Report


def render(report: Report) -> str:
    parts = [f"# {_escape(report.title)}", _escape(report.subtitle)]
    for card in report.cards:
        lines = "".join(f"\n  - {_escape(line)}" for line in (*card.lines, *card.warnings))
        parts.append(f"- **{card.title}: {_escape(card.value)}**{lines}")
    for panel in report.panels:
        parts += _panel(panel, report)
    parts.append(f"Made by `{report.command()}`.")
    return "\n\n".join(parts) + "\n"


def _panel(panel: Panel, report: Report) -> list[str]:
    parts = [f"## {panel.title}", *map(_escape, panel.paragraphs)]
    if panel.formulas:
        parts.append("```\n" + "\n".join(panel.formulas) + "\n```")
    parts += map(table_lines, panel.tables)
    if panel.plot:
        parts.append(f"Figure: `{report.command(panel)}`")
    return parts


def table_lines(table: Table) -> str:
    """A table under its title."""
    heads = [_escape(column.title) for column in table.columns]
    rules = ["---" if column.form is forms.text else "---:" for column in table.columns]
    rows = [[_escape(cell) for cell in row] for row in table.texts()]
    if table.total:
        rows[-1] = [f"**{cell}**" for cell in rows[-1]]
    lines = ["| " + " | ".join(row) + " |" for row in (heads, rules, *rows)]
    return f"**{_escape(table.title)}**\n\n" + "\n".join(lines)


def _escape(text: str) -> str:
    """Text as it is, on one line: nothing in it is markup or ends a table cell."""
    for sign in "\\`*_|<>[]#":
        text = text.replace(sign, "\\" + sign)
    return " ".join(text.split())
