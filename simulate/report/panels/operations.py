"""Synaptic operations, node by node, beside the multiply-accumulates of the same node in BERT."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulate.counts_schema import AttentionCount, LinearCount
from simulate.energy import bert
from simulate.energy.paper import attention_sops, linear_sops
from simulate.report import forms
from simulate.report.content import Content
from simulate.report.panel import Column, Panel, Plot, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MISSING = "MLP, in BERT alone"  # of blocks that are attention alone
Row = tuple[str, str, float, float, float]  # node, kind, γ, SOPs per text, MACs per text


def _rows(content: Content) -> list[Row]:
    steps, squared, rows = content.run.mean_steps(), content.run.mean_steps(2), []
    for operation in content.run.operations:
        match operation:
            case LinearCount(name=name):
                kind, sops = content.run.kinds_of_linears[name], linear_sops(operation, steps)
                rate = operation.input_magnitude / operation.input_elements
            case AttentionCount(name=name):
                kind, sops = "attention", attention_sops(operation, squared)
                rate = operation.input_events / operation.input_elements
            case _:
                continue
        rows.append((name, kind, rate, content.per_text(sops), content.per_text(operation.dense_macs)))
    run = content.run
    there = sum(operation.dense_macs for operation in [*run.linears(), *run.attentions()])
    missing = bert.macs(bert.BertShape.of(run), run.lengths) - there
    if missing > 0:
        rows.append((MISSING, "MLP", 0.0, 0.0, content.per_text(missing)))
    return rows


def panel(content: Content) -> Panel:
    rows = _rows(content)
    lacking = rows[-1][0] == MISSING
    sops, macs = sum(row[3] for row in rows), sum(row[4] for row in rows)
    table = Table(
        "operations",
        "Linear and attention nodes",
        (
            Column("node", "node", forms.text),
            Column("rate", "γ", forms.rate),
            Column("sops", "SOPs per text", forms.count),
            Column("macs", "MACs of BERT", forms.count),
        ),
        (
            *((name, rate, s, m) for name, _, rate, s, m in rows),
            ("total", sops / macs / content.run.mean_steps(), sops, macs),
        ),
        total=True,
    )
    return Panel(
        "operations",
        "Synaptic operations",
        (
            f"{sops:,.0f} synaptic operations per text, {sops / macs:.2f} for each multiply-accumulate of the "
            f"same-shape BERT ({macs:,.0f}). Each is an addition, which is cheaper. There are fewer of them than "
            f"multiply-accumulates where γ is below 1 / T; T is {content.run.model.time_steps} here.",
        ),
        (
            "SOPs = T · γ · FLOPs",
            "Linear: γ = input_magnitude / input_elements,  FLOPs = tokens · inputs · outputs",
            "attention: γ = input_events / input_elements,  FLOPs = 2 · Σ length² · D",
            "MACs of BERT = FLOPs",
            *((f"{MISSING}: γ = 0, FLOPs = tokens · 2 D · I for each block without an MLP",) if lacking else ()),
        ),
        (table,),
        Plot(lambda width: _draw(rows, width), "Synaptic operations per text (bars) and the MACs of BERT (ticks)."),
    )


def _draw(rows: list[Row], width: float) -> Figure:
    from matplotlib.ticker import EngFormatter

    from simulate.report.plotting import INK, KIND_COLOURS, kind_legend, new_figure, row_height, short_name

    figure = new_figure(width, row_height(len(rows)) + 0.2)
    axes = figure.subplots()
    colours = [KIND_COLOURS[kind] for _, kind, *_ in rows]
    axes.barh(range(len(rows)), [sops for _, _, _, sops, _ in rows], 0.7, color=colours)
    tick = dict(linestyle="", marker="|", color=INK, markersize=9, markeredgewidth=1.6, label="MACs of BERT")
    (ticks,) = axes.plot([macs for *_, macs in rows], range(len(rows)), **tick)  # type: ignore[arg-type]
    axes.set_yticks(range(len(rows)), [short_name(name) for name, *_ in rows], fontsize=7.5 if len(rows) <= 24 else 6)
    axes.set_ylim(len(rows) - 0.4, -0.6)  # the first node on top
    axes.set_xlim(left=0)
    axes.xaxis.set_major_formatter(EngFormatter(sep=" "))
    axes.set_xlabel("operations per text")
    kind_legend(figure, {kind for _, kind, *_ in rows}, 4 if width > 5 else 2, ticks)
    return figure
