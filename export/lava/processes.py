"""The process graph of a SpikeBERT: what each Process is, its ports and their shapes.

    Embeddings ──► Block 0 ──► Block 1 ──► … ──► Head ──► Collector
        └─ lengths ─┴────────────┴────────────────┘           ▲
        └─ counts ──┴────────────┴───────── (summed) ─────────┘

A *wave* is a group of sentences that pass together: their tokens stand one after the other in R rows ("token slots"),
for T time steps; rows beyond the tokens are idle. `lengths` (S,) tells where each sentence ends, 0 where there is none.

Three granularities, with equal spikes:

    block   Embeddings, each Block and Head are an OS process each.
    layer   the same Processes, each made of one leaf a node: Lookup, Weights, Normalisation, Coincidences, Neurons,
            Stream, Decision. What a chip would hold.
    stock   no Blocks: Lava's own Dense and LIFReset wherever they can compute a layer; see `export.lava.stock`.

A process receives, computes and sends within one time step, but for two: a Block sends what it has computed in the
step before, so that all Blocks work side by side, each on another step; and so does Lava's Dense. The `delay` of a
process tells how many steps after their entry the data of a wave reach it.

`counts` (K, S) has a row for each count of `export.runtime.tally` over the whole graph: a process fills the rows of its
own nodes and leaves the others 0, and the Collector's port adds up what all of them send.

`Synapses` (Lava's Dense) and LIFReset are Lava's own, and mappable to any Loihi. The others are ours, run as CPU
models: Weights stands for synapses, Neurons, Normalisation and Stream for programmable neurons and graded spikes of
Loihi 2, Coincidences for a program on an embedded processor; Lookup, Decision, Collector and Probe are the host's part.
"""

from __future__ import annotations

from itertools import zip_longest
from pathlib import Path

import numpy as np
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.process.variable import Var
from lava.proc.dense.process import Dense

from export.ir.graph import LIF, Accumulate, Add, Attention, Embedding, LayerNorm, Linear, Node, Readout
from export.ir.sections import neurons
from export.runtime.waves import Frame
from spikebert.model.limits import LEVELS_MAX


class Embeddings(AbstractProcess):
    """Where text enters: token ids become the first spikes. `waves` holds (token ids (M,), lengths) of each wave.

    It also shows the spikes of each of its neuron layers.
    """

    def __init__(self, frame: Frame, nodes: tuple[Node, ...], waves: list, name: str):
        super().__init__(frame=frame, nodes=nodes, waves=waves, name=name)
        self.y_out = OutPort(shape=frame.tokens(nodes[-1].width))
        self.lengths_out = OutPort(shape=(frame.sentences,))
        self.counts_out = OutPort(shape=frame.counts)
        for port in LEVEL_PORTS:
            setattr(self, port, OutPort(shape=frame.tokens(nodes[-1].width)))


LEVEL_PORTS = tuple(f"level{i}_out" for i in range(LEVELS_MAX))  # of Embeddings, in the order of its neurons


class Block(AbstractProcess):
    """A transformer block: `x + SSA(x)`, then `+ MLP` where it has one. It also shows the spikes of its neuron layers.

    A block without an MLP has three of these, and uses as many of its ports.
    """

    def __init__(self, frame: Frame, nodes: tuple[Node, ...], name: str, delay: int):
        super().__init__(frame=frame, nodes=nodes, name=name, delay=delay)
        width = nodes[-1].width
        self.x_in = InPort(shape=frame.tokens(width))
        self.lengths_in = InPort(shape=(frame.sentences,))
        self.y_out = OutPort(shape=frame.tokens(width))
        self.counts_out = OutPort(shape=frame.counts)
        for port, layer in zip_longest(SPIKE_PORTS, neurons(nodes)):
            setattr(self, port, OutPort(shape=frame.tokens(width if layer is None else layer.width)))


SPIKE_PORTS = tuple(f"layer{i}_out" for i in range(5))  # of a Block, in the order of its neurons


class Head(AbstractProcess):
    """The readout: the logits of the steps so far, (S, labels)."""

    def __init__(self, frame: Frame, nodes: tuple[Node, ...], name: str, delay: int):
        super().__init__(frame=frame, nodes=nodes, name=name, delay=delay)
        inputs = nodes[-1].weight.shape[1]  # type: ignore[attr-defined]
        self.x_in = InPort(shape=frame.tokens(inputs))
        self.lengths_in = InPort(shape=(frame.sentences,))
        self.logits_out = OutPort(shape=(frame.sentences, nodes[-1].width))


class Collector(AbstractProcess):
    """Where results leave: appends each step's logits and counts to files, as plain little-endian int64.

    `delay` is that of the logits, `delays` (K,) that of each node's counts.
    """

    def __init__(self, frame: Frame, labels: int, name: str, delay: int, delays: list[int] | None = None):
        super().__init__(frame=frame, name=name, delay=delay, delays=delays)
        self.logits_in = InPort(shape=(frame.sentences, labels))
        self.counts_in = InPort(shape=frame.counts)


class Probe(AbstractProcess):
    """A logic probe on a wire of binary spikes: appends each step's (R, D) to `file`, eight to a byte."""

    def __init__(self, frame: Frame, width: int, file: Path, name: str, delay: int = 0):
        super().__init__(frame=frame, file=file, name=name, delay=delay)
        self.x_in = InPort(shape=frame.tokens(width))


class Lookup(AbstractProcess):
    """The Embedding node alone."""

    def __init__(self, frame: Frame, node: Embedding, waves: list, name: str):
        super().__init__(frame=frame, node=node, waves=waves, name=name)
        self.y_out = OutPort(shape=frame.tokens(node.width))
        self.lengths_out = OutPort(shape=(frame.sentences,))


class _Leaf(AbstractProcess):
    """One node of the graph: token rows in, token rows out."""

    def __init__(self, frame: Frame, node: Node, inputs: int, name: str, delay: int = 0):
        super().__init__(frame=frame, node=node, name=name, delay=delay)
        self.x_in = InPort(shape=frame.tokens(inputs))
        self.lengths_in = InPort(shape=(frame.sentences,))
        self.y_out = OutPort(shape=frame.tokens(node.width))


class Weights(_Leaf):
    """A Linear node."""


class Normalisation(_Leaf):
    """A LayerNorm node."""


class _CountingLeaf(_Leaf):
    """A leaf that counts what `export.runtime.tally` says of its node."""

    def __init__(self, frame: Frame, node: Node, inputs: int, name: str, delay: int = 0):
        super().__init__(frame, node, inputs, name, delay)
        self.counts_out = OutPort(shape=frame.counts)


class Coincidences(_CountingLeaf):
    """An Attention node; it counts the spikes that meet."""


class Neurons(_CountingLeaf):
    """A LIF node; it counts its spikes."""


class Stream(AbstractProcess):
    """An Add or an Accumulate of two inputs: the residual stream; an Add counts its non-zero events.

    One that `holds` sends what it has added in the step before: the last of a Block.
    """

    def __init__(self, frame: Frame, node: Add | Accumulate, name: str, delay: int, holds: bool):
        super().__init__(frame=frame, node=node, name=name, delay=delay, holds=holds)
        self.x_in = InPort(shape=frame.tokens(node.width))
        self.other_in = InPort(shape=frame.tokens(node.width))
        self.lengths_in = InPort(shape=(frame.sentences,))
        self.y_out = OutPort(shape=frame.tokens(node.width))
        self.counts_out = OutPort(shape=frame.counts)


class Decision(AbstractProcess):
    """The Readout node alone."""

    def __init__(self, frame: Frame, node: Readout, name: str, delay: int = 0):
        super().__init__(frame=frame, node=node, name=name, delay=delay)
        self.x_in = InPort(shape=frame.tokens(node.weight.shape[1]))
        self.lengths_in = InPort(shape=(frame.sentences,))
        self.logits_out = OutPort(shape=(frame.sentences, node.width))


class Synapses(Dense):
    """Lava's own Dense over R token slots: each column is a Dense of its own on a chip, and all share these weights.

    The token axis is all that is added: Dense's bit-accurate model, which runs it unchanged, multiplies a matrix
    (D_in, R) as it does a vector (D_in,), provided that messages are graded.
    """

    def __init__(self, frame: Frame, weights: np.ndarray, num_message_bits: int, name: str):
        # Mixed-sign weights lose their lowest bit: it is given as a 0, and the product is shifted back.
        super().__init__(weights=2 * weights, weight_exp=-1, num_message_bits=num_message_bits, name=name)
        outputs, inputs = weights.shape
        self.s_in = InPort(shape=(inputs, frame.rows))
        self.a_out = OutPort(shape=(outputs, frame.rows))
        self.a_buff = Var(shape=(outputs, frame.rows), init=0)


LEAVES: dict[type[Node], type[_Leaf]] = {
    Linear: Weights,
    LayerNorm: Normalisation,
    Attention: Coincidences,
    LIF: Neurons,
}
