"""The integer graph as a chip runs it that holds every weight once: token after token, T steps each.

Attention alone looks at other tokens. Its product associates, `(Q Kᵀ) V = Q (Kᵀ V)`, and `Kᵀ V` is a sum over tokens:

    (Kᵀ V)[t] = Σ_n k[n, t] v[n, t]ᵀ      a matrix (D/H, D/H) for each head and step t, one term for each token n
    y[n, t] = q[n, t] (Kᵀ V)[t]           complete only when every token has added its term

So the graph is cut in front of each attention, and the sentence streams through one part after the other. In pass p
each token runs T steps through part p: it reads the memory that pass p - 1 filled (its queries) and adds to the memory
that pass p + 1 will read (its keys and values). A graph of L attentions takes L + 1 passes. What a later pass needs of
a token besides (its queries, its residual stream) waits in a buffer. Membranes start each token at rest.

The spikes are those of `simulate.fast`, bit by bit: integers have only one sum.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from export.ir import arithmetic
from export.ir.arithmetic import Array
from export.ir.graph import Attention, Embedding, Graph, NeuronLayer, Node, Readout
from export.ir.ranges import output_bounds
from export.runtime.kernels import EmbeddingKernel, State, make_kernels
from export.runtime.tally import tally
from simulate.batches import Tokens
from simulate.result import SimulationResult


@dataclass(frozen=True)
class Pass:
    """One part of the graph, through which all tokens stream.

    nodes: from an attention (or the embedding) to where the next attention's memory takes keys and values.
    filled: the attention whose memory the pass fills; None in the last.
    waiting: earlier nodes whose outputs, stored token by token, the pass reads.
    """

    nodes: tuple[Node, ...]
    filled: Attention | None
    waiting: tuple[str, ...]


def passes(graph: Graph) -> list[Pass]:
    """The graph cut in front of each attention: L + 1 passes for L attentions."""
    places = [i for i, node in enumerate(graph.nodes) if isinstance(node, Attention)]
    parts = []
    for start, end in zip([0, *places], [*places, len(graph.nodes)], strict=True):
        nodes = graph.nodes[start:end]
        inside = {node.name for node in nodes}
        waiting = dict.fromkeys(s for node in nodes for s in node.inputs if s not in inside)
        filled = graph.nodes[end] if end < len(graph.nodes) else None
        assert filled is None or isinstance(filled, Attention)
        parts.append(Pass(nodes, filled, tuple(waiting)))
    return parts


class TokenSerialSimulator:
    """A graph made ready to run; `run` may be called many times. Slow: a check, not a tool for long texts."""

    def __init__(self, graph: Graph):
        started = time.perf_counter()
        self.graph, self.passes = graph, passes(graph)
        first = graph.nodes[0]
        assert isinstance(first, Embedding)
        self.lookup = EmbeddingKernel(first)
        self.kernels = make_kernels(graph, output_bounds(graph), graph.time_steps)
        self.startup_seconds = time.perf_counter() - started

    def run(self, sentences: Sequence[Tokens]) -> SimulationResult:
        """Classify sentences of token ids, with every spike; counts are those of the neuron layers."""
        started = time.perf_counter()
        logits, trains = [], defaultdict(list)
        for sentence in sentences:
            logits.append(self._sentence(sentence, trains))
        spikes = {layer.name: np.concatenate(trains[layer.name], 1) for layer in self.graph.neurons}
        lengths = [len(sentence) for sentence in sentences]
        counts: dict = {}
        for layer in self.graph.neurons:
            counts |= tally(layer, [], spikes[layer.name], lengths)
        return SimulationResult(
            logits=np.concatenate(logits),
            counts=counts,
            neurons={name: train.sum((0, 1), dtype=np.int64) for name, train in spikes.items()},
            spikes=spikes,
            seconds=time.perf_counter() - started,
            startup_seconds=self.startup_seconds,
        )

    def _sentence(self, tokens: Tokens, trains: dict[str, list[NDArray]]) -> NDArray:
        """The logits (1, labels) of one sentence; adds each layer's spikes (T, 1, D) of each token to `trains`."""
        buffers: dict[str, list[NDArray]] = defaultdict(list)
        memories: dict[str, Array] = {}
        output: NDArray = np.empty(0)
        kept = {name for part in self.passes for name in part.waiting}
        embedded, _ = self.lookup([tokens], [len(tokens)])  # (1, N, D), the host's part
        for part in self.passes:
            sums: State = None  # of the readout
            terms: Array | float = 0.0
            for place in range(len(tokens)):
                values = {name: buffers[name][place] for name in part.waiting}
                for node in part.nodes:
                    if isinstance(node, Readout):  # sums over the sentence: its mean is over T · N steps
                        output, sums = self.kernels[node.name]([values[s] for s in node.inputs], [1], sums)
                    else:
                        output = self._node(node, values, embedded[:, [place]], memories)
                    values[node.name] = output
                    if isinstance(node, NeuronLayer):
                        trains[node.name].append(output.astype(np.uint8))
                    if node.name in kept:
                        buffers[node.name].append(output)
                if part.filled:
                    terms = terms + arithmetic.memory(
                        values[part.filled.inputs[0]], part.filled.heads
                    )  # (T, H, D/H, D/H)
            if part.filled:
                memories = {part.filled.name: np.asarray(terms)}
        return output

    def _node(self, node: Node, values: dict[str, NDArray], embedded: NDArray, memories: dict[str, Array]) -> NDArray:
        """The output (T, 1, D) of a node for the token that is `embedded`; a constant one is (1, 1, D)."""
        if isinstance(node, Embedding):
            return embedded
        inputs = [values[source] for source in node.inputs]
        if isinstance(node, Attention):
            return arithmetic.recall(inputs[0], memories[node.name])
        return self.kernels[node.name](inputs, [1])[0]
