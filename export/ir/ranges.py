"""Worst-case bounds of every number in a graph, and the check that none can leave its width."""

from __future__ import annotations

from functools import singledispatch

import numpy as np

from export.ir import arithmetic
from export.ir.arithmetic import STATE_MAX
from export.ir.graph import Accumulate, Add, Attention, Embedding, Graph, LayerNorm, Linear, NeuronLayer, Node, Readout
from spikebert.core.errors import InputError


def output_bounds(graph: Graph) -> dict[str, int]:
    """For each node the largest magnitude that any element of its output (and any partial sum of a product) can reach.

    Sound for every input, since it supposes the worst weight signs, activity and sentence length at each node alone.
    """
    bounds: dict[str, int] = {}
    for node in graph:
        bounds[node.name] = int(_bound(node, [bounds[source] for source in node.inputs], graph))
    return bounds


@singledispatch
def _bound(node: Node, inputs: list[int], graph: Graph) -> int:
    raise NotImplementedError(type(node).__name__)


@_bound.register
def _(node: Embedding, inputs: list[int], graph: Graph) -> int:
    return sum(_largest(table) for table in (node.word, node.position, node.neighbour) if table is not None)


@_bound.register
def _(node: Linear, inputs: list[int], graph: Graph) -> int:
    return arithmetic.linear_bound(node.synapses, node.bias, inputs[0])


@_bound.register
def _(node: LayerNorm, inputs: list[int], graph: Graph) -> int:
    return arithmetic.norm_bound(node.gain, node.bias, node.groups)


@_bound.register
def _(node: NeuronLayer, inputs: list[int], graph: Graph) -> int:
    return 1


@_bound.register
def _(node: Attention, inputs: list[int], graph: Graph) -> int:
    return graph.max_tokens * (node.size // node.heads) * inputs[0] ** 3


@_bound.register
def _(node: Add, inputs: list[int], graph: Graph) -> int:
    return sum(inputs)


@_bound.register
def _(node: Accumulate, inputs: list[int], graph: Graph) -> int:
    return sum(reached << int(places) for reached, places in zip(inputs, node.shift, strict=True))


@_bound.register
def _(node: Readout, inputs: list[int], graph: Graph) -> int:
    return arithmetic.linear_bound(node.weight, node.bias, inputs[0] << node.shift)


def _largest(array: np.ndarray) -> int:
    return int(np.abs(array.astype(np.int64)).max(initial=0))


def check_ranges(graph: Graph) -> dict[str, int]:
    """The worst-case bounds; an InputError names the first layer where a number could leave its width."""
    bounds = output_bounds(graph)
    for node in graph:
        _check(node, bounds, graph)
    return bounds


def check_messages(graph: Graph) -> None:
    """An InputError names the first layer whose output could be beyond what a message on Lava carries.

    Logits travel in 64 bits, all else in 32; spikes, which are 0 or 1, in 16.
    """
    bounds = output_bounds(graph)
    for node in graph:
        bits = 64 if isinstance(node, Readout) else 32
        if bounds[node.name] >= 2 ** (bits - 1):
            raise InputError(
                f"layer {node.name}: a value could reach {bounds[node.name]}, beyond the {bits} bits of a message on "
                "Lava; simulate with the fast backend"
            )


def _check(node: Node, bounds: dict[str, int], graph: Graph) -> None:
    reached = bounds[node.name]
    if isinstance(node, Linear) and reached >= 2**31:
        raise InputError(
            f"layer {node.name}: an accumulator could reach {reached}, beyond 32 bits; export with fewer weight bits"
        )
    if isinstance(node, (Attention, Add)) and reached >= 2**24:
        raise InputError(f"layer {node.name}: a count could reach {reached}, beyond the 24 bits that are exact")
    if isinstance(node, Accumulate) and reached >= 2**24:
        raise InputError(
            f"layer {node.name}: the stream of currents could reach {reached}, beyond 24 bits; export with fewer "
            "weight bits"
        )
    if isinstance(node, LayerNorm):
        n, largest = node.width // node.groups, bounds[node.inputs[0]]
        if (n * largest) ** 2 + node.epsilon >= 2**63 or n * largest**2 >= 2**53:
            raise InputError(
                f"layer {node.name}: an input of up to {largest} over {n} features can overflow the 63-bit variance "
                "of the layer norm; export with fewer weight bits"
            )
    if isinstance(node, NeuronLayer) and _largest(node.threshold) > STATE_MAX:
        raise InputError(
            f"layer {node.name}: threshold {_largest(node.threshold)} is beyond the 24-bit state "
            f"(at most {STATE_MAX}); export with fewer weight bits"
        )
    if isinstance(node, Readout):
        total = graph.time_steps * graph.max_tokens * bounds[node.inputs[0]]
        if total >= 2**53 or total << node.shift >= 2**63 or reached >= 2**63:
            raise InputError(f"layer {node.name}: its sum could reach {total}, whose mean and logits overflow 64 bits")
