"""How often the neurons fire: layer by layer, step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulate.counts_schema import LayerCount
from simulate.energy.record import RunRecord
from simulate.report import forms
from simulate.report.content import Content
from simulate.report.panel import Card, Column, Panel, Plot, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure


MOSTLY = 0.5  # rate above which a layer would send fewer messages if it sent its silent neurons
NAMED = 3  # layers that a warning names


def card(content: Content) -> Card:
    run = content.run
    low, high = _extremes(run.layers)
    return Card(
        "firing",
        "Mean firing rate",
        f"{run.rate:.4f}",
        (
            f"spikes per neuron and step, over {len(run.layers)} layers, T = {run.model.time_steps}",
            f"lowest {low.rate:.4f} ({low.name}), highest {high.rate:.4f} ({high.name})",
        ),
        {"rate": run.rate, "lowest": low.rate, "highest": high.rate, "unit": "spikes per neuron and step"},
        _dense(run.layers),
    )


def _dense(layers: list[LayerCount]) -> tuple[str, ...]:
    """A warning of layers whose neurons mostly fire: there a spike says little, and silence would be cheaper."""
    found = [layer.name for layer in layers if layer.rate > MOSTLY]
    if not found:
        return ()
    named = ", ".join(found[:NAMED]) + (f" and {len(found) - NAMED} more" if len(found) > NAMED else "")
    return (
        f"{len(found)} of {len(layers)} layers fire in more than half of all steps ({named}): train with "
        "--spikes-weight or --operations-target, or export with --threshold-scale",
    )


def _extreme_neurons(run: RunRecord) -> str:
    """Dead and saturated neurons of all layers, or how to count them."""
    if any(layer.dead is None for layer in run.layers):
        return "Dead and saturated neurons were not counted: simulate on the fast backend, or on Lava with --spikes."
    dead, saturated = (sum(n or 0 for n in (getattr(x, what) for x in run.layers)) for what in ("dead", "saturated"))
    total = sum(layer.width for layer in run.layers)
    return f"Of {total:,} neurons a token {dead:,} never fire on these texts (dead) and {saturated:,} nearly always."


def _extremes(layers: list[LayerCount]) -> tuple[LayerCount, LayerCount]:
    ordered = sorted(layers, key=lambda layer: layer.rate)
    return ordered[0], ordered[-1]


def panel(content: Content) -> Panel:
    run = content.run
    low, high = _extremes(run.layers)
    steps = range(1, run.model.time_steps + 1)
    table = Table(
        "layers",
        "Neuron layers",
        (
            Column("layer", "layer", forms.text),
            Column("neurons", "neurons a token", forms.count),
            Column("spikes_per_text", "spikes per text", forms.count),
            Column("rate", "rate", forms.rate),
            Column("dead", "dead", forms.optional),
            Column("saturated", "saturated", forms.optional),
        ),
        tuple(
            (layer.name, layer.width, content.per_text(layer.spikes), layer.rate, layer.dead, layer.saturated)
            for layer in run.layers
        ),
    )
    by_step = Table(
        "steps",
        "Firing rate by time step",
        (Column("layer", "layer", forms.text), *(Column(f"step_{t}", f"t = {t}", forms.rate) for t in steps)),
        tuple((layer.name, *layer.rates()) for layer in run.layers),
    )
    return Panel(
        "firing",
        "Firing rates",
        (
            f"{low.name} fires least ({low.rate:.4f}), {high.name} most ({high.rate:.4f}). The mean over all neurons "
            f"is {run.rate:.4f}: layers count by their size.",
            _extreme_neurons(run),
        ),
        (
            "rate of a layer = spikes / updates,  updates = T · neurons, fewer with an early exit",
            "rate at step t = spikes_per_step[t] / neurons",
            "mean rate = Σ spikes / Σ updates",
            "dead: never fires on these texts; saturated: fires in 95 % of its tokens and steps, or more",
        ),
        (table, by_step),
        Plot(lambda width: _draw(run.layers, width), "Firing rate of each layer: at each time step, and their mean."),
    )


def _draw(layers: list[LayerCount], width: float) -> Figure:
    """Heat map layer × step, and beside it the mean over the steps as bars; darker is rarer."""
    from simulate.report.plotting import BLUE, heat_map, new_figure, row_height, short_name

    figure = new_figure(width, row_height(len(layers)))
    heat, bars = figure.subplots(1, 2, sharey=True, width_ratios=(1.25, 1))
    rates = [layer.rates() for layer in layers]
    steps, rows = len(rates[0]), range(len(layers))
    fits = steps * (5 if width > 5 else 8) <= 40
    cells = [[f"{rate:.2f}"[1:] if rate < 0.995 else "1" for rate in row] for row in rates] if fits else None
    size = heat_map(heat, rates, [short_name(layer.name) for layer in layers], range(1, steps + 1), cells)
    heat.set_xlabel("time step")
    bars.barh(rows, [layer.rate for layer in layers], 0.7, color=BLUE)
    for row, layer in enumerate(layers):
        bars.annotate(
            f"{layer.rate:.3f}", (layer.rate, row), (3, 0), textcoords="offset points", va="center", fontsize=size
        )
    bars.set_xlim(0, max(layer.rate for layer in layers) * (1.3 if width > 5 else 1.6) or 1.0)
    bars.set_xlabel("mean rate")
    bars.tick_params(axis="y", length=0, labelleft=False)
    return figure
