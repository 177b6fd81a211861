"""What each population has to do in a mean sample, pass by pass, and which part of it a core does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from deploy.chips.partition import Core
from deploy.chips.populations import Population
from deploy.chips.traffic import Activity
from export.ir.graph import Accumulate, Attention, Graph, LayerNorm, Linear, NeuronLayer
from simulate.token_serial import passes


@dataclass(frozen=True)
class Work:
    """Of one population: {pass: accumulations}, and the pass in which its neurons are updated.

    Unrolled there is one pass alone, number 0.
    """

    operations: dict[int, float]
    updated: int

    @property
    def total(self) -> float:
        return sum(self.operations.values())


def part_of(graph: Graph, serial: bool) -> dict[str, int]:
    """{node: the pass that computes it}."""
    return {node.name: number if serial else 0 for number, part in enumerate(passes(graph)) for node in part.nodes}


def work_of(graph: Graph, found: Sequence[Population], activity: Activity, serial: bool) -> dict[str, Work]:
    """{population: its work}; a buffer has none."""
    part = part_of(graph, serial)
    work: dict[str, Work] = {}
    for population in found:
        node = graph[population.layer]
        here, operations = part[node.name], _operations(graph, population, found, activity)
        stream = graph[node.inputs[0]] if isinstance(node, NeuronLayer) else node
        if population.role == "attention" and isinstance(stream, Attention):  # filled as its keys and values come
            before, filled = part[stream.inputs[0]], activity.filled[stream.name]
            each = {before: filled, here: operations - filled} if before != here else {here: operations}
        else:
            each = {here: operations}
        work[population.name] = Work(each, here)
    return work


def _operations(graph: Graph, population: Population, found: Sequence[Population], activity: Activity) -> float:
    """Accumulations of a population in a mean sample."""
    node = graph[population.layer]
    if population.role == "buffer":
        return 0.0
    stream = graph[node.inputs[0]] if isinstance(node, NeuronLayer) else node
    if isinstance(stream, Accumulate):  # each message of the stream as it was is one operation, too
        before, branch = stream.inputs
        return activity.operations[branch] + activity.events[before]
    if isinstance(node, Linear):  # the columns of one weight matrix share its operations
        columns = population.synapse_bits / sum(p.synapse_bits for p in found if p.layer == node.name)
        return activity.operations[node.name] * columns
    if isinstance(node, NeuronLayer):
        if isinstance(stream, LayerNorm) or population.inputs[0].carries in activity.operations:
            return 0.0  # its weights are elsewhere
        return activity.operations.get(stream.name, 0.0)
    return 0.0


def share(core: Core, activity: Activity) -> float:
    """Of the accumulations of its population those of one core, if its copies are among those that hold a token."""
    population, copies = core.population, core.copies[1] - core.copies[0]
    occupied = min(population.copies, activity.tokens)
    return (core.rows[1] - core.rows[0]) / population.rows * min(1.0, copies / occupied)


def depths(graph: Graph, found: Sequence[Population]) -> dict[str, int]:
    """Cores one behind the other on the longest way of a spike to each population: each hands on in the next step.

    An attention that the host computes takes a step, too.
    """
    depth: dict[str, int] = {}
    for population in found:
        before = [0]
        for edge in population.inputs:
            carried = graph[edge.carries]
            if edge.source in depth:
                before.append(depth[edge.source])
            elif isinstance(carried, NeuronLayer) and isinstance(attention := graph[carried.inputs[0]], Attention):
                before.append(depth[attention.inputs[0]] + 1)
        depth[population.name] = 1 + max(before)
    return depth
