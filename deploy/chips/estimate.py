"""What a placed network costs: steps, time, hops and energy of a mean sample, from public numbers alone.

Energy and time are those of Loihi 1 (Davies et al. 2018), but for the costs that a chip's file has: nothing of the kind
is public for other chips. They are estimates, not measurements. A hop between chips has no public cost: it is counted
and not priced.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from deploy.chips.chip import COSTS, Chip, read_chip
from deploy.chips.partition import Core
from deploy.chips.placement import Placement
from deploy.chips.populations import Population
from deploy.chips.traffic import Activity, Traffic
from export.ir.early_exit import margin_of
from export.ir.graph import LIF, NO_MARGIN, Accumulate, Attention, Graph, LayerNorm, Linear

REFERENCE = "loihi1"  # the chip file whose times and energies stand for those that a chip's own file has not
PUBLISHED = "Loihi 1, Davies et al. 2018"


@dataclass(frozen=True)
class Hops:
    """Messages of a mean sample and the way they go."""

    messages: float
    between_chips: float  # of them
    from_host: float  # of them
    east_west: float  # hops from tile to tile, of messages within a chip
    north_south: float
    chip_hops: float  # from chip to chip


@dataclass(frozen=True)
class Estimate:
    """Of a mean sample. `picojoules` by kind of operation, of the cores alone: what the host does is not in it."""

    steps: int
    depth: int
    step_nanoseconds: float
    latency_microseconds: float
    hops: Hops
    picojoules: dict[str, float]

    @property
    def total_picojoules(self) -> float:
        return sum(self.picojoules.values())


@cache
def reference() -> Chip:
    return read_chip(REFERENCE)


def own_costs(chip: Chip) -> dict[str, float]:
    """The costs that a chip's file gives, unless it is that of REFERENCE."""
    given = {name: getattr(chip, name) for name in COSTS}
    return {} if chip == reference() else {name: value for name, value in given.items() if value is not None}


def costing(chip: Chip) -> Chip:
    """The chip whose times and energies are used: REFERENCE, with those that the chip has of its own."""
    return replace(reference(), **own_costs(chip))


def cost_source(chip: Chip) -> str:
    """Whose numbers the estimate for a chip is made of."""
    own = ", ".join(own_costs(chip))
    return f"{chip.title} ({own}), and else {PUBLISHED}" if own else PUBLISHED


def estimate(
    graph: Graph,
    cores: list[Core],
    placement: Placement,
    traffic: Traffic,
    activity: Activity,
    serial: bool,
    costing: Chip,
) -> Estimate:
    """`costing` is the chip whose times and energies are used."""
    found = list({core.population.name: core.population for core in cores}.values())
    depth = _depth(graph, found)
    passes = 1 + sum(isinstance(n, Attention) for n in graph) if serial else 1
    streamed = round(activity.tokens) if serial else 1
    taken = activity.token_steps / activity.tokens  # of T
    active = streamed * taken  # steps in which a core has work
    steps = passes * streamed * graph.time_steps + depth
    if margin_of(graph) != NO_MARGIN:  # the next step begins when the logits of the one before are out
        steps = math.ceil(taken * depth)
    work = _operations(graph, found, activity)
    per_core = [
        core.neurons * (costing.neuron_ns or 0)
        + work.get(core.population.name, 0.0) * _share(core, activity) / active * (costing.synapse_ns or 0)
        for core in cores
    ]
    step = max(per_core) + (costing.barrier_ns or 0)
    hops = _hops(placement, traffic)
    updates = sum(p.rows for p in found if p.role in ("neurons", "attention")) * activity.token_steps
    picojoules = {
        "synaptic operations": sum(work.values()) * (costing.synapse_pj or 0),
        "neuron updates": updates * (costing.neuron_pj or 0),
        "spikes within a tile": hops.messages * (costing.spike_pj or 0),
        "hops": hops.east_west * (costing.hop_x_pj or 0) + hops.north_south * (costing.hop_y_pj or 0),
    }
    return Estimate(steps, depth, step, steps * step / 1000, hops, picojoules)


def _share(core: Core, activity: Activity) -> float:
    """Of the accumulations of its population those of one core, if its copies are among those that hold a token."""
    population, copies = core.population, core.copies[1] - core.copies[0]
    occupied = min(population.copies, activity.tokens)
    return (core.rows[1] - core.rows[0]) / population.rows * min(1.0, copies / occupied)


def _operations(graph: Graph, found: list[Population], activity: Activity) -> dict[str, float]:
    """Accumulations of each population in a mean sample."""
    work: dict[str, float] = {}
    for population in found:
        node = graph[population.layer]
        if population.role == "buffer":
            continue
        stream = graph[node.inputs[0]] if isinstance(node, LIF) else node
        if isinstance(stream, Accumulate):  # each message of the stream as it was is one operation, too
            before, branch = stream.inputs
            work[population.name] = activity.operations[branch] + activity.events[before]
        elif isinstance(node, Linear):  # the columns of one weight matrix share its operations
            columns = population.synapse_bits / sum(p.synapse_bits for p in found if p.layer == node.name)
            work[population.name] = activity.operations[node.name] * columns
        elif isinstance(node, LIF):
            source = graph[node.inputs[0]]
            if isinstance(source, LayerNorm) or population.inputs[0].carries in activity.operations:
                continue  # its weights are elsewhere
            work[population.name] = activity.operations.get(source.name, 0.0)
    return work


def _depth(graph: Graph, found: list[Population]) -> int:
    """Cores one behind the other on the longest way of a spike: each hands on in the next step.

    An attention that the host computes takes a step, too.
    """
    depth: dict[str, int] = {}
    for population in found:
        before = [0]
        for edge in population.inputs:
            carried = graph[edge.carries]
            if edge.source in depth:
                before.append(depth[edge.source])
            elif isinstance(carried, LIF) and isinstance(attention := graph[carried.inputs[0]], Attention):
                before.append(depth[attention.inputs[0]] + 1)
        depth[population.name] = 1 + max(before)
    return max(depth.values())


def _hops(placement: Placement, traffic: Traffic) -> Hops:
    on_chip = traffic.source >= 0
    source, target, events = traffic.source[on_chip], traffic.target[on_chip], traffic.events[on_chip]
    same = placement.chip[source] == placement.chip[target]
    wide, high = abs(placement.x[source] - placement.x[target]), abs(placement.y[source] - placement.y[target])
    chip_x, chip_y = placement.x // placement.mesh.columns, placement.y // placement.mesh.rows
    chips = abs(chip_x[source] - chip_x[target]) + abs(chip_y[source] - chip_y[target])
    return Hops(
        messages=float(traffic.events.sum()),
        between_chips=float(events[~same].sum()),
        from_host=float(traffic.events[~on_chip].sum()),
        east_west=float((events * wide * same).sum()),
        north_south=float((events * high * same).sum()),
        chip_hops=float(np.sum(events * chips)),
    )
