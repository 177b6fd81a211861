"""The chips that the model asks for: read from a mapping of spikebert-deploy, where one is given."""

from __future__ import annotations

import shlex

from simulate.report import forms
from simulate.report.content import Content
from simulate.report.mapping import Mapping
from simulate.report.panel import Card, Column, Panel, Picture, Table, facts


def card(content: Content) -> Card:
    mapping = content.mapping
    if mapping is None:
        command = shlex.join(["spikebert-deploy", "map", content.run.model.file, "-o", "map"])
        return Card("chips", "Chips needed", "not mapped", (f"{command}, then --mapping map here",), {"chips": None})
    chips = mapping.chips
    return Card(
        "chips",
        "Chips needed",
        f"{chips.chips_used}",
        (
            f"{chips.chip}, {chips.strategy}, texts of up to {chips.tokens} tokens",
            f"{chips.cores_used:,} cores, {chips.cores_per_chip} a chip; the smallest known system: {chips.system}, "
            f"{_chips(chips.chips)}",
        ),
        {"chips": chips.chips_used, "cores": chips.cores_used, "chip": chips.chip, "strategy": chips.strategy},
    )


def _chips(number: int) -> str:
    return "1 chip" if number == 1 else f"{number:,} chips"


def panel(content: Content) -> Panel | None:
    if content.mapping is None:
        return None
    return Panel(
        "chips",
        "On chips",
        (
            "The placement is calculated, not run: cores and memory are counted against the chip's published limits, "
            f"steps and energy estimated by the numbers of {content.mapping.estimate.costs}. Its energy differs from "
            "the account loihi1 by the hops of this placement, by the order in which it computes attention, and by "
            "what it leaves to the host.",
        ),
        (
            "from mapping.json",
            "cores = Σ cores of its populations",
            "latency = steps · longest step",
            "energy = Σ estimate.picojoules",
        ),
        (_sizes(content.mapping, content), _populations(content.mapping)),
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
    chips, estimate = mapping.chips, mapping.estimate
    loihi = next(c.spiking for c in content.comparisons if c.spiking.name == "loihi1")
    energy, hops, account = forms.energy(
        [
            estimate.picojoules.get("total", 0.0),
            estimate.picojoules.get("hops", 0.0),
            content.per_text(loihi.picojoules),
        ]
    )
    return facts(
        "mapping",
        "The mapping",
        [
            ("chips", f"{chips.chips_used}, of {_chips(chips.chips)} of {chips.system}"),
            ("cores", f"{chips.cores_used:,}"),
            ("strategy", chips.strategy),
            ("left to the host", ", ".join(chips.host_layers)),
            ("spikes", mapping.activity),
            ("steps per text", f"{estimate.steps:,}"),
            ("latency per text, estimated", f"{estimate.latency_microseconds / 1000:,.1f} ms"),
            ("messages per text", f"{estimate.messages:,.0f}"),
            ("hops per text", f"{estimate.hops_east_west + estimate.hops_north_south:,.0f}"),
            ("energy per text, estimated", f"{energy}, of that {hops} for hops"),
            ("the same by the account loihi1", account),
        ],
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
            for p in mapping.populations
        ),
    )
