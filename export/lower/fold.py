"""Folding passes, float graph to float graph: what the chip need not compute goes into weights and thresholds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from export.lower.float_graph import (
    FloatAttention,
    FloatBatchNorm,
    FloatEmbedding,
    FloatGraph,
    FloatLIF,
    FloatLinear,
    FloatNode,
    FloatReadout,
)


def fold_batch_norms(graph: FloatGraph) -> FloatGraph:
    """A BatchNorm behind an Embedding or a Linear scales its weights; before the readout it scales the head's."""
    nodes = {node.name: node for node in graph}
    for norm in [n for n in graph if isinstance(n, FloatBatchNorm)]:
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
    position = None if node.position is None else node.position * factor
    return replace(node, word=node.word * factor, position=position, bias=bias)


def _bypass(nodes: dict[str, FloatNode], removed: FloatNode) -> None:
    """Let the readers of a one-input node read that input instead, and drop the node."""
    for node in list(nodes.values()):
        if removed.name in node.inputs:
            inputs = tuple(removed.inputs[0] if i == removed.name else i for i in node.inputs)
            nodes[node.name] = replace(node, inputs=inputs)
    del nodes[removed.name]


def fold_attention_scales(graph: FloatGraph) -> FloatGraph:
    """`scale · counts` against a threshold is `counts` against `threshold / scale`: no multiplier is left."""
    scales = {n.name: n.scale for n in graph if isinstance(n, FloatAttention)}

    def fold(node: FloatNode) -> FloatNode:
        if isinstance(node, FloatAttention):
            return replace(node, scale=1.0)
        if isinstance(node, FloatLIF) and node.inputs[0] in scales:
            return replace(node, threshold=node.threshold / scales[node.inputs[0]])
        return node

    return tuple(fold(node) for node in graph)


def move_biases(graph: FloatGraph) -> FloatGraph:
    """The bias of an Embedding or a Linear that feeds a neuron directly becomes the neuron's, where it is finer."""
    feeding = {n.inputs[0] for n in graph if isinstance(n, FloatLIF)}
    biases = {n.name: n.bias for n in graph if isinstance(n, (FloatEmbedding, FloatLinear)) and n.name in feeding}

    def move(node: FloatNode) -> FloatNode:
        if isinstance(node, (FloatEmbedding, FloatLinear)) and node.name in biases:
            return replace(node, bias=None)
        if isinstance(node, FloatLIF) and node.inputs[0] in biases:
            moved, own = biases[node.inputs[0]], node.bias
            return replace(node, bias=own if moved is None else moved if own is None else moved + own)
        return node

    return tuple(move(node) for node in graph)
