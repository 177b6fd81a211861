"""What a placed network costs a mean sample: time, hops and energy, each from its least to its most.

Everything is worked out from the numbers of the chip's file and, where it has none, from those of Loihi 1: see `costs`.
They are estimates, not measurements. A hop between chips has no public cost: it is counted and not priced.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deploy.chips.chip import Chip
from deploy.chips.costs import HIGH, LOW, costs_at
from deploy.chips.links import Hops, heaviest_link, hops_of
from deploy.chips.partition import Core
from deploy.chips.placement import Placement
from deploy.chips.runtime import WATTS, Load, Runtime, runtime_of
from deploy.chips.traffic import Activity, Traffic
from deploy.chips.work import part_of
from export.ir.early_exit import margin_of
from export.ir.graph import NO_MARGIN, Graph
from simulate.energy.span import NOTHING, Span

STATIC = "static power"
WAITING = ("buffer", "attention")  # roles that hold a text from one pass to the next


@dataclass(frozen=True)
class Estimate:
    """Of a mean sample, of the cores alone: what the host does is not in it.

    picojoules: by kind of operation; static: of a text that follows another at once, where they can overlap.
    operations: accumulations; saved: of them, what layers that mostly fire would save by sending their silent neurons.
    """

    runtime: Runtime
    hops: Hops
    picojoules: dict[str, Span]
    static: Span
    operations: float
    saved: float

    @property
    def total_picojoules(self) -> Span:
        return sum(self.picojoules.values(), NOTHING)


def estimate(
    graph: Graph,
    cores: list[Core],
    placement: Placement,
    traffic: Traffic,
    activity: Activity,
    serial: bool,
    chip: Chip,
) -> Estimate:
    load = Load(graph, cores, activity, serial)
    early = margin_of(graph) != NO_MARGIN
    links = _links(graph, cores, placement, traffic, serial, load.passes)
    runtime = runtime_of(load, chip, links, early, _holds_two_texts(cores, chip))
    hops = hops_of(placement, traffic)
    low, high = costs_at(chip, LOW), costs_at(chip, HIGH)
    operations = sum(work.total for work in load.work.values())
    neurons = {core.population.name: core.population for core in cores}.values()
    updates = sum(p.rows for p in neurons if p.role in ("neurons", "attention")) * activity.token_steps

    def priced(amount: float, cost: str) -> Span:
        return Span(amount * low[cost], amount * high[cost])

    def static(time: Span) -> Span:
        drawn = placement.chips * WATTS
        return Span(time.low * low["static_watts"] * drawn, time.high * high["static_watts"] * drawn)

    picojoules = {
        "synaptic operations": priced(operations, "synapse_pj"),
        "neuron updates": priced(updates, "neuron_pj"),
        "messages": priced(hops.messages, "spike_pj"),
        "hops": priced(hops.east_west, "hop_x_pj") + priced(hops.north_south, "hop_y_pj"),
        STATIC: static(runtime.latency),
    }
    saved = sum(max(0.0, activity.operations[name] - silent) for name, silent in activity.silent.items())
    return Estimate(runtime, hops, picojoules, static(runtime.interval), operations, saved)


def _links(
    graph: Graph, cores: list[Core], placement: Placement, traffic: Traffic, serial: bool, passes: int
) -> list[float]:
    """Messages of a sample over the busiest link, in each pass (that of the core which they reach), and in all."""
    part = part_of(graph, serial)
    reached = np.array([part[core.population.layer] for core in cores])[traffic.target]
    each = [heaviest_link(placement, traffic, reached == number) for number in range(passes)]
    return [*each, heaviest_link(placement, traffic, reached >= 0)]


def _holds_two_texts(cores: list[Core], chip: Chip) -> bool:
    """Whether what waits for its next pass leaves room for what waits of the next text."""
    waiting = (core for core in cores if core.population.role in WAITING)
    return all(core.synapse_bytes + 2 * core.state_bytes <= chip.memory_per_core for core in waiting)
