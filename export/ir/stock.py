"""What Lava's own `Dense` and `LIF` can hold exactly, and the refusal, by name, of what they cannot.

These are also the limits of a Loihi 1-class chip, whose registers Lava's own models imitate. Lava declares the widths
below but does not enforce them: a value beyond them would wrap or be computed as no chip could.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from export.ir.graph import INPUT_SHIFT, LIF, Accumulate, Attention, Graph, LayerNorm, Linear, NeuronLayer
from export.ir.ranges import output_bounds
from spikebert.core.errors import InputError

CURRENT_MAX = 2**17 - 1  # an input is shifted left by 6 into a current of 24 bits, which wraps
THRESHOLD_MAX = 2**17 - 1  # 17 bits
DECAY_MAX = 2**12 - 1  # 12 bits
MANTISSA_MAX = 2**12 - 1  # 13 bits, signed
BIAS_EXPONENT_MAX = 7  # 3 bits
NO_CURRENT_MEMORY = 4095  # du: the synaptic current of the step before is gone


def check_stock(graph: Graph) -> None:
    """An InputError names the first layer that Lava's own processes cannot compute exactly.

    Two kinds of neurons are left out, which may be a process of ours: those behind an attention, before which its own
    process stands in any case, and those at the entrance of a branch of a membrane residual, which have a threshold
    each.
    """
    currents = _current_bounds(graph)
    behind_attention = {n.name for n in graph.neurons if isinstance(graph[n.inputs[0]], Attention)}
    left_out = behind_attention | entrances(graph)
    for node in graph:
        reason = None
        if isinstance(node, LayerNorm):
            reason = "Lava has no layer norm of its own; train with norm 'batch', which is folded away"
        elif isinstance(node, Linear) and node.bias is not None:
            reason = "Lava's own Dense has no bias; export with the bias in the neuron"
        elif isinstance(node, Linear) and node.exponent is not None:
            reason = "Lava's own Dense has one weight exponent for all outputs; export without --per-channel"
        elif isinstance(node, NeuronLayer) and node.name not in left_out:
            reason = neuron_refusal(node, currents[node.inputs[0]])
        if reason:
            raise InputError(f"layer {node.name}: {reason} (or simulate with granularity block or layer)")


def entrances(graph: Graph) -> set[str]:
    """The neuron layers that read a stream of currents, or what such a stream begins with."""
    streams = {source for n in graph if isinstance(n, Accumulate) for source in (n.name, n.inputs[0])}
    return {n.name for n in graph.neurons if n.inputs[0] in streams}


def stock_neurons(graph: Graph) -> set[str]:
    """The neuron layers that Lava's LIF computes exactly."""
    currents = _current_bounds(graph)
    return {node.name for node in graph.neurons if neuron_refusal(node, currents[node.inputs[0]]) is None}


def neuron_refusal(node: NeuronLayer, current: int) -> str | None:
    """Why Lava's bit-accurate LIF cannot compute these neurons with inputs of up to ±current, or None where it can."""
    if not isinstance(node, LIF):
        return f"Lava has no {type(node).__name__} neurons of its own"
    if node.reset != "zero":
        return f"Lava's own LIF resets to zero, not by {node.reset!r}; train with reset 'zero'"
    if node.threshold.size > 1:
        return "Lava's own LIF has one threshold for all its neurons; export with one weight scale a layer"
    if (int(node.threshold[0]) - 1) % 2**INPUT_SHIFT:
        value = int(node.threshold[0])
        return f"threshold {value} is not 64 · vth + 1, as the strict > of Lava's own LIF needs; export again"
    if stock_threshold(node) > THRESHOLD_MAX:
        return f"threshold {int(node.threshold[0])} is beyond 17 bits · 64; export with fewer weight bits"
    if node.decay > DECAY_MAX:
        return f"decay {node.decay} is beyond {DECAY_MAX}; train with a beta above 0"
    mantissa, _ = stock_bias(node)
    if np.abs(mantissa).max() > MANTISSA_MAX:
        return f"bias {_largest(node.bias)} is no 13-bit mantissa times 2^{BIAS_EXPONENT_MAX} or less; export again"
    if current > CURRENT_MAX:
        return f"an input of up to {current} can overflow the 24-bit current; export with fewer weight bits"
    return None


def stock_threshold(node: NeuronLayer) -> int:
    """`vth` of Lava's own LIF that fires when this node does: `v > 64 · vth` is `v >= 64 · vth + 1`."""
    return (int(node.threshold[0]) - 1) >> INPUT_SHIFT


def stock_bias(node: NeuronLayer) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """`(mantissa, exponent)` with `bias = mantissa · 2^exponent`: the largest exponent that loses no bit."""
    bias = node.bias.astype(np.int32)
    lowest = np.where(bias == 0, 1, bias & -bias)  # the lowest set bit
    exponent = np.minimum(np.log2(lowest).astype(np.int32), BIAS_EXPONENT_MAX)
    return bias >> exponent, exponent


def _current_bounds(graph: Graph) -> dict[str, int]:
    """The largest magnitude of each node's output; of a Linear tighter than in `export.ir.ranges`.

    What a Linear reads is never negative, so its positive and its negative weights cannot add up.
    """
    bounds = output_bounds(graph)
    for node in graph:
        if isinstance(node, Linear):
            weight = node.synapses.astype(np.int64)
            positive, negative = np.maximum(weight, 0).sum(1).max(), np.maximum(-weight, 0).sum(1).max()
            bounds[node.name] = bounds[node.inputs[0]] * int(max(positive, negative))
    return bounds


def _largest(array: NDArray) -> int:
    return int(np.abs(array.astype(np.int64)).max())
