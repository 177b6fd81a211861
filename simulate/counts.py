"""`counts.json`: what a run did, counted. All that the reports know of a run, they know from here.

`layers` holds the spikes of every neuron layer, `operations` the work of every other node; see the fields below.
Padding does not exist in these counts: M tokens are the real ones.
"""

from __future__ import annotations

from functools import singledispatch
from typing import Any

import numpy as np

from export.graph import LIF, Add, Attention, Embedding, Graph, LayerNorm, Linear, Node, Readout
from simulate.result import SimulationResult

FORMAT = "spikebert-counts"
VERSION = 1


def counts_of(graph: Graph, result: SimulationResult, lengths: list[int]) -> dict[str, Any]:
    """The parts `samples`, `tokens`, `lengths`, `layers` and `operations` of counts.json."""
    tally = Tally(graph, result, lengths)
    return {
        "samples": len(lengths),
        "tokens": tally.tokens,
        "lengths": lengths,
        "layers": [tally.layer(node) for node in graph.neurons],
        "operations": [_operation(node, tally) for node in graph if not isinstance(node, (LIF, Add))],
    }


def shape_of(graph: Graph) -> dict[str, Any]:
    """The part `model` of counts.json that the graph tells: what a reader needs to know of its shape."""
    embedding, attention = graph.nodes[0], next(n for n in graph if isinstance(n, Attention))
    assert isinstance(embedding, Embedding)
    linears = [n for n in graph if isinstance(n, Linear)]
    return {
        "labels": list(graph.labels),
        "time_steps": graph.time_steps,
        "max_tokens": graph.max_tokens,
        "vocabulary": len(embedding.word),
        "hidden_size": embedding.width,
        "intermediate_size": max(n.width for n in linears if n.name.endswith("mlp.up.linear")),
        "blocks": sum(isinstance(n, Attention) for n in graph),
        "heads": attention.heads,
        "norm": graph.metadata["norm"],
        "reset": graph.neurons[0].reset,
        "weight_bits": max(n.bits for n in linears),
        "metadata": graph.metadata,
    }


class Tally:
    """Sums over a run: spikes and magnitudes of each node's output."""

    def __init__(self, graph: Graph, result: SimulationResult, lengths: list[int]):
        self.graph, self.lengths, self.tokens = graph, lengths, sum(lengths)
        self.per_step = {name: count.sum(0) for name, count in result.counts.items()}  # {layer: (T,)}

    def layer(self, node: LIF) -> dict[str, Any]:
        per_step, neurons = self.per_step[node.name], self.tokens * node.width
        spikes = int(per_step.sum())
        return {
            "name": node.name,
            "width": node.width,
            "neurons": neurons,
            "spikes_per_step": [int(n) for n in per_step],
            "spikes": spikes,
            "rate": spikes / (neurons * self.graph.time_steps),
        }

    def elements(self, width: int) -> int:
        """Elements of a (T, M, width) array."""
        return self.tokens * self.graph.time_steps * width

    def events(self, name: str) -> int:
        """Non-zero elements of a spiking node's output."""
        return int(self.per_step[name].sum())

    def magnitude(self, name: str) -> int:
        """The sum of a spiking node's output: a graded event of k counts k. A stream is the sum of its inputs."""
        node = self.graph[name]
        if isinstance(node, Add):
            return sum(self.magnitude(source) for source in node.inputs)
        return self.events(name)


@singledispatch
def _operation(node: Node, tally: Tally) -> dict[str, Any]:
    raise NotImplementedError(type(node).__name__)


@_operation.register
def _(node: Embedding, tally: Tally) -> dict[str, Any]:
    return {"name": node.name, "kind": "embedding", "width": node.width}


@_operation.register
def _(node: Linear, tally: Tally) -> dict[str, Any]:
    outputs, inputs = node.weight.shape
    magnitude = tally.magnitude(node.inputs[0])
    return {
        "name": node.name,
        "kind": "linear",
        "inputs": inputs,
        "outputs": outputs,
        "input_elements": tally.elements(inputs),
        "input_events": tally.events(node.inputs[0]),
        "input_magnitude": magnitude,
        "synaptic_operations": magnitude * outputs,
        "dense_macs": tally.tokens * inputs * outputs,  # one step: what an ANN of the same shape needs
    }


@_operation.register
def _(node: LayerNorm, tally: Tally) -> dict[str, Any]:
    # The embedding's norm runs once a token: its input does not change over the steps.
    once = isinstance(tally.graph[node.inputs[0]], Embedding)
    elements = tally.tokens * node.width if once else tally.elements(node.width)
    return {"name": node.name, "kind": "layer_norm", "width": node.width, "elements": elements}


@_operation.register
def _(node: Attention, tally: Tally) -> dict[str, Any]:
    return {
        "name": node.name,
        "kind": "attention",
        "width": node.width,
        "heads": node.heads,
        "elements": tally.elements(node.width),
        "input_elements": tally.elements(3 * node.width),
        "input_events": tally.events(node.inputs[0]),
        "dense_macs": 2 * int(np.square(tally.lengths).sum()) * node.width,  # Q Kᵀ and its product with V, one step
    }


@_operation.register
def _(node: Readout, tally: Tally) -> dict[str, Any]:
    outputs, inputs = node.weight.shape
    source = tally.graph[node.inputs[0]]
    # A norm before the readout gives dense values: what it reads is the stream before it.
    stream = source.inputs[0] if isinstance(source, LayerNorm) else source.name
    return {
        "name": node.name,
        "kind": "readout",
        "inputs": inputs,
        "outputs": outputs,
        "input_elements": tally.elements(inputs),
        "input_events": tally.events(stream),
        "input_magnitude": tally.magnitude(stream),
        "dense_macs": inputs * outputs * len(tally.lengths),
    }
