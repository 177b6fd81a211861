"""Folding passes, float graph to float graph: what the chip need not compute goes into weights and thresholds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from export.lower.float_graph import (
    FloatAccumulate,
    FloatAttention,
    FloatBatchNorm,
    FloatEmbedding,
    FloatEntranceNorm,
    FloatGraph,
    FloatLinear,
    FloatNeurons,
    FloatNode,
    FloatReadout,
)


def fold_batch_norms(graph: FloatGraph) -> FloatGraph:
    """A BatchNorm behind an Embedding or a Linear scales its weights; before the readout it scales the head's."""
    nodes = {node.name: node for node in graph}
    for norm in [n for n in graph if isinstance(n, FloatBatchNorm) and not isinstance(n, FloatEntranceNorm)]:
        source = nodes[norm.inputs[0]]
        if isinstance(source, (FloatEmbedding, FloatLinear)):
            nodes[source.name] = _scaled(source, norm.factor, norm.offset)
        else:
            head = next(n for n in nodes.values() if norm.name in n.inputs)
            assert isinstance(head, FloatReadout)
            bias = head.bias + head.weight @ norm.offset
            nodes[head.name] = replace(head, weight=head.weight * norm.factor, bias=bias)
        _bypass(nodes, norm)
    return tuple(nodes.values())


def _scaled(node: FloatEmbedding | FloatLinear, factor: np.ndarray, offset: np.ndarray) -> FloatNode:
    bias = offset if node.bias is None else node.bias * factor + offset
    if isinstance(node, FloatLinear):
        return replace(node, weight=node.weight * factor[:, None], bias=bias)
    position, neighbour = (None if table is None else table * factor for table in (node.position, node.neighbour))
    return replace(node, word=node.word * factor, position=position, neighbour=neighbour, bias=bias)


def _bypass(nodes: dict[str, FloatNode], removed: FloatNode) -> None:
    """Let the readers of a one-input node read that input instead, and drop the node."""
    for node in list(nodes.values()):
        if removed.name in node.inputs:
            inputs = tuple(removed.inputs[0] if i == removed.name else i for i in node.inputs)
            nodes[node.name] = replace(node, inputs=inputs)
    del nodes[removed.name]


def fold_entrances(graph: FloatGraph) -> FloatGraph:
    """A norm of a stream of currents goes into each neuron behind it: a membrane in the stream's own unit.

    `a x + c` against a threshold is `x + c / a` against `threshold / a`, for a factor a above 0; the leak and both
    kinds of reset act on the one as on the other.
    """
    nodes = {node.name: node for node in graph}
    for norm in [n for n in graph if isinstance(n, FloatEntranceNorm)]:
        for lif in [n for n in nodes.values() if norm.name in n.inputs]:
            assert isinstance(lif, FloatNeurons) and lif.bias is None
            nodes[lif.name] = replace(lif, threshold=lif.threshold / norm.factor, bias=norm.offset / norm.factor)
        _bypass(nodes, norm)
    return tuple(nodes.values())


def carry_biases(graph: FloatGraph) -> FloatGraph:
    """Biases of what a stream of currents adds up go past it, into what reads it: constants add up there, too.

    Branches then end in weights alone, which Lava's own Dense can hold, and a bias is rounded in the finer unit of a
    membrane.
    """
    streams = {source for n in graph if isinstance(n, FloatAccumulate) for source in (n.name, *n.inputs)}
    constants: dict[str, np.ndarray] = {}

    def carry(node: FloatNode) -> FloatNode:
        arriving = [constants[source] for source in node.inputs if source in constants]
        if isinstance(node, FloatAccumulate) and arriving:
            constants[node.name] = sum(arriving[1:], arriving[0])
        if isinstance(node, (FloatEmbedding, FloatLinear)) and node.name in streams and node.bias is not None:
            constants[node.name] = node.bias
            return replace(node, bias=None)
        if isinstance(node, FloatNeurons) and arriving:
            return replace(node, bias=arriving[0] if node.bias is None else node.bias + arriving[0])
        if isinstance(node, FloatReadout) and arriving:
            return replace(node, bias=node.bias + node.weight @ arriving[0])
        return node

    return tuple(carry(node) for node in graph)


def fold_attention_scales(graph: FloatGraph) -> FloatGraph:
    """`scale · counts` against a threshold is `counts` against `threshold / scale`: no multiplier is left."""
    scales = {n.name: n.scale for n in graph if isinstance(n, FloatAttention)}

    def fold(node: FloatNode) -> FloatNode:
        if isinstance(node, FloatAttention):
            return replace(node, scale=1.0)
        if isinstance(node, FloatNeurons) and node.inputs[0] in scales:
            return replace(node, threshold=node.threshold / scales[node.inputs[0]])
        return node

    return tuple(fold(node) for node in graph)


def move_biases(graph: FloatGraph) -> FloatGraph:
    """The bias of an Embedding or a Linear that feeds a neuron directly becomes the neuron's, where it is finer."""
    feeding = {n.inputs[0] for n in graph if isinstance(n, FloatNeurons)}
    biases = {n.name: n.bias for n in graph if isinstance(n, (FloatEmbedding, FloatLinear)) and n.name in feeding}

    def move(node: FloatNode) -> FloatNode:
        if isinstance(node, (FloatEmbedding, FloatLinear)) and node.name in biases:
            return replace(node, bias=None)
        if isinstance(node, FloatNeurons) and node.inputs[0] in biases:
            moved, own = biases[node.inputs[0]], node.bias
            return replace(node, bias=own if moved is None else moved if own is None else moved + own)
        return node

    return tuple(move(node) for node in graph)
