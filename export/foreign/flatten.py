"""Nested NIR graphs laid side by side, in the form of nested dicts that `nir.NIRNode.to_dict` gives and files hold.

{"type": "NIRGraph", "nodes": {name: {"type": "LIF", "tau": array, …}, …}, "edges": [(from, to), …]}
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from spikebert.core.errors import InputError

NodeDict = dict[str, Any]
Edge = tuple[str, str]


class Port(NamedTuple):
    """What was taken out behind `source`, and the shape that the file states for it (None: none)."""

    name: str
    source: str
    shape: Any


def flatten(graph: NodeDict) -> tuple[dict[str, NodeDict], list[Edge], list[Port]]:
    """The nodes of a graph without the graphs in it, the edges between them, and what was taken out.

    A node of a nested graph is called `outer.inner`. What only passes values on (a Flatten, since all signals are flat
    here, and the Input and Output of a nested graph) is taken out, its two sides joined.

    Raises:
        InputError: an edge that leads nowhere, a nested graph without one Input and one Output, wires in a circle.
    """
    nodes, edges, wires = _side_by_side(graph, "")
    ports: list[Port] = []
    for wire in sorted(wires):
        before, node = [source for source, target in edges if target == wire], nodes[wire]
        shape = node.get("shape", node.get("input_type"))
        behind = [port for port in ports if port.source == wire]
        ports = [port for port in ports if port.source != wire]
        ports += [port._replace(source=source) for port in (*behind, Port(wire, wire, shape)) for source in before]
        nodes, edges = _without(wire, nodes, edges)
    return nodes, edges, ports


def _side_by_side(graph: NodeDict, prefix: str) -> tuple[dict[str, NodeDict], list[Edge], set[str]]:
    """All nodes by their full names, all edges, and the names of the wires."""
    nodes: dict[str, NodeDict] = {}
    edges: list[Edge] = []
    wires: set[str] = set()
    entries: dict[str, str] = {}  # where an edge to a nested graph arrives
    exits: dict[str, str] = {}
    for key, node in _nodes(graph, prefix).items():
        name = prefix + key
        kind = kind_of(name, node)
        if kind == "NIRGraph":
            inner_nodes, inner_edges, inner_wires = _side_by_side(node, name + ".")
            if clash := nodes.keys() & inner_nodes.keys():
                raise InputError(f"node {min(clash)}: the name stands twice")
            entries[name] = _port(node, "Input", name)
            exits[name] = _port(node, "Output", name)
            nodes |= inner_nodes
            edges += inner_edges
            wires |= inner_wires | {entries[name], exits[name]}
        elif name in nodes:
            raise InputError(f"node {name}: the name stands twice")
        else:
            nodes[name] = node
            if kind == "Flatten":
                wires.add(name)
    for source, target in _edges(graph, prefix):
        edge = exits.get(source, source), entries.get(target, target)
        for end in edge:
            if end not in nodes:
                raise InputError(f"edge {source} → {target}: there is no node {end!r}")
        edges.append(edge)
    return nodes, edges, wires


def kind_of(name: str, node: Any) -> str:
    """The name of a node's class."""
    kind = node.get("type") if isinstance(node, dict) else None
    if not isinstance(kind, str):
        raise InputError(f"node {name}: has no type")
    return kind


def _nodes(graph: NodeDict, prefix: str) -> dict[str, NodeDict]:
    nodes = graph.get("nodes")
    if graph.get("type") != "NIRGraph" or not isinstance(nodes, dict) or not nodes:
        raise InputError(f"{prefix.rstrip('.') or 'the file'}: holds no NIR graph with nodes")
    return nodes


def _edges(graph: NodeDict, prefix: str) -> list[Edge]:
    """The edges of one graph by full names; files hold bytes, an array of (E, 2)."""
    where = f"{prefix.rstrip('.') or 'the graph'}: its edges"
    edges = np.asarray(graph.get("edges", []), dtype=object)
    if edges.size and (edges.ndim != 2 or edges.shape[1] != 2):
        raise InputError(f"{where} must be pairs of node names, not of shape {edges.shape}")
    named: list[Edge] = []
    for ends in edges:
        source, target = (prefix + (end.decode() if isinstance(end, bytes) else str(end)) for end in ends)
        named.append((source, target))
    if len(set(named)) < len(named):
        raise InputError(f"{where} hold one of them twice")
    return named


def _port(graph: NodeDict, kind: str, name: str) -> str:
    """The full name of the one Input or Output of a nested graph."""
    ports = [key for key, node in graph["nodes"].items() if isinstance(node, dict) and node.get("type") == kind]
    if len(ports) != 1:
        raise InputError(f"node {name}: a nested graph must have one {kind}, not {len(ports)}")
    return f"{name}.{ports[0]}"


def _without(wire: str, nodes: dict[str, NodeDict], edges: list[Edge]) -> tuple[dict[str, NodeDict], list[Edge]]:
    """Take out a wire; where two nodes would then be joined twice, it stays, as a Scale by 1."""
    before = [source for source, target in edges if target == wire]
    after = [target for source, target in edges if source == wire]
    if wire in before:
        raise InputError(f"node {wire}: leads to itself, with no neuron between")
    others = [edge for edge in edges if wire not in edge]
    joined = [(source, target) for source in before for target in after]
    if len({*others, *joined}) < len(others) + len(joined):
        return {**nodes, wire: {"type": "Scale", "scale": np.ones(1)}}, edges
    return {name: node for name, node in nodes.items() if name != wire}, others + joined
