"""A NIR file of another tool as a small typed network in floating point: checked nodes in an order of computation.

All signals are flat: (…, D) with D features, whatever shape the file gives them. Several edges into a node add up. A
loop is cut at one edge, which carries the value of the step before; `order` says which.
"""

from __future__ import annotations

import os
from collections import deque
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import nir
import numpy as np
from nir.serialization import hdf2dict

from export.foreign.flatten import Edge, NodeDict, flatten, kind_of
from export.foreign.parameters import POSITIVE, node_of, parameters_of, width_of
from export.foreign.shapes import check_shapes
from export.ir.hdf5 import reading, write_nir
from spikebert.core.errors import InputError
from spikebert.core.files import require_folder_of, write_atomically

STATEFUL = ("I", "IF", "LI", "LIF", "CubaLI", "CubaLIF", "Delay")
LINEAR = (nir.Affine, nir.Linear, nir.Scale, nir.Output)
LARGEST = 2000  # nodes
MOST_VALUES = 2**27  # of all nodes together, their parameters and outputs spread to their widths
SPIKING = (nir.LIF, nir.CubaLIF, nir.IF, nir.Threshold)


@dataclass(frozen=True)
class Network:
    """Nodes in an order in which each stands after its inputs; their parameters are float64, flat and of full width."""

    nodes: dict[str, nir.NIRNode]
    inputs: dict[str, tuple[str, ...]]  # the nodes that a node reads in the same step
    feedback: dict[str, tuple[str, ...]]  # the nodes that it reads one step later
    widths: dict[str, int]

    @property
    def source(self) -> str:
        """The name of the Input."""
        return next(name for name, node in self.nodes.items() if isinstance(node, nir.Input))

    @property
    def spiking(self) -> list[str]:
        """The nodes whose output is spikes."""
        return [name for name, node in self.nodes.items() if isinstance(node, SPIKING)]

    @property
    def linear(self) -> list[str]:
        """The nodes without state and without a threshold, each after those of them that it reads, if a step later."""
        reads = {
            n: [*self.inputs[n], *self.feedback.get(n, ())] for n in self.nodes if isinstance(self.nodes[n], LINEAR)
        }
        return [n for n in TopologicalSorter(reads).static_order() if n in reads]

    @property
    def shortest_time_constant(self) -> float | None:
        """In seconds; None where no node has one."""
        found = (getattr(node, field, None) for node in self.nodes.values() for field in POSITIVE)
        return min((float(tau.min()) for tau in found if tau is not None), default=None)

    @property
    def outputs(self) -> list[str]:
        return [name for name, node in self.nodes.items() if isinstance(node, nir.Output)]


def read(path: str | os.PathLike[str]) -> Network:
    """The network of a NIR file of another tool; an InputError of one line where it cannot be computed as it stands."""
    with reading(path, "NIR") as file:
        return network(hdf2dict(file["node"]))


def write(network: Network, path: str | os.PathLike[str]) -> None:
    """Write the network as a plain NIR file: no graph in another, one-dimensional types, parameters of full shape."""
    path = Path(path)
    edges = [(s, name) for reads in (network.inputs, network.feedback) for name in reads for s in reads[name]]
    graph = nir.NIRGraph(network.nodes, edges, type_check=False)
    require_folder_of(path, "output file")
    write_atomically(path, lambda temporary: write_nir(temporary, graph))


def network(graph: NodeDict) -> Network:
    """The network of a NIR graph as `nir.NIRGraph.to_dict` gives it.

    Raises:
        InputError: names the node and its class where a graph is malformed or beyond what can be simulated.
    """
    given, edges, ports = flatten(graph)
    if len(given) > LARGEST:
        raise InputError(f"{len(given)} nodes; this program takes up to {LARGEST}")
    kinds = {name: kind_of(name, node) for name, node in given.items()}
    values = {name: parameters_of(name, kinds[name], node) for name, node in given.items()}
    if list(kinds.values()).count("Input") != 1:
        raise InputError(f"the graph has {list(kinds.values()).count('Input')} Input nodes; it must have one")
    for source, target in edges:
        if kinds[source] == "Output":
            raise InputError(f"node {source}: an Output leads to {target}")
        if kinds[target] == "Input":
            raise InputError(f"node {target}: an Input has no inputs, but {source} leads to it; add a node to sum them")
    ordered, inputs, feedback = order(kinds, edges)
    widths: dict[str, int] = {}
    spread = 0
    for name in ordered:
        incoming = {widths[s] for s in inputs[name]}
        if len(incoming) > 1:
            raise InputError(f"node {name}: inputs of different widths reach it: {sorted(incoming)}")
        widths[name] = width_of(name, kinds[name], given[name], values[name], max(incoming, default=None))
        spread += widths[name] * (1 + len(values[name].keys() - {"weight"}))
        if spread > MOST_VALUES:
            raise InputError(f"node {name}: is {widths[name]:,} values wide; with it the network takes too much memory")
    nodes = {name: node_of(kinds[name], values[name], widths[name]) for name in ordered}
    for name, sources in feedback.items():
        needed = int(np.prod(nodes[name].input_type["input"]))
        for source in sources:
            if widths[source] != needed:
                raise InputError(f"node {name}: {widths[source]} values reach it from {source}, and not {needed}")
    reads = {name: [*inputs[name], *feedback.get(name, ())] for name in ordered}
    check_shapes(given, kinds, reads, widths, ports)
    return Network(nodes, inputs, feedback, widths)


Links = dict[str, list[str]]
Reads = dict[str, tuple[str, ...]]


def order(kinds: dict[str, str], edges: list[Edge]) -> tuple[list[str], Reads, Reads]:
    """Nodes in an order of computation, what each reads in the same step, and what it reads a step later.

    A loop is entered where the signal from the Input first reaches it, at a neuron if that leaves a choice: the edges
    that lead from the loop back to there are the feedback. A loop that no signal reaches, since its biases alone drive
    it, is entered at a neuron.

    Raises:
        InputError: a loop without a neuron in it, or nodes that nothing reaches.
    """
    before: dict[str, list[str]] = {name: [] for name in kinds}
    after: dict[str, list[str]] = {name: [] for name in kinds}
    for source, target in edges:
        before[target].append(source)
        after[source].append(target)
    _refuse_loops_without_state(kinds, before)
    missing = {name: set(before[name]) for name in kinds}
    ready = deque(sorted(name for name in kinds if kinds[name] == "Input"))
    inputs: Reads = {}
    feedback: Reads = {}
    while len(inputs) < len(kinds):
        name = ready.popleft() if ready else _entry(kinds, before, after, set(inputs))
        late = tuple(s for s in before[name] if s not in inputs)
        inputs[name] = tuple(s for s in before[name] if s in inputs)
        if late:
            feedback[name] = late
        for target in sorted(after[name]):
            missing[target].discard(name)
            if not missing[target] and target not in inputs:
                ready.append(target)
    return list(inputs), inputs, feedback


def _entry(kinds: dict[str, str], before: Links, after: Links, placed: set[str]) -> str:
    """The node by which a loop is entered, all that has been placed standing before it.

    That is where the signal enters it, or else a neuron of a loop that nothing outside of it drives.
    """
    waiting = sorted((n for n in kinds if n not in placed), key=lambda n: (kinds[n] not in STATEFUL, n))
    for name in waiting:
        if placed.intersection(before[name]) and set(before[name]) - placed <= _reached(name, after):
            return name
    for name in waiting:
        if before[name] and _reached(name, before) - placed <= _reached(name, after):
            return name
    raise InputError(f"node {min(waiting)}: no signal from the Input reaches it")


def _reached(start: str, after: Links) -> set[str]:
    """The nodes to which a path leads from `start`; with the links turned round, those from which one leads to it."""
    reached: set[str] = set()
    front = list(after[start])
    while front:
        name = front.pop()
        if name not in reached:
            reached.add(name)
            front += after[name]
    return reached


def _refuse_loops_without_state(kinds: dict[str, str], before: Links) -> None:
    stateless = {n: [s for s in before[n] if kinds[s] not in STATEFUL] for n in kinds if kinds[n] not in STATEFUL}
    try:
        TopologicalSorter(stateless).prepare()
    except CycleError as error:
        raise InputError(f"node {error.args[1][0]}: stands in a loop without a neuron") from None
