"""`counts.json`: what a run did, counted. All that the reports know of a run, they know from here.

The fields are described in `docs/counts.md`. Padding does not exist in these counts: M tokens are the real ones. What
they are made from are the rows of `SimulationResult.counts`, T small integers for each sentence and counted node.
"""

from __future__ import annotations

from functools import partial, reduce, singledispatch
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.ir.early_exit import logit_scale, margin_of
from export.ir.graph import (
    LIF,
    NO_MARGIN,
    Accumulate,
    Add,
    Attention,
    Embedding,
    Graph,
    LayerNorm,
    Linear,
    NeuronLayer,
    Node,
    Readout,
)
from export.runtime.tally import COINCIDENCES, keys
from simulate.counts_schema import (
    AttentionCount,
    CurrentsCount,
    EmbeddingCount,
    LayerCount,
    LayerNormCount,
    LinearCount,
    OperationCount,
    PerSample,
    ReadoutCount,
    Shape,
    StreamCount,
    plain,
)
from simulate.result import SimulationResult
from spikebert.core.errors import InputError

SATURATED = 0.95  # a neuron that fires in this share of all its steps, or more


def counts_of(graph: Graph, result: SimulationResult, lengths: list[int]) -> dict[str, Any]:
    """The parts of counts.json from `samples` to `operations`."""
    tally = Tally(graph, result, lengths)
    return {
        "samples": len(lengths),
        "tokens": tally.tokens,
        "lengths": lengths,
        "per_sample": plain(_per_sample(tally)),
        "layers": [plain(layer_of(node, tally)) for node in graph.neurons],
        "operations": [plain(_operation(node, tally)) for node in graph if not isinstance(node, NeuronLayer)],
    }


def layers_of(graph: Graph, result: SimulationResult, lengths: list[int]) -> list[LayerCount]:
    """What each layer of neurons fired, in network order, of a run that counted its layers at least."""
    tally = Tally(graph, result, lengths)
    return [layer_of(node, tally) for node in graph.neurons]


def is_whole(graph: Graph, result: SimulationResult) -> bool:
    """Whether a run counted all that counts.json tells."""
    return all(key in result.counts for node in graph for key in keys(node))


def shape_of(graph: Graph, file: str = "", sha256: str = "") -> Shape:
    """The part `model` of counts.json: what a reader needs to know of the graph, and of its file."""
    embedding, attention = graph.nodes[0], next((n for n in graph if isinstance(n, Attention)), None)
    assert isinstance(embedding, Embedding)
    if attention is None:
        raise InputError("the graph has no attention: it is of no SpikeBERT, and cannot be counted as one")
    linears, margin = [n for n in graph if isinstance(n, Linear)], margin_of(graph)
    return Shape(
        file=file,
        sha256=sha256,
        labels=list(graph.labels),
        time_steps=graph.time_steps,
        max_tokens=graph.max_tokens,
        vocabulary=len(embedding.word),
        hidden_size=embedding.width,
        intermediate_size=max(map(partial(_hidden, graph), linears)),
        blocks=sum(isinstance(n, Attention) for n in graph),
        heads=attention.heads,
        norm="layer" if any(isinstance(n, LayerNorm) for n in graph) else "batch",
        reset=graph.neurons[0].reset,
        residual="membrane" if any(isinstance(n, Accumulate) for n in graph) else "spikes",
        weight_bits=max(n.bits for n in linears),
        metadata=graph.metadata,
        exit_margin=None if margin == NO_MARGIN else margin,
        logit_scale=0.0 if margin == NO_MARGIN else logit_scale(graph),
    )


def _hidden(graph: Graph, linear: Linear) -> int:
    """The neurons between a Linear and the one before it, as inside of an MLP; 0 where something else is before it."""
    neurons = graph[linear.inputs[0]]
    before = graph[neurons.inputs[0]] if isinstance(neurons, NeuronLayer) else neurons
    if isinstance(before, LayerNorm):
        before = graph[before.inputs[0]]
    return neurons.width if isinstance(before, Linear) else 0


class Tally:
    """Sums over a run of what its nodes put out, (B, T) for each."""

    def __init__(self, graph: Graph, result: SimulationResult, lengths: list[int]):
        self.graph, self.counts, self.neurons, self.lengths = graph, result.counts, result.neurons, lengths
        self.tokens = sum(lengths)
        self.steps = None if result.steps is None else result.steps.tolist()
        # Each token of a text in each step that the text takes.
        taken = self.steps or [graph.time_steps] * len(lengths)
        self.tokens_at = [
            sum(n for n, steps in zip(lengths, taken, strict=True) if steps > t) for t in range(graph.time_steps)
        ]
        self.token_steps = sum(self.tokens_at)

    def elements(self, width: int) -> int:
        """Elements of a (T, M, width) array, in the steps that its text takes."""
        return self.token_steps * width

    def magnitude(self, name: str) -> NDArray[np.int64]:
        """The sum of a spiking node's output, (B, T): a graded event of k counts k. A stream sums its inputs."""
        node = self.graph[name]
        if isinstance(node, Add):
            return sum((self.magnitude(source) for source in node.inputs[1:]), self.magnitude(node.inputs[0]))
        return self.counts[name]


def per_step(counts: NDArray[np.int64]) -> list[int]:
    """(B, T) → T sums."""
    return counts.sum(0).tolist()


def _per_sample(tally: Tally) -> PerSample:
    """For each text its spikes, the synaptic operations of its Linears, and those of its attentions in two orders.

    Where texts may be done early, the steps that each took, too.
    """
    graph, counts = tally.graph, tally.counts
    linears = [n for n in graph if isinstance(n, Linear)]
    attentions = [n.name for n in graph if isinstance(n, Attention)]
    rows = {
        "spikes": (counts[n.name] for n in graph.neurons),
        "synaptic_operations": (tally.magnitude(n.inputs[0]) * n.width for n in linears),
        "attention_pairs_first": (counts[f"{name}:{key}"] for name in attentions for key in ("qk", "qk_v")),
        "attention_memory_first": (counts[f"{name}:{key}"] for name in attentions for key in ("kv", "q_kv")),
    }
    found = {name: reduce(np.add, (part.sum(1) for part in parts)).tolist() for name, parts in rows.items()}
    return PerSample(steps=tally.steps, **found)


@singledispatch
def layer_of(node: Node, tally: Tally) -> LayerCount:
    """What a layer of neurons did.

    counts.json does not tell kinds of neurons apart, and every accounting prices an update as that of a LIF neuron. So
    a kind has an entry here only when `LayerCount` tells what its update costs, and `simulate/energy/` asks it.
    """
    raise InputError(
        f"layer {node.name}: these are {type(node).__name__} neurons, and the accountings know what an update costs "
        "of LIF alone"
    )


@layer_of.register
def _(node: LIF, tally: Tally) -> LayerCount:
    spikes, updates = tally.counts[node.name], tally.elements(node.width)
    fired = None if tally.neurons is None else tally.neurons[node.name]  # by neuron, over all tokens
    return LayerCount(
        name=node.name,
        width=node.width,
        neurons=tally.tokens * node.width,
        spikes_per_step=per_step(spikes),
        spikes=int(spikes.sum()),
        rate=int(spikes.sum()) / updates,
        updates=updates,
        dead=None if fired is None else int((fired == 0).sum()),
        saturated=None if fired is None else int((fired >= SATURATED * tally.token_steps).sum()),
        decay=node.decay,
    )


@singledispatch
def _operation(node: Node, tally: Tally) -> OperationCount:
    raise NotImplementedError(type(node).__name__)


@_operation.register
def _(node: Embedding, tally: Tally) -> OperationCount:
    # Of a table of neighbours two half rows a token; at either end of a text one is not there.
    rows = tally.tokens if node.neighbour is None else 2 * tally.tokens - len(tally.lengths)
    return EmbeddingCount(name=node.name, width=node.width, elements=rows * node.width)


@_operation.register
def _(node: Linear, tally: Tally) -> OperationCount:
    outputs, inputs = node.weight.shape
    magnitude = tally.magnitude(node.inputs[0])
    return LinearCount(
        name=node.name,
        inputs=inputs,
        outputs=outputs,
        input_elements=tally.elements(inputs),
        input_events=int(tally.counts[node.inputs[0]].sum()),
        input_magnitude=int(magnitude.sum()),
        synaptic_operations=int(magnitude.sum()) * outputs,
        synaptic_operations_per_step=[n * outputs for n in per_step(magnitude)],
        zero_weights=int((node.weight == 0).sum()),
        dense_macs=tally.tokens * inputs * outputs,  # one step: what an ANN of the same shape needs
    )


@_operation.register
def _(node: LayerNorm, tally: Tally) -> OperationCount:
    # The embedding's norm runs once a token: its input does not change over the steps.
    once = isinstance(tally.graph[node.inputs[0]], Embedding)
    elements = tally.tokens * node.width if once else tally.elements(node.width)
    return LayerNormCount(
        name=node.name,
        width=node.width,
        elements=elements,
        roots=elements // node.width * node.groups,
    )


@_operation.register
def _(node: Attention, tally: Tally) -> OperationCount:
    return AttentionCount(
        name=node.name,
        width=node.width,
        heads=node.heads,
        elements=tally.elements(node.width),
        input_elements=tally.elements(3 * node.width),
        input_events=int(tally.counts[node.inputs[0]].sum()),
        **{f"{kind}_per_step": per_step(tally.counts[f"{node.name}:{kind}"]) for kind in COINCIDENCES},
        dense_macs=2 * int(np.square(tally.lengths).sum()) * node.width,  # Q Kᵀ and its product with V, one step
    )


@_operation.register
def _(node: Add, tally: Tally) -> OperationCount:
    return StreamCount(
        name=node.name,
        width=node.width,
        elements=tally.elements(node.width),
        events_per_step=per_step(tally.counts[node.name]),
        graded_per_step=per_step(tally.counts[f"{node.name}:graded"]),
        magnitude_per_step=per_step(tally.magnitude(node.name)),
        inputs=len(node.inputs),
    )


@_operation.register
def _(node: Accumulate, tally: Tally) -> OperationCount:
    elements = tally.elements(node.width)
    return CurrentsCount(
        name=node.name,
        width=node.width,
        elements=elements,
        additions=elements * (len(node.inputs) - 1),
        # On a chip with graded payloads: whatever its value, each element travels once a step.
        messages_per_step=[tokens * node.width for tokens in tally.tokens_at],
    )


@_operation.register
def _(node: Readout, tally: Tally) -> OperationCount:
    outputs, inputs = node.weight.shape
    source = tally.graph[node.inputs[0]]
    # A norm before the readout gives dense values: what it reads is the stream before it.
    stream = source.inputs[0] if isinstance(source, LayerNorm) else source.name
    dense = isinstance(source, Accumulate)  # currents, none of which is an event of a magnitude
    return ReadoutCount(
        name=node.name,
        inputs=inputs,
        outputs=outputs,
        input_elements=tally.elements(inputs),
        input_events=0 if dense else int(tally.counts[stream].sum()),
        input_magnitude=0 if dense else int(tally.magnitude(stream).sum()),
        dense_macs=inputs * outputs * len(tally.lengths),
    )
