"""The residual streams: how much of them is graded. And what attention costs in either order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulate.energy.paper import attention_sops
from simulate.report import forms
from simulate.report.content import Content
from simulate.report.panel import Column, Panel, Plot, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def panel(content: Content) -> Panel:
    run = content.run
    streams = _currents(content) if run.currents() else _spikes(content)
    orders = Table(
        "orders",
        "Accumulations of attention per text, in either order",
        (
            Column("node", "node", forms.text),
            Column("pairs_first", "(Q Kᵀ) V", forms.count),
            Column("memory_first", "Q (Kᵀ V)", forms.count),
            Column("estimate", "T · γ · FLOPs", forms.count),
        ),
        tuple(
            (
                node.name,
                content.per_text(node.pairs_first),
                content.per_text(node.memory_first),
                content.per_text(attention_sops(node, run.mean_steps(2))),
            )
            for node in run.attentions()
        ),
    )
    about = (
        "A stream adds up currents, and every product behind it reads binary spikes. On a chip with graded payloads "
        "each element travels as one message a step; a chip without cannot hold it."
        if run.currents()
        else "A stream adds up the spikes of the layers before it: values above 1 are graded events, which need a chip "
        "that has them, or k binary ones."
    )
    return Panel(
        "streams",
        "Residual streams and coincidences",
        (about, "Both orders of attention give the same integers. What the paper estimates happens in neither."),
        (
            *(() if run.currents() else ("graded share = graded / events,  mean = magnitude / events",)),
            "(Q Kᵀ) V = qk + qk_v,  Q (Kᵀ V) = kv + q_kv",
        ),
        (streams, orders),
        Plot(lambda width: _draw(content, width), "Of each stream's elements: silent, one spike, graded.")
        if run.streams()
        else None,
    )


def _currents(content: Content) -> Table:
    return Table(
        "streams",
        "Residual streams of currents",
        (
            Column("stream", "stream", forms.text),
            Column("additions", "additions per text", forms.count),
            Column("messages", "graded messages per text", forms.count),
        ),
        tuple(
            (s.name, content.per_text(s.additions), content.per_text(sum(s.messages_per_step)))
            for s in content.run.currents()
        ),
    )


def _spikes(content: Content) -> Table:
    return Table(
        "streams",
        "Residual streams",
        (
            Column("stream", "stream", forms.text),
            Column("events", "events per text", forms.count),
            Column("graded", "graded share", forms.percent),
            Column("mean", "mean of an event", forms.ratio),
        ),
        tuple(
            (
                stream.name,
                content.per_text(sum(stream.events_per_step)),
                stream.graded_share,
                sum(stream.magnitude_per_step) / max(1, sum(stream.events_per_step)),
            )
            for stream in content.run.streams()
        ),
    )


def _draw(content: Content, width: float) -> Figure:
    from simulate.report.plotting import BLUE, VERMILLION, new_figure, row_height, short_name

    streams = content.run.streams()
    figure = new_figure(width, row_height(len(streams)) + 0.2)
    axes = figure.subplots()
    rows = range(len(streams))
    graded = [100 * sum(s.graded_per_step) / s.elements for s in streams]
    single = [100 * sum(s.events_per_step) / s.elements - g for s, g in zip(streams, graded, strict=True)]
    axes.barh(rows, single, 0.7, color=BLUE, label="1")
    axes.barh(rows, graded, 0.7, single, color=VERMILLION, hatch="//", edgecolor="white", label="graded, above 1")
    axes.set_yticks(rows, [short_name(s.name).removesuffix(".add") for s in streams])
    axes.set_ylim(len(streams) - 0.4, -0.6)
    axes.set_xlim(0, 100)
    axes.set_xlabel("% of the stream's elements")
    figure.legend(loc="outside upper center", ncols=2)
    return figure
