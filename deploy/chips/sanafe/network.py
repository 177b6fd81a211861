"""A mapped model as a network for SANA-FE: every neuron on its core, every connection, and the spikes of a run.

SANA-FE has no attention, no residual stream and no token that waits, so its neurons do not compute: each is forced to
fire when it fired in the run (its model `input`). Cores, messages, synapses that a message reads, and their steps are
those of the run. A neuron that is forced takes no current, so that every weight is 0.

A population is a group of neurons, one a row. Where it sends a stream beside its spikes, a second group on the same
cores sends that. What the host sends comes from groups on a core that no population uses.
"""

from __future__ import annotations

import re
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deploy.chips.choices import TOKEN_SERIAL
from deploy.chips.mapping import Mapping
from deploy.chips.populations import HOST, Edge, Population
from deploy.chips.runtime import Load
from deploy.chips.sanafe.architecture import NEURONS, SENDERS
from deploy.chips.work import depths, part_of
from export.ir.graph import Add, Embedding, Graph, NeuronLayer
from spikebert.core.errors import InputError

MOST = 2 * 10**7  # connections; SANA-FE 2.2.9 takes some 1,100 bytes of memory for each

# what a synapse is for: a weight; an attention; a number that waits; a stream or a partial sum, one a message
WEIGHTS, ATTENTION, WAITING, SUMS, FROM_HOST = "weights", "attention", "waiting", "sums", "from the host"

Spikes = MappingOf[str, NDArray[np.uint8]]  # {layer: (T, M, D)}, the M tokens of all texts one after the other


@dataclass(frozen=True)
class Group:
    """Neurons that fire as `trains` (steps, size) say; places (size, 2): the tile and the core in it of each."""

    name: str
    unit: str  # NEURONS or SENDERS
    places: NDArray[np.int64]
    trains: NDArray[np.bool_]


@dataclass(frozen=True)
class Connections:
    """From `rows` of a group to all of another: grain 0 all to all, otherwise within blocks of so many."""

    source: str
    target: str
    rows: tuple[int, int]
    grain: int
    kind: str  # one of those below


@dataclass(frozen=True)
class Network:
    groups: dict[str, Group]
    connections: tuple[Connections, ...]
    steps: int
    texts: int

    def pairs(self, each: Connections) -> NDArray[np.int64]:
        """The source and the target neuron of each connection (n, 2)."""
        first, last = each.rows
        targets = np.arange(len(self.groups[each.target].places))
        if not each.grain:
            sources = np.arange(first, last)
            return np.stack([np.repeat(sources, len(targets)), np.tile(targets, len(sources))], 1)
        block = first + targets // each.grain * each.grain
        sources = (block[:, None] + np.arange(each.grain)).ravel()
        return np.stack([sources, np.repeat(targets, each.grain)], 1)[sources < last]

    def operations(self) -> dict[str, int]:
        """Synapses that are read, by what they are for."""
        found: dict[str, int] = {}
        for each in self.connections:
            fired = self.groups[each.source].trains.sum(0, dtype=np.int64)
            found[each.kind] = found.get(each.kind, 0) + int(fired[self.pairs(each)[:, 0]].sum())
        return found

    def messages(self) -> int:
        """One for each core that a spike reaches."""
        reached: dict[str, list[NDArray]] = {}
        for each in self.connections:
            pairs, places = self.pairs(each), self.groups[each.target].places
            core = places[pairs[:, 1], 0] * 2**20 + places[pairs[:, 1], 1]
            reached.setdefault(each.source, []).append(np.unique(np.stack([pairs[:, 0], core], 1), axis=0))
        total = 0
        for name, parts in reached.items():
            fired = self.groups[name].trains.sum(0, dtype=np.int64)
            total += int(fired[np.unique(np.concatenate(parts), axis=0)[:, 0]].sum())
        return total


def network_of(mapping: Mapping, spikes: Spikes, lengths: list[int]) -> Network:
    """The network of a token-serial mapping with the spikes of these texts, one text after the other.

    Raises:
        InputError: another strategy, or more connections than SANA-FE can hold.
    """
    if mapping.strategy != TOKEN_SERIAL:
        raise InputError(
            f"{mapping.strategy}: its weights are there once a token, too many for SANA-FE; map with --strategy "
            f"{TOKEN_SERIAL}",
            field="sanafe",
        )
    count = sum(_synapses(p) for p in _populations(mapping))
    if count > MOST:
        raise InputError(
            f"{count:,} connections: {MOST:,} are the most, for SANA-FE takes 1,100 bytes of memory for each; map a "
            "smaller model",
            field="sanafe",
        )
    return _Builder(mapping, spikes, lengths).build()


def _populations(mapping: Mapping) -> list[Population]:
    return [cut.population for cut in mapping.cuts]


def _synapses(population: Population) -> int:
    return sum(population.rows * (edge.grain or edge.rows[1] - edge.rows[0]) for edge in population.inputs)


class _Builder:
    def __init__(self, mapping: Mapping, spikes: Spikes, lengths: list[int]):
        self.mapping, self.graph, self.spikes, self.lengths = mapping, mapping.graph, spikes, lengths
        self.found = _populations(mapping)
        self.depth, self.part = depths(self.graph, self.found), part_of(self.graph, True)
        self.passes = Load(self.graph, mapping.cores, mapping.activity, True).passes
        self.body = {p.name: f"p{i}_{_safe(p.name)}" for i, p in enumerate(self.found)}
        self.groups: dict[str, Group] = {}

    def build(self) -> Network:
        for population in self.found:
            unit = NEURONS if population.role in ("neurons", "attention") else SENDERS
            self._group(self.body[population.name], unit, population, self._carried(population))
        connections = []
        for reader in self.found:
            for edge in reader.inputs:
                source, rows = self._sender(edge, reader)
                connections.append(Connections(source, self.body[reader.name], rows, edge.grain, _kind(edge, reader)))
        return Network(self.groups, tuple(connections), sum(map(self._steps, self.lengths)), len(self.lengths))

    def _carried(self, population: Population) -> str:
        """The node whose output the first group of a population is forced to."""
        if population.role == "buffer":
            return next(e.carries for reader in self.found for e in reader.inputs if e.source == population.name)
        return population.layer

    def _sender(self, edge: Edge, reader: Population) -> tuple[str, tuple[int, int]]:
        """The group that sends this, made where it is not there yet, and the rows of it that are meant."""
        first, last = edge.rows
        if edge.source == HOST:
            name = f"host_{_safe(edge.carries)}_to_{self.body[reader.name]}"
            if name not in self.groups:
                trains = self._trains(edge.carries, self.part[reader.layer], self.depth[reader.name] - 1, edge.rows)
                places = np.tile(self._spare(), (last - first, 1))
                self.groups[name] = Group(name, SENDERS, places, trains)
            return name, (0, last - first)
        source = next(p for p in self.found if p.name == edge.source)
        name, carried = self.body[source.name], self._carried(source)
        if edge.carries != carried:
            name = f"{name}_sends_{_safe(edge.carries)}"
            if name not in self.groups:
                self._group(name, SENDERS, source, edge.carries)
        return name, (0, source.rows) if source.role == "buffer" else edge.rows

    def _group(self, name: str, unit: str, population: Population, carries: str) -> None:
        reading = [(r, e) for r in self.found for e in r.inputs if e.source == population.name]
        number, rows = self.part[population.layer], (0, population.rows)
        if population.role == "buffer":  # it sends when the pass comes that reads it
            number, rows = self.part[reading[0][0].layer], reading[0][1].rows
        trains = self._trains(carries, number, self.depth[population.name] - 1, rows)
        self.groups[name] = Group(name, unit, self._places(population), trains)

    def _steps(self, length: int) -> int:
        """Steps of a text, from its first core's beginning to its last core's end."""
        return self.passes * length * self.graph.time_steps + max(self.depth.values())

    def _trains(self, carries: str, number: int, delay: int, rows: tuple[int, int]) -> NDArray[np.bool_]:
        """What is sent of a node in its pass, token after token and T steps each: (steps, rows)."""
        parts, begin = [], 0
        for length in self.lengths:
            sent = sends(self.graph, carries, self.spikes, begin, length)[:, :, slice(*rows)]
            train = np.zeros((self._steps(length), rows[1] - rows[0]), bool)
            work = length * self.graph.time_steps
            train[number * work + delay : (number + 1) * work + delay] = sent.swapaxes(0, 1).reshape(work, -1)
            parts.append(train)
            begin += length
        return np.concatenate(parts)

    def _places(self, population: Population) -> NDArray[np.int64]:
        places = np.zeros((population.rows, 2), np.int64)
        for i, core in enumerate(self.mapping.cores):
            if core.population is population:
                places[slice(*core.rows)] = self._place(i)
        return places

    def _place(self, core: int) -> tuple[int, int]:
        placement = self.mapping.placement
        x, y, slot = (int(of[core]) for of in (placement.x, placement.y, placement.slot))
        return x * tile_rows(self.mapping) + y, slot % placement.mesh.cores_per_tile

    def _spare(self) -> tuple[int, int]:
        """The last core of the last tile that no population uses; that of the first population if there is none."""
        used = {self._place(i) for i in range(len(self.mapping.cores))}
        mesh = self.mapping.placement.mesh
        tiles = mesh.columns * mesh.chip_columns * tile_rows(self.mapping)
        all_cores = ((t, c) for t in reversed(range(tiles)) for c in reversed(range(mesh.cores_per_tile)))
        return next((place for place in all_cores if place not in used), self._place(0))


def _kind(edge: Edge, reader: Population) -> str:
    if edge.source == HOST and edge.grain:
        return FROM_HOST
    if reader.role in ("attention", "buffer"):
        return ATTENTION if reader.role == "attention" else WAITING
    return SUMS if edge.grain else WEIGHTS


def tile_rows(mapping: Mapping) -> int:
    """Rows of tiles in the plane of all chips that are used."""
    mesh = mapping.placement.mesh
    return mesh.rows * -(-mapping.placement.chips // mesh.chip_columns)


def sends(graph: Graph, name: str, spikes: Spikes, begin: int, length: int) -> NDArray[np.bool_]:
    """Whether a message leaves, (T, N, D): for a spike, a sum that is not 0, each number of a stream; a row once."""
    node = graph[name]
    if isinstance(node, NeuronLayer):
        return spikes[name][:, begin : begin + length] > 0
    if isinstance(node, Add):
        return np.logical_or.reduce([sends(graph, source, spikes, begin, length) for source in node.inputs])
    sent = np.ones((graph.time_steps, length, node.width), bool)
    if isinstance(node, Embedding):
        sent[1:] = False
    return sent


def _safe(name: str) -> str:
    """A name without what SANA-FE reads as more than a name."""
    return re.sub(r"\W+", "_", name)
