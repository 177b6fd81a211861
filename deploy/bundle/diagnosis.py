"""Why another's spikes differ: the layer is computed anew with one thing wrong, until that gives their spikes.

Each fault is a way in which a chip, its firmware or a port of the arithmetic goes wrong in practice. A fault is named
only if its spikes equal theirs in every step, token and neuron of the layer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from export.ir.arithmetic import STATE_MAX, beside
from export.ir.early_exit import silence
from export.ir.graph import DECAY_BITS, INPUT_SHIFT, LIF, STATE_BITS, Embedding, Graph, LayerNorm, Linear
from export.runtime.execute import execute
from export.runtime.kernels import EmbeddingKernel, LayerNormKernel
from simulate.batches import Tokens
from simulate.fast import FastSimulator

Train = NDArray[np.uint8]  # (T, M, D)


@dataclass(frozen=True)
class Machine:
    """A LIF that may have something wrong; as it is by default it is `arithmetic.lif_step`."""

    strict: bool = False  # fires at v > threshold
    reset: str | None = None  # the other one
    decay: str = "toward zero"  # or "down", "to nearest", "none cut off"
    overflow: str = "saturates"  # or "wraps around", "is not limited"
    bias: bool = True

    def run(self, node: LIF, current: NDArray) -> Train:
        """Spikes (T, M, D) of input currents (T, M, D)."""
        threshold = node.threshold.astype(np.int64) + self.strict
        reset, kept = self.reset or node.reset, 2**DECAY_BITS - node.decay
        bias = node.bias if self.bias else 0
        v: NDArray = np.zeros(current.shape[1:], np.float64 if self.decay == "none cut off" else np.int64)
        spikes = np.zeros(current.shape[1:], np.int64)
        train = []
        for step in current:
            v = self._decayed(v * kept)
            v = v - spikes * threshold if reset == "subtract" else v * (1 - spikes)
            v = self._held(v + step.astype(np.int64) * 2**INPUT_SHIFT + bias)
            spikes = (v >= threshold).astype(np.int64)
            train.append(spikes)
        return np.stack(train).astype(np.uint8)

    def _decayed(self, product: NDArray) -> NDArray:
        """`product` / 2^DECAY_BITS."""
        if self.decay == "none cut off":
            return product / 2**DECAY_BITS
        if self.decay == "down":
            return product >> DECAY_BITS
        if self.decay == "to nearest":
            return (product + 2 ** (DECAY_BITS - 1)) >> DECAY_BITS
        return np.sign(product) * (np.abs(product) >> DECAY_BITS)

    def _held(self, v: NDArray) -> NDArray:
        """The membrane in its width."""
        if self.overflow == "saturates":
            return np.clip(v, -STATE_MAX, STATE_MAX)
        if self.overflow == "wraps around":
            half = 2 ** (STATE_BITS - 1)
            return (v + half) % (2 * half) - half
        return v


MACHINES = {
    "fires at v > threshold; it must at v >= threshold": Machine(strict=True),
    "resets to zero; it must subtract the threshold": Machine(reset="zero"),
    "subtracts the threshold after a spike; it must reset to zero": Machine(reset="subtract"),
    "the decay rounds down; it must round toward zero": Machine(decay="down"),
    "the decay rounds to the nearest; it must round toward zero": Machine(decay="to nearest"),
    "the decay cuts nothing off, as in floating point; it must round toward zero": Machine(decay="none cut off"),
    "the membrane wraps around at 24 bits; it must saturate": Machine(overflow="wraps around"),
    "the membrane is not limited to 24 bits; it must saturate": Machine(overflow="is not limited"),
    "the bias is missing": Machine(bias=False),
}


def likely_cause(graph: Graph, sentences: Sequence[Tokens], layer: str, theirs: Train) -> str | None:
    """The fault that gives exactly `theirs` (T, M, D) in a layer whose inputs are right; None where none does."""
    values, steps = execute(graph, list(sentences)), FastSimulator(graph).run(sentences).steps
    node = graph[layer]
    if not isinstance(node, LIF):
        return None  # the faults below are those of a LIF
    ours = values[layer].astype(np.uint8)
    lengths = [len(tokens) for tokens in sentences]
    faulty = _faulty(graph, node, values, ours, sentences)
    found = {fault for fault, train in faulty if _equal(train, theirs, steps, lengths)}
    return "; or ".join(sorted(found)) or None


def _equal(train: Train, theirs: Train, steps: NDArray[np.int64] | None, lengths: list[int]) -> bool:
    """Whether a fault gives their spikes in all steps that the texts take."""
    if steps is not None:
        train, theirs = train.copy(), theirs.copy()
        silence(train, steps, lengths)
        silence(theirs, steps, lengths)
    return np.array_equal(train, theirs)


def _faulty(
    graph: Graph, node: LIF, values: dict[str, NDArray], ours: Train, sentences: Sequence[Tokens]
) -> Iterator[tuple[str, Train]]:
    """Each fault, and the spikes of the layer under it; those that change nothing are left out."""
    silent = np.zeros_like(ours[:1])
    candidates = [
        ("one step late: its first step is empty, then come ours", np.concatenate([silent, ours[:-1]])),
        ("one step early: our first step is missing", np.concatenate([ours[1:], silent])),
    ]
    current = np.broadcast_to(values[node.inputs[0]], ours.shape).astype(np.int64)
    candidates += [(fault, machine.run(node, current)) for fault, machine in MACHINES.items()]
    for fault, changed in (*_weights(graph, node, values), *_look_ups(graph, node, sentences)):
        candidates.append((fault, Machine().run(node, np.broadcast_to(changed, ours.shape))))
    for fault, train in candidates:
        if not np.array_equal(train, ours):
            yield fault, train


def _weights(graph: Graph, node: LIF, values: dict[str, NDArray]) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """The input (T, M, D) of the neurons, with a fault in the weights right before them."""
    linear = graph[node.inputs[0]]
    if not isinstance(linear, Linear):
        return
    x, rounded = values[linear.inputs[0]].astype(np.float64), linear.weight & ~1
    for fault, changed in (
        ("the last bit of the weights is lost (rounded down to even)", replace(linear, weight=rounded)),
        (
            "the last bit of the weights is lost (rounded toward zero to even)",
            replace(linear, weight=(np.sign(linear.weight) * (np.abs(linear.weight) & ~1)).astype(np.int8)),
        ),
        ("the exponents of the outputs' weights are missing", replace(linear, exponent=None)),
    ):
        y = x @ changed.synapses.T.astype(np.float64)
        yield fault, (y if linear.bias is None else y + linear.bias).astype(np.int64)


def _look_ups(graph: Graph, node: LIF, sentences: Sequence[Tokens]) -> Iterator[tuple[str, NDArray]]:
    """The input (1, M, D) of the neurons, with a fault in the embedding right before them, or before their norm."""
    norms, embedding = [], graph[node.inputs[0]]
    while isinstance(embedding, LayerNorm):
        norms, embedding = [embedding, *norms], graph[embedding.inputs[0]]
    if not isinstance(embedding, Embedding):
        return
    tokens, lengths = np.concatenate(sentences), [len(tokens) for tokens in sentences]

    def current(changed: Embedding, more: NDArray | float = 0.0) -> NDArray:
        y = EmbeddingKernel(changed)([tokens], lengths)[0] + more
        for norm in norms:
            y = LayerNormKernel(norm)([y], lengths)[0]
        return y

    for fault, position in _positions(embedding):
        yield fault, current(replace(embedding, position=position))
    table, alone = embedding.neighbour, replace(embedding, neighbour=None)
    if table is not None:
        yield "the table of neighbours is left out", current(alone)
        exchanged = beside(tokens[::-1], lengths[::-1], table)[::-1]
        yield "the halves of the neighbours are exchanged; the first is of the token before", current(alone, exchanged)
        endless = beside(tokens, [len(tokens)], table)
        yield "a text's ends have neighbours in other texts; they must have none there", current(alone, endless)


def _positions(embedding: Embedding) -> Iterator[tuple[str, NDArray]]:
    """The table of positions of an embedding, with a fault in which of its rows is taken."""
    table = embedding.position
    if table is None:
        return
    yield "the positions are missing", np.zeros_like(table)
    if embedding.separator >= 0:
        parts = np.split(table, 4 if embedding.shared_words else 2)
        of_first = [part for part in parts[::2] for _ in range(2)]
        yield "the second text has the positions of the first", np.concatenate(of_first)
        if embedding.shared_words:
            unmarked = np.concatenate(parts[:2] * 2)
            yield "the tokens of both texts have the positions of those of one text alone", unmarked
