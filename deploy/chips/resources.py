"""What each layer of an exported model asks of a chip, before any mapping: synapses, weight memory, neurons, state."""

from __future__ import annotations

from dataclasses import dataclass

from export.ir.graph import STATE_BITS, Embedding, Graph, Linear, NeuronLayer, Readout


@dataclass(frozen=True)
class Need:
    """The need of one node; neurons and state are those of one token.

    The state is what neurons keep from step to step. A mapping counts more: a core also holds the sum of what arrives
    at each neuron within a step.
    """

    layer: str
    synapses: int
    weight_bytes: int
    neurons: int
    state_bytes: int


def resources(graph: Graph) -> list[Need]:
    """The nodes that hold weights or state, in order. Weights are packed at their own width; tables at 8 bits."""
    needs = []
    for node in graph:
        if isinstance(node, Embedding):
            tables = sum(table.nbytes for table in (node.word, node.position, node.neighbour) if table is not None)
            needs.append(Need(node.name, 0, tables, 0, 0))
        elif isinstance(node, Linear):
            needs.append(Need(node.name, node.weight.size, -(-node.weight.size * node.bits // 8), 0, 0))
        elif isinstance(node, Readout):
            needs.append(Need(node.name, node.weight.size, node.weight.nbytes, 0, 0))
        elif isinstance(node, NeuronLayer):
            needs.append(Need(node.name, 0, 0, node.size, node.size * node.states * STATE_BITS // 8))
    return needs
