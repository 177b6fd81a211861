"""Quantisation: the folded float graph becomes the integer graph.

Weights are symmetric, `w_int = round(w / scale)`, with the scale of least squared error. Each output may have a power
of two of its own besides. Everything behind a weight is expressed in the unit of its accumulator: biases, thresholds
and the layer norm's epsilon.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import singledispatch

import numpy as np

from export.ir.arithmetic import GAIN_BITS, NORM_BITS, STATE_MAX, leaves_no_remainder
from export.ir.graph import (
    DECAY_BITS,
    INPUT_SHIFT,
    LIF,
    WEIGHT_EXPONENT_MAX,
    Accumulate,
    Add,
    Attention,
    Embedding,
    LayerNorm,
    Linear,
    Node,
    Readout,
)
from export.lower.float_graph import (
    FloatAccumulate,
    FloatAdd,
    FloatAttention,
    FloatEmbedding,
    FloatGraph,
    FloatLayerNorm,
    FloatLIF,
    FloatLinear,
    FloatNode,
    FloatReadout,
)
from spikebert.core.errors import InputError

BIAS_MANTISSA_BITS = 13  # a Loihi bias is a signed 13-bit mantissa times a power of two
SAMPLE = 100_000  # so many weights of an array decide its scale
CLIP_SHARES = np.linspace(1.0, 0.3, 29)  # of the largest weight
ROUNDING = 1e-6  # of float32: what has been on a grid stays on it
MEAN_BITS = 12  # fraction bits of the readout's mean in the unit of spikes or normalised values
FINEST = 2.0**-MEAN_BITS  # unit of a stream of currents, though a branch of faint weights would like a finer one


Weights = tuple[np.ndarray, np.ndarray, np.ndarray | None]  # int8 weights, (1,) scale, exponents of the outputs


@dataclass
class Quantizer:
    """Walks the float graph; `units` holds what one integer unit of each node's output is worth."""

    weight_bits: int = 8
    per_channel: bool = False  # a power of two for each output
    steps: int = 4  # T
    units: dict[str, np.ndarray] = field(default_factory=dict)
    weighted: set[str] = field(default_factory=set)  # names of the linear layers
    steps_of_two: set[str] = field(default_factory=set)  # names of the nodes whose unit is to be a power of two
    stream_unit: float = 1.0  # of the streams of currents
    rounded: dict[str, Weights] = field(default_factory=dict)  # of the Linear nodes, by name

    def __call__(self, graph: FloatGraph) -> tuple[Node, ...]:
        self.steps_of_two = {source for n in graph if isinstance(n, FloatAccumulate) for source in n.inputs}
        self.stream_unit = min([1.0, *(self._finest(n) for n in graph if n.name in self.steps_of_two)])
        return tuple(_quantize(node, self) for node in graph)

    def _finest(self, node: FloatNode) -> float:
        """What one unit of a node is worth that a stream of currents adds up."""
        if isinstance(node, FloatEmbedding):
            return power_of_two_scale(node.words, 8)
        return self.weights(node)[1][0] if isinstance(node, FloatLinear) else 1.0

    def weights(self, node: FloatLinear) -> Weights:
        if node.name not in self.rounded:
            even = node.name in self.steps_of_two
            if self.per_channel:
                self.rounded[node.name] = by_output(node.weight, self.weight_bits, even)
            else:
                self.rounded[node.name] = *symmetric(node.weight, self.weight_bits, even), None
        return self.rounded[node.name]


def symmetric(weight: np.ndarray, bits: int, power_of_two: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """(int8 weights, (1,) float64 scale) of the whole array."""
    scale = power_of_two_scale(weight, bits) if power_of_two else best_scale(weight, bits)
    return rounded(weight / scale, bits), np.array([scale])


def rounded(weight: np.ndarray, bits: int) -> np.ndarray:
    """The nearest integers that `bits` can hold, int8."""
    top = 2 ** (bits - 1) - 1
    return np.clip(np.rint(weight), -top, top).astype(np.int8)


def best_scale(weight: np.ndarray, bits: int) -> float:
    """The scale of least squared error: a few outliers are cut off where that makes the steps of all others finer."""
    largest = np.abs(weight).max() / (2 ** (bits - 1) - 1)
    return least_error(weight, bits, [float(largest * share) for share in CLIP_SHARES]) if largest else 1.0


def power_of_two_scale(weight: np.ndarray, bits: int) -> float:
    """As `best_scale`, of the powers of two alone, FINEST to 1."""
    largest = np.abs(weight).max() / (2 ** (bits - 1) - 1)
    if not largest:
        return 1.0
    top = min(0, int(np.ceil(np.log2(largest))))
    return least_error(weight, bits, [max(FINEST, 2.0 ** (top - places)) for places in range(3)])


def least_error(weight: np.ndarray, bits: int, scales: Sequence[float]) -> float:
    """That of the scales whose rounding has the least squared error."""
    values = weight.ravel()[:: max(1, weight.size // SAMPLE)]

    def error(scale: float) -> float:
        return float(np.square(values - rounded(values / scale, bits) * scale).sum())

    return min(scales, key=error)


def by_output(weight: np.ndarray, bits: int, power_of_two: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(int8 weights, (1,) scale, (D,) int8 exponents): row i stands for `weights · 2^exponent[i] · scale`."""
    best = power_of_two_scale if power_of_two else best_scale
    scales = [best(row, bits) if row.any() else 0.0 for row in weight]  # a row of zeros asks for none
    finest = (max(scales) or 1.0) / 2**WEIGHT_EXPONENT_MAX
    if power_of_two:
        finest = max(finest, FINEST)
    chosen = [_exponent(row, bits, scale, finest) for row, scale in zip(weight, scales, strict=True)]
    exponent = np.array(chosen, np.int8)
    steps = finest * 2.0**exponent
    return rounded(weight / steps[:, None], bits), np.array([finest]), exponent


def _exponent(row: np.ndarray, bits: int, scale: float, finest: float) -> int:
    """The power of two for a row that asks for `scale`: one that clips no more, and of those that of least error.

    That is the next one up; a row that has been on a grid stays on it.
    """
    least = max(0, math.ceil(math.log2(scale / finest) - ROUNDING)) if scale else 0
    steps = [finest * 2.0**exponent for exponent in range(least, WEIGHT_EXPONENT_MAX + 1)]
    return least + steps.index(least_error(row, bits, steps))


def round_to(value: np.ndarray, unit: np.ndarray | float, dtype: type[np.integer], name: str, field: str) -> np.ndarray:
    """`round(value / unit)`, checked against the range of `dtype`."""
    rounded = np.rint(value / unit)
    largest, limit = np.abs(rounded).max(initial=0), np.iinfo(dtype).max
    if not largest <= limit:
        raise InputError(f"layer {name}: {field} {largest:.6g} does not fit {np.dtype(dtype).name} (at most {limit})")
    return rounded.astype(dtype)


def loihi_bias(bias: np.ndarray, unit: float, name: str, least: int = 0) -> np.ndarray:
    """Biases in state units, each a 13-bit mantissa times one power of two for the layer, as Loihi stores them.

    The power's exponent is `least` or above.
    """
    state = bias / unit * 2**INPUT_SHIFT
    top = 2 ** (BIAS_MANTISSA_BITS - 1) - 1
    largest = max(np.abs(state).max() / top, 1.0)
    exponent = max(least, int(np.ceil(np.log2(largest) - ROUNDING)))
    mantissa = round_to(state, 2.0**exponent, np.int16, name, "bias mantissa")
    return round_to(np.ldexp(mantissa.astype(np.float64), exponent), 1.0, np.int32, name, "bias")


@singledispatch
def _quantize(node: FloatNode, quantizer: Quantizer) -> Node:
    raise NotImplementedError(type(node).__name__)


@_quantize.register
def _(node: FloatEmbedding, quantizer: Quantizer) -> Node:
    words, scale = symmetric(node.words, 8, node.name in quantizer.steps_of_two)
    word, neighbour = (words, None) if node.neighbour is None else np.split(words, 2)
    position = None if node.position is None else round_to(node.position, scale, np.int16, node.name, "position")
    quantizer.units[node.name] = scale
    return Embedding(node.name, node.inputs, word, position, scale, node.separator, node.shared_words, neighbour)


@_quantize.register
def _(node: FloatLinear, quantizer: Quantizer) -> Node:
    weight, scale, exponent = quantizer.weights(node)
    bias = None if node.bias is None else round_to(node.bias, scale, np.int32, node.name, "bias")
    quantizer.units[node.name] = scale
    quantizer.weighted.add(node.name)
    return Linear(node.name, node.inputs, weight, bias, quantizer.weight_bits, scale, exponent)


@_quantize.register
def _(node: FloatLayerNorm, quantizer: Quantizer) -> Node:
    gain = round_to(node.gain, 2.0**-GAIN_BITS, np.int16, node.name, "gain")
    bias = round_to(node.bias, 2.0**-NORM_BITS, np.int32, node.name, "bias")
    features = len(gain) // node.groups
    unit = float(quantizer.units[node.inputs[0]][0])
    epsilon = round(node.epsilon / unit**2 * features**2)
    quantizer.units[node.name] = np.array([2.0**-NORM_BITS])
    return LayerNorm(node.name, node.inputs, gain, bias, epsilon, node.groups)


@_quantize.register
def _(node: FloatLIF, quantizer: Quantizer) -> Node:
    unit = float(quantizer.units[node.inputs[0]][0])
    threshold = np.atleast_1d(node.threshold) / unit * 2**INPUT_SHIFT
    folded = node.bias is not None
    entrance = np.ndim(node.threshold) > 0  # in the finest unit; Lava's own LIF has one threshold
    if folded and node.reset == "zero" and not entrance:
        # Loihi's neurons fire at v > 64 · vth: choose the threshold on that grid, one above it for our >=.
        threshold = np.rint((threshold - 1) / 2**INPUT_SHIFT) * 2**INPUT_SHIFT + 1
    if threshold.max() > STATE_MAX:
        raise InputError(f"layer {node.name}: threshold {threshold.max():.6g} is beyond the 24-bit state ({STATE_MAX})")
    decay = round((1.0 - node.beta) * 2**DECAY_BITS)
    least = INPUT_SHIFT if not entrance and _has_whole_bias(node, decay, quantizer) else 0
    bias = np.zeros(1, np.int32) if node.bias is None else loihi_bias(node.bias, unit, node.name, least)
    quantizer.units[node.name] = np.ones(1)
    return LIF(node.name, node.inputs, node.size, np.rint(threshold).astype(np.int32), decay, bias, node.reset)


def _has_whole_bias(node: FloatLIF, decay: int, quantizer: Quantizer) -> bool:
    """Whether the bias shall count in whole weight units.

    Behind weights, because lava-dl's format can hold no others (it adds the bias to the accumulator); where the decay
    leaves no remainder, because the bias shall not, either.
    """
    in_stock_chain = node.reset == "zero" and node.inputs[0] in quantizer.weighted
    return in_stock_chain or leaves_no_remainder(decay, quantizer.steps)


@_quantize.register
def _(node: FloatAttention, quantizer: Quantizer) -> Node:
    assert node.scale == 1.0, "fold_attention_scales comes first"
    quantizer.units[node.name] = np.ones(1)
    return Attention(node.name, node.inputs, node.size, node.heads)


@_quantize.register
def _(node: FloatAdd, quantizer: Quantizer) -> Node:
    quantizer.units[node.name] = np.ones(1)
    return Add(node.name, node.inputs, node.size)


@_quantize.register
def _(node: FloatAccumulate, quantizer: Quantizer) -> Node:
    unit = quantizer.stream_unit
    shift = np.array([round(np.log2(quantizer.units[source][0] / unit)) for source in node.inputs], np.int8)
    quantizer.units[node.name] = np.array([unit])
    return Accumulate(node.name, node.inputs, node.size, shift, np.array([unit]))


@_quantize.register
def _(node: FloatReadout, quantizer: Quantizer) -> Node:
    weight, scale = symmetric(node.weight, 8)
    unit = float(quantizer.units[node.inputs[0]][0])
    shift = MEAN_BITS + round(np.log2(unit))  # the mean then counts in 2^-12
    scale = scale * 2.0**-MEAN_BITS
    return Readout(
        node.name, node.inputs, weight, round_to(node.bias, scale, np.int32, node.name, "bias"), shift, scale
    )
