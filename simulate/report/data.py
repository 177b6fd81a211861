"""The report as JSON: the numbers of the page before they are written as text."""

from __future__ import annotations

import json
from typing import Any

from simulate.energy.span import Span
from simulate.report.panel import Panel, Table
from simulate.report.report import Report
from spikebert.data.metrics import Score

FORMAT = "spikebert-report"
VERSION = 2


def render(report: Report) -> str:
    run = report.content.run
    document = {
        "format": FORMAT,
        "version": VERSION,
        "title": report.title,
        "command": report.command(),
        "unit_of_energy": "pJ",
        "run": {"command": run.origin.command, "model": run.model.file, "sha256": run.model.sha256},
        "headline": {card.key: {key: _plain(value) for key, value in card.numbers.items()} for card in report.cards},
        "panels": {panel.key: _panel(panel) for panel in report.panels},
    }
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _panel(panel: Panel) -> dict[str, Any]:
    return {
        "title": panel.title,
        "paragraphs": list(panel.paragraphs),
        "formulas": list(panel.formulas),
        "tables": {table.key: rows(table) for table in panel.tables},
    }


def rows(table: Table) -> list[dict[str, Any]]:
    """The raw values of a table, a dictionary a row.

    A range is [low, high], also where both are the same; a score is its metric, its value and its interval.
    """
    keys = [column.key for column in table.columns]
    return [dict(zip(keys, map(_plain, row), strict=True)) for row in table.rows]


def _plain(value: Any) -> Any:
    if isinstance(value, Score):
        return value.record
    return [value.low, value.high] if isinstance(value, Span) else value
