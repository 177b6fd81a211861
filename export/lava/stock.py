"""The process graph of Lava's own processes: LIFReset for neurons, Dense for weights, port sums for residual streams.

Ours remain the host's part (Lookup, Decision), Coincidences, and behind it Neurons where LIFReset cannot hold them.
Everything that Lava's own processes do by themselves is met by timing:

- A Dense sends the accumulator of the step before: each Linear delays its branch by a step. A stream that joins a later
  branch passes through as many identity Denses; several ports that lead to one input port add up.
- A LIFReset starts from rest at time steps `1 + delay` modulo T, when the first data of a wave reach it: until then its
  biases have driven it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatch
from typing import NamedTuple

import numpy as np
from lava.magma.core.process.ports.ports import InPort, OutPort, TransposePort
from lava.magma.core.process.process import AbstractProcess
from lava.proc.lif.process import LIFReset

from export.ir.graph import LIF, Accumulate, Add, Attention, Embedding, Graph, Linear, Node, Readout
from export.ir.stock import NO_CURRENT_MEMORY, stock_bias, stock_neurons, stock_threshold
from export.lava.processes import Coincidences, Collector, Decision, Lookup, Neurons, Probe, Synapses
from export.runtime.waves import Frame

SHIFT_MAX = 6  # of one Dense: its weights have 8 bits


class Signal(NamedTuple):
    """What a node gives: the sum of `ports` (R, D), `delay` steps after the wave has entered."""

    ports: tuple[OutPort | TransposePort, ...]
    delay: int

    def connect(self, target: InPort) -> None:
        for port in self.ports:
            port.connect(target)

    def connect_transposed(self, target: InPort) -> None:
        for port in self.ports:
            port.transpose((1, 0)).connect(target)


class Site:
    """A process graph under construction."""

    def __init__(self, graph: Graph, waves: list, frame: Frame):
        self.frame = frame
        self.stock_neurons = stock_neurons(graph)
        self.depth = 0  # the delay of the logits
        embedding, *others = graph
        assert isinstance(embedding, Embedding)
        self.lookup = Lookup(frame, embedding, waves, name=embedding.name)
        signals = {embedding.name: Signal((self.lookup.y_out,), 0)}
        for node in others:
            signals[node.name] = _place(node, [signals[source] for source in node.inputs], self)

    def synapses(self, name: str, weights: np.ndarray, source: Signal, bound: int) -> Signal:
        """`weights` (D_out, D_in) on a signal of values up to `bound`."""
        dense = Synapses(self.frame, weights, max(1, bound.bit_length()), name=name)
        source.connect_transposed(dense.s_in)
        return Signal((dense.a_out.transpose((1, 0)),), source.delay + 1)


def build_stock(graph: Graph, waves: list, frame: Frame) -> tuple[AbstractProcess, int]:
    """Create and connect all processes of a graph that `export.ir.stock.check_stock` has passed.

    Every neuron layer has a Probe, since Lava's own neurons cannot count.

    Returns:
        (the process to run, the time steps that the logits come after their wave)
    """
    site = Site(graph, waves, frame)
    return site.lookup, site.depth


@singledispatch
def _place(node: Node, inputs: Sequence[Signal], site: Site) -> Signal:
    raise NotImplementedError(type(node).__name__)


@_place.register
def _(node: Linear, inputs: Sequence[Signal], site: Site) -> Signal:
    return site.synapses(node.name, node.weight.astype(np.int32), inputs[0], site.frame.bounds[node.inputs[0]])


@_place.register
def _(node: LIF, inputs: Sequence[Signal], site: Site) -> Signal:
    source, frame = inputs[0], site.frame
    shape = frame.tokens(node.width)
    if node.name in site.stock_neurons:
        mantissa, exponent = (np.broadcast_to(part, shape).copy() for part in stock_bias(node))
        neurons = LIFReset(
            shape=shape,
            du=NO_CURRENT_MEMORY,
            dv=node.decay,
            vth=stock_threshold(node),
            bias_mant=mantissa,
            bias_exp=exponent,
            reset_interval=frame.steps,
            reset_offset=(1 + source.delay) % frame.steps,
            name=node.name,
        )
        source.connect(neurons.a_in)
        spikes = neurons.s_out
    else:
        neurons = Neurons(frame, node, node.width, name=node.name, delay=source.delay)
        source.connect(neurons.x_in)
        site.lookup.lengths_out.connect(neurons.lengths_in)
        spikes = neurons.y_out
    file = frame.spike_file(node.name)
    spikes.connect(Probe(frame, node.width, file, name=f"probe {node.name}", delay=source.delay).x_in)
    return Signal((spikes,), source.delay)


@_place.register
def _(node: Attention, inputs: Sequence[Signal], site: Site) -> Signal:
    leaf = Coincidences(site.frame, node, 3 * node.width, name=node.name, delay=inputs[0].delay)
    inputs[0].connect(leaf.x_in)
    site.lookup.lengths_out.connect(leaf.lengths_in)
    return Signal((leaf.y_out,), inputs[0].delay)


@_place.register
def _(node: Add, inputs: Sequence[Signal], site: Site) -> Signal:
    return _joined(node, inputs, [0] * len(inputs), site)


@_place.register
def _(node: Accumulate, inputs: Sequence[Signal], site: Site) -> Signal:
    """The shift of an input is a factor of the synapses that it passes through to be in time."""
    return _joined(node, inputs, node.shift.tolist(), site)


def _joined(node: Node, inputs: Sequence[Signal], shifts: Sequence[int], site: Site) -> Signal:
    """The inputs of a stream, delayed so that they meet by Denses that also shift them to the left."""
    ports: list[OutPort | TransposePort] = []
    latest = max(signal.delay + -(-left // SHIFT_MAX) for signal, left in zip(inputs, shifts, strict=True))
    for number, (signal, source, left) in enumerate(zip(inputs, node.inputs, shifts, strict=True)):
        bound = site.frame.bounds[source]
        for step in range(latest - signal.delay):
            places = min(left, SHIFT_MAX)
            synapses = np.eye(node.width, dtype=np.int32) << places
            signal = site.synapses(f"{node.name} input {number} delay {step + 1}", synapses, signal, bound)
            bound, left = bound << places, left - places
        ports += signal.ports
    return Signal(tuple(ports), latest)


@_place.register
def _(node: Readout, inputs: Sequence[Signal], site: Site) -> Signal:
    source = inputs[0]
    decision = Decision(site.frame, node, name=node.name, delay=source.delay)
    source.connect(decision.x_in)
    site.lookup.lengths_out.connect(decision.lengths_in)
    collector = Collector(site.frame, node.width, name="collector", delay=source.delay)
    decision.logits_out.connect(collector.logits_in)
    site.depth = source.delay
    return Signal((decision.logits_out,), source.delay)
