"""Runs side by side: what the models are, what they reach and what they spend."""

from __future__ import annotations

import json
from pathlib import Path

from export.ir.thresholds import scale_of
from simulate.energy.accountings import compare
from simulate.energy.record import RunRecord, read_run
from simulate.report import data, forms, markdown
from simulate.report.panel import Column, Table
from spikebert.core.errors import printable


def table(folders: list[Path]) -> Table:
    """A row a run, in the order of the folders."""
    runs = [read_run(folder) for folder in folders]
    accounts = [each.spiking.name for each in compare(runs[0])]
    columns = (
        Column("run", "run", forms.text),
        Column("model", "model", forms.text),
        Column("texts", "texts", forms.text),
        Column("weight_bits", "weight bits", forms.count),
        Column("time_steps", "T", forms.count),
        Column("norm", "norm", forms.text),
        Column("reset", "reset", forms.text),
        Column("thresholds", "thresholds", forms.text),
        Column("beta", "β", forms.text),
        Column("accuracy", "accuracy", forms.rate),
        Column("metric", "metric of the run", forms.measured),
        Column("rate", "firing rate", forms.rate),
        *(Column(f"{name}_uj", f"{name}, µJ a text", forms.microjoules) for name in accounts),
        *(Column(f"{name}_to_bert", f"{name}, of BERT", forms.shares) for name in accounts),
    )
    return Table("runs", "Runs side by side", columns, tuple(map(_row, runs)))


def _row(run: RunRecord) -> tuple:
    model, comparisons = run.model, compare(run)
    return (
        printable(str(run.folder)),
        f"{model.blocks} × {model.hidden_size}" + ("" if model.intermediate_size else ", no MLP"),
        f"{run.samples} of {Path(run.origin.data).name}",
        model.weight_bits,
        model.time_steps,
        model.norm,
        model.reset,
        f"× {scale_of(model.metadata):g}",
        f"{model.metadata.get('beta', '–')}",
        run.accuracy,
        run.measured,
        run.rate,
        *(run.microjoules(each.spiking.span) for each in comparisons),
        *(each.ratio_span for each in comparisons),
    )


def as_markdown(runs: Table) -> str:
    """A column a run: there are more facts than runs."""
    cells = runs.texts()
    facts = tuple((column.title, *(row[i] for row in cells)) for i, column in enumerate(runs.columns) if i)
    columns = (Column("what", "", forms.text), *(Column(row[0], row[0], forms.text) for row in cells))
    return markdown.table_lines(Table(runs.key, runs.title, columns, facts))


def as_json(runs: Table) -> str:
    document = {"format": "spikebert-comparison", "version": 2, "runs": data.rows(runs)}
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"
