"""Text by text: how the energy is spread, and how it grows with the length."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from simulate.energy.bert import BertShape, macs
from simulate.energy.costs import costs
from simulate.report import forms
from simulate.report.content import Content
from simulate.report.panel import Column, Panel, Plot, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def energies(content: Content) -> list[float]:
    """µJ of each text under `events`; each text takes the cheaper order of its attentions."""
    each = content.run.per_sample
    attention = map(min, each.attention_pairs_first, each.attention_memory_first)
    price = costs()["E_AC"].picojoules / 1e6
    return [price * (a + b) for a, b in zip(each.synaptic_operations, attention, strict=True)]


def reference(content: Content) -> list[float]:
    """µJ of each text in the same-shape BERT, float32."""
    shape, price = BertShape.of(content.run), costs()["E_MAC"].picojoules / 1e6
    by_length = {length: price * macs(shape, [length]) for length in set(content.run.lengths)}
    return [by_length[length] for length in content.run.lengths]


def panel(content: Content) -> Panel:
    found, of_bert = energies(content), reference(content)
    ratios = [a / b for a, b in zip(found, of_bert, strict=True)]
    spikes = content.run.per_sample.spikes
    columns = ("tokens", content.run.lengths), ("spikes", spikes), ("µJ", found), ("E / E of BERT", ratios)
    table = Table(
        "spread",
        "Over the texts",
        (
            Column("what", "", forms.text),
            Column("low", "least", forms.precise),
            Column("median", "median", forms.precise),
            Column("high", "most", forms.precise),
        ),
        tuple((what, min(values), median(values), max(values)) for what, values in columns),
    )
    return Panel(
        "samples",
        "Text by text",
        (
            "Energy under events, whose terms are counted for each text. It grows with the tokens as BERT's does, in "
            "proportion but for attention.",
        ),
        (
            "E of a text = E_AC · (synaptic_operations + min(attention_pairs_first, attention_memory_first))",
            "BERT = E_MAC · blocks · (n · 4 D² + n² · 2 D + n · 2 D · I),  n = its tokens",
        ),
        (table,),
        Plot(
            lambda width: _draw(content.run.lengths, found, of_bert, width),
            "Energy of each text: how often, and against its length beside the same-shape BERT.",
        ),
    )


def _draw(lengths: list[int], found: list[float], of_bert: list[float], width: float) -> Figure:
    from simulate.report.plotting import BLUE, FAINT, new_figure

    figure = new_figure(width, 2.6)
    spread, growth = figure.subplots(1, 2)
    spread.hist(found, bins=min(24, max(4, len(found) // 4)), color=BLUE)
    spread.set_xlabel("µJ a text, events")
    spread.set_ylabel("texts")
    line = sorted(zip(lengths, of_bert, strict=True))
    growth.plot(*zip(*line, strict=True), color=FAINT, linewidth=1.2, label="BERT")
    growth.plot(lengths, found, ".", color=BLUE, markersize=3.5, alpha=0.6, label="events")
    growth.set_xlabel("tokens")
    growth.set_ylabel("µJ")
    growth.set_xlim(left=0)
    growth.set_ylim(bottom=0)
    growth.legend()
    return figure
