"""The chips that the model asks for: read from a mapping of spikebert-deploy, where one is given."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from simulate.report import forms
from simulate.report.content import Content
from simulate.report.mapping import Mapping
from simulate.report.panel import Card, Column, Panel, Picture, Plot, Table, facts

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def card(content: Content) -> Card:
    mapping = content.mapping
    if mapping is None:
        command = shlex.join(["spikebert-deploy", "map", content.run.model.file, "-o", "map"])
        return Card("chips", "Chips needed", "not mapped", (f"{command}, then --mapping map here",), {"chips": None})
    chips, estimate = mapping.record, mapping.record.estimate
    energy = forms.energy_span(*estimate.picojoules["total"])
    return Card(
        "chips",
        "Chips needed",
        _needed(mapping),
        (
            f"{chips.chip}, {chips.strategy}, texts of up to {chips.tokens} tokens",
            f"{_cores(mapping)}, {chips.cores_per_chip} a chip; the smallest known system: {chips.system}, "
            f"{_chips(chips.chips)}",
            f"estimated: {forms.time_span(*estimate.latency_nanoseconds)} and {energy} a text",
        ),
        {
            "chips": chips.chips_used,
            "cores": chips.cores_used,
            "cores_compiled": chips.cores_compiled,
            "chip": chips.chip,
            "strategy": chips.strategy,
            "latency_nanoseconds": estimate.latency_nanoseconds,
            "picojoules": estimate.picojoules["total"],
        },
    )


def _cores(mapping: Mapping) -> str:
    """Placed, and at the high end."""
    placed, compiled = mapping.record.cores_used, mapping.record.cores_compiled
    if compiled == placed:
        return f"{placed:,} cores"
    return f"{placed:,} cores, up to {compiled:,} as a published compiler packs weights"


def _needed(mapping: Mapping) -> str:
    """Chips that are used, and those that the cores of the high end would take."""
    record = mapping.record
    used, most = record.chips_used, -(-record.cores_compiled // record.cores_per_chip)
    return f"{used}" if most <= used else f"{used} to {most}"


def _chips(number: int) -> str:
    return "1 chip" if number == 1 else f"{number:,} chips"


def panel(content: Content) -> Panel | None:
    if content.mapping is None:
        return None
    return Panel(
        "chips",
        "On chips",
        (
            "The placement is calculated, not run: cores and memory are counted against the chip's limits, and time "
            "and energy are estimated from the numbers of the last table, from the least to the most that they allow. "
            "Its energy differs from the account loihi1 by the hops of this placement, by static power, by the order "
            "in which it computes attention, by messages that carry a number, and by what it leaves to the host.",
        ),
        (
            "from mapping.json",
            "cores = Σ cores of its populations",
            "latency = Σ over passes of (steps + steps to fill it) · time of a step",
            "a step: at least the longest of its times, at most all of them one after the other",
            "energy = Σ over kinds of operation · price, static power · latency · chips among them",
        ),
        (
            _sizes(content.mapping, content),
            _passes(content.mapping),
            _energies(content.mapping),
            _populations(content.mapping),
            _numbers(content.mapping),
        ),
        Plot(
            lambda width: _draw(content.mapping, width),
            "Cores against the latency of a text, between the ends of the estimate and without the mesh: what it would "
            "gain if busy layers were divided further. --objective latency takes the fastest.",
        ),
        picture=_floorplan(content.mapping),
    )


def _floorplan(mapping: Mapping) -> Picture | None:
    if mapping.floorplan is None:
        return None
    return Picture(
        mapping.floorplan,
        "The floorplan: cores by tile and chip, in the colour of their population and filled as far as they are full; "
        "lines join those between which the most messages travel.",
    )


def _sizes(mapping: Mapping, content: Content) -> Table:
    chips, estimate = mapping.record, mapping.record.estimate
    loihi = next(c.spiking for c in content.comparisons if c.spiking.name == "loihi1")
    account, saved = content.per_text(loihi.span), estimate.operations_saved_by_silent_neurons
    waits = "" if estimate.overlaps else "; it cannot begin before the one before it is done"
    return facts(
        "mapping",
        "The mapping",
        [
            ("chips", f"{chips.chips_used}, of {_chips(chips.chips)} of {chips.system}"),
            ("cores", _cores(mapping)),
            ("strategy", chips.strategy),
            ("cut for", chips.objective),
            ("left to the host", ", ".join(chips.host_layers)),
            ("spikes", chips.activity.source),
            ("steps per text", f"{estimate.steps:,}"),
            ("latency of a text alone, estimated", forms.time_span(*estimate.latency_nanoseconds)),
            (
                "a text behind another, estimated",
                f"every {estimate.interval_steps:,} steps, {forms.time_span(*estimate.interval_nanoseconds)}{waits}",
            ),
            ("messages per text", f"{estimate.messages:,.0f}"),
            ("hops per text", f"{estimate.hops_east_west + estimate.hops_north_south:,.0f}"),
            ("synaptic operations per text", f"{estimate.operations:,.0f}"),
            (
                "saved if layers that mostly fire sent their silent neurons",
                f"{saved:,.0f} ({saved / max(1.0, estimate.operations):.1%})",
            ),
            ("energy per text, estimated", forms.energy_span(*estimate.picojoules["total"])),
            ("its static part, a text behind another", forms.energy_span(*estimate.static_picojoules_overlapped)),
            ("the same by the account loihi1, without static power", forms.energy_span(account.low, account.high)),
        ],
    )


def _draw(mapping: Mapping | None, width: float) -> Figure:
    from simulate.report.plotting import BLUE, FAINT, new_figure

    assert mapping is not None
    figure = new_figure(width, 2.2)
    axes = figure.subplots()
    cores, times = zip(*mapping.record.curve, strict=True)
    axes.plot(cores, [time / 1e6 for time in times], color=BLUE, marker="o", markersize=2.5, linewidth=1)
    axes.axvline(mapping.record.cores_used, color=FAINT, linewidth=0.8, linestyle="--")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("cores (dashed: this mapping)")
    axes.set_ylabel("ms a text")
    axes.grid(linewidth=0.4, alpha=0.5)
    return figure


def _passes(mapping: Mapping) -> Table:
    return Table(
        "passes",
        "What bounds the steps of each pass",
        (
            Column("pass", "pass", forms.count),
            Column("steps", "steps", forms.count),
            Column("fill", "to fill it", forms.count),
            Column("step", "a step, estimated", forms.text),
            Column("bottleneck", "bound by", forms.text),
            Column("population", "on a core of", forms.text),
        ),
        tuple(
            (i, each.steps, each.fill, forms.time_span(*each.step_nanoseconds), each.bottleneck, each.population or "–")
            for i, each in enumerate(mapping.record.estimate.passes)
        ),
    )


def _energies(mapping: Mapping) -> Table:
    energies = mapping.record.estimate.picojoules.items()
    return facts(
        "chip_energy", "Energy per text, estimated", [(kind, forms.energy_span(*ends)) for kind, ends in energies]
    )


def _numbers(mapping: Mapping) -> Table:
    return Table(
        "numbers",
        "What each number of the chip is worth",
        (
            Column("number", "number", forms.text),
            Column("value", "value", forms.text),
            Column("low", "from", forms.text),
            Column("high", "to", forms.text),
            Column("status", "status", forms.text),
            Column("source", "source", forms.text),
        ),
        tuple((name, *n.shown, n.status, n.source) for name, n in mapping.record.numbers.items()),
    )


def _populations(mapping: Mapping) -> Table:
    return Table(
        "populations",
        "What holds what",
        (
            Column("population", "population", forms.text),
            Column("role", "role", forms.text),
            Column("cores", "cores", forms.count),
            Column("neurons", "neurons", forms.count),
            Column("synapses_kb", "weights, kB", forms.short),
            Column("state_kb", "state, kB", forms.short),
            Column("bound_by", "bound by", forms.text),
        ),
        tuple(
            (p.population, p.role, p.cores, p.neurons, p.synapse_bytes / 1000, p.state_bytes / 1000, p.bound_by)
            for p in mapping.record.layers
        ),
    )
