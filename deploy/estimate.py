"""What a placed network costs: steps, time, hops and energy of a mean sample, from public numbers alone.

Energy and time are those of Loihi 1 (Davies et al. 2018), whatever the chip: nothing of the kind is public for others.
They are estimates, not measurements. A hop between chips has no public cost: it is counted and not priced.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deploy.chip import Chip
from deploy.partition import Core
from deploy.placement import Placement
from deploy.populations import Population
from deploy.traffic import Activity, Traffic
from export.graph import LIF, Attention, Graph, LayerNorm, Linear
from simulate.energy.costs import costs

REFERENCE = "loihi1"  # the chip file whose times and hop energies are used


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


def estimate(
    graph: Graph,
    cores: list[Core],
    placement: Placement,
    traffic: Traffic,
    activity: Activity,
    serial: bool,
    costing: Chip,
) -> Estimate:
    """`costing` is the chip file whose times and hop energies are used, that of REFERENCE."""
    found = list({core.population.name: core.population for core in cores}.values())
    depth = _depth(graph, found)
    passes = 1 + sum(isinstance(n, Attention) for n in graph) if serial else 1
    streamed = round(activity.tokens) if serial else 1
    steps = passes * streamed * graph.time_steps + depth
    active = streamed * graph.time_steps  # steps in which a core has work
    work = _operations(graph, found, activity)
    per_core = [
        core.neurons * (costing.neuron_ns or 0)
        + work.get(core.population.name, 0.0) * _share(core) / active * (costing.synapse_ns or 0)
        for core in cores
    ]
    step = max(per_core) + (costing.barrier_ns or 0)
    hops = _hops(placement, traffic)
    price = costs()
    updates = sum(p.rows for p in found if p.role != "buffer") * activity.tokens * graph.time_steps
    picojoules = {
        "synaptic operations": sum(work.values()) * price["E_LOIHI_SYNOP"].picojoules,
        "neuron updates": updates * price["E_LOIHI_ACTIVE"].picojoules,
        "spikes within a tile": hops.messages * price["E_LOIHI_SPIKE"].picojoules,
        "hops": hops.east_west * (costing.hop_x_pj or 0) + hops.north_south * (costing.hop_y_pj or 0),
    }
    return Estimate(steps, depth, step, steps * step / 1000, hops, picojoules)


def _share(core: Core) -> float:
    """Of the accumulations of its population those of one core."""
    return core.cells / (core.population.rows * core.population.copies)


def _operations(graph: Graph, found: list[Population], activity: Activity) -> dict[str, float]:
    """Accumulations of each population in a mean sample."""
    work: dict[str, float] = {}
    for population in found:
        node = graph[population.layer]
        if population.role == "buffer":
            continue
        if isinstance(node, Linear):  # the columns of one weight matrix share its operations
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
