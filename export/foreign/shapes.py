"""The shapes that a file states, against what reaches them: signals are flat here, yet no two statements contradict."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from export.foreign.flatten import NodeDict, Port
from export.foreign.parameters import OPTIONAL, REQUIRED, shape_of
from spikebert.core.errors import InputError

Shape = tuple[int, ...]


def check_shapes(
    given: Mapping[str, NodeDict],
    kinds: Mapping[str, str],
    reads: Mapping[str, list[str]],
    widths: Mapping[str, int],
    ports: list[Port],
) -> None:
    """An InputError names the first node whose stated shape is not that of what reaches it.

    Shapes of several axes are compared without their axes of 1; one of a single axis fits any of as many values.

    Args:
        reads: the nodes that each node reads, nodes in an order in which each stands after its inputs.
        ports: what has been taken out of the graph, and says a shape all the same.
    """
    shapes: dict[str, Shape | None] = {}
    for name, sources in reads.items():
        before = {shapes.get(source) for source in sources} - {None}
        passed = before.pop() if len(before) == 1 and "weight" not in given[name] else None
        shapes[name] = _stated(name, kinds[name], given[name]) or passed
    for name, sources in reads.items():
        if kinds[name] == "Output":
            _compare([Port(name, source, given[name].get("shape")) for source in sources], widths, shapes)
        for source in sources:
            ours, theirs = shapes[name], shapes[source]
            if ours and theirs and ours != theirs and "weight" not in given[name]:
                raise InputError(
                    f"node {name}: values of shape {theirs} reach it from {source}; its own shape is {ours}"
                )
    _compare(ports, widths, shapes)


def _compare(ports: list[Port], widths: Mapping[str, int], shapes: Mapping[str, Shape | None]) -> None:
    for port in ports:
        if port.shape is None or isinstance(port.shape, dict):
            continue
        stated = shape_of(f"node {port.name}: the shape", port.shape)
        found, axes = shapes[port.source], _axes(stated)
        if np.prod(stated) != widths[port.source]:
            raise InputError(
                f"node {port.name}: {widths[port.source]} values reach it from {port.source}; its shape is {stated}"
            )
        if found and axes and found != axes:
            raise InputError(
                f"node {port.name}: values of shape {found} reach it from {port.source}; its shape is {stated}"
            )


def _stated(name: str, kind: str, node: NodeDict) -> Shape | None:
    """The axes of an Input, or of a node's parameters, where they are several."""
    if kind == "Input":
        return _axes(shape_of(f"node {name}: the shape", node.get("shape")))
    if "weight" in node:
        return None
    fields = [field for field in (*REQUIRED[kind], *OPTIONAL.get(kind, {})) if field in node]
    found = {axes for field in fields if (axes := _axes(np.shape(node[field])))}
    if len(found) > 1:
        raise InputError(f"node {name}: its parameters have different shapes: {', '.join(map(str, sorted(found)))}")
    return found.pop() if found else None


def _axes(shape: Shape) -> Shape | None:
    """A shape without its axes of 1; None where it is flat."""
    axes = tuple(n for n in shape if n != 1)
    return axes if len(axes) > 1 else None
