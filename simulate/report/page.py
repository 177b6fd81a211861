"""The three forms of a report: one self-contained HTML page, Markdown, JSON."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from simulate.report.content import Report, Section
from simulate.report.plots import draw

TEMPLATE = Path(__file__).parent / "template.html"


def html(report: Report, counts: dict[str, Any], command: str) -> str:
    """The page; it loads nothing from anywhere."""
    return Template(TEMPLATE.read_text("utf-8")).substitute(
        title=escape(report.title),
        headlines="".join(
            f'<div class="card"><h2>{escape(what)}</h2><p class="figure">{escape(figure)}</p><p>{escape(remark)}</p></div>'
            for what, figure, remark in report.headlines
        ),
        sections="".join(_section(section, counts) for section in report.sections),
        command=escape(command),
    )


def _section(section: Section, counts: dict[str, Any]) -> str:
    plot = f'<div class="plot">{draw(section.plot, counts)}</div>' if section.plot else ""
    head = "".join(f"<th>{escape(c)}</th>" for c in section.columns)
    body = "".join(
        "<tr>" + "".join(f"<td{_align(v)}>{escape(_show(v))}</td>" for v in row) + "</tr>" for row in section.rows
    )
    table = f'<div class="table"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    return f"<section><h2>{escape(section.title)}</h2><p>{escape(section.text)}</p>{plot}{table}</section>"


def _align(value: Any) -> str:
    return "" if isinstance(value, str) else ' class="number"'


def _show(value: Any) -> str:
    """A table's figure: whole numbers whole, others to four significant digits."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def markdown(report: Report, command: str) -> str:
    lines = [f"# {report.title}", ""]
    lines += [f"- **{what}: {figure}** ({remark})" for what, figure, remark in report.headlines]
    for section in report.sections:
        lines += ["", f"## {section.title}", "", section.text, ""]
        lines.append("| " + " | ".join(section.columns) + " |")
        lines.append("|" + "|".join("---" for _ in section.columns) + "|")
        lines += ["| " + " | ".join(_show(v).replace("|", "\\|") for v in row) + " |" for row in section.rows]
    return "\n".join([*lines, "", f"Made by `{command}`.", ""])


def as_json(report: Report, command: str) -> str:
    return json.dumps({"title": report.title, "command": command, **report.data}, indent=1, ensure_ascii=False) + "\n"
