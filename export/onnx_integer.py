"""`--to onnx-integer`: the integer graph in ONNX operators on integers, bit-equal to the simulator; see docs/onnx.md.

Values between nodes are int64, in which none of them can overflow (`export.ranges`); weights are int8. ONNX shifts
unsigned integers alone, so shifts are multiplications and divisions by powers of two: `Div` truncates, as a decay does,
and `Mod` has the sign of the divisor, which gives the floor that layer norm and readout ask for.
"""

from __future__ import annotations

import os
from functools import singledispatch
from pathlib import Path

import numpy as np
import onnx

from export.arithmetic import GAIN_BITS, NORM_BITS, STATE_MAX, UNIT_BITS
from export.graph import (
    DECAY_BITS,
    INPUT_SHIFT,
    LIF,
    Add,
    Attention,
    Embedding,
    Graph,
    LayerNorm,
    Linear,
    Node,
    Readout,
)
from export.nir import checksum
from export.onnx_builder import LOGITS, Builder, save
from export.product import INPUT_MAX
from export.ranges import output_bounds

TITLE = "SpikeBERT, the integer graph: exactly the integers that a chip computes, every spike and every logit."
POWERS = 4 ** np.arange(32, dtype=np.int64)  # 4^k, all that int64 holds


def write(graph: Graph, path: str | os.PathLike[str]) -> None:
    save(build(graph), Path(path))


def build(graph: Graph) -> onnx.ModelProto:
    """The checked ONNX model."""
    builder, bounds = Builder(graph.time_steps, np.int64), output_bounds(graph)
    values: dict[str, str] = {}
    for node in graph:
        builder.scope = node.name
        bound = max((bounds[source] for source in node.inputs), default=0)
        values[node.name] = _emit(node, builder, [values[source] for source in node.inputs], bound)
    readout = graph.nodes[-1]
    return builder.finish(
        TITLE,
        graph.labels,
        graph.tokenizer,
        kind="integer",
        max_tokens=graph.max_tokens,
        graph_checksum=checksum(graph),
        logit_scale=float(readout.arrays["scale"][0]),
    )


def _floor_divide(builder: Builder, value: str, divisor: str) -> str:
    """floor(value / divisor) for divisors above 0."""
    whole = builder.op("Sub", value, builder.op("Mod", value, divisor))
    return builder.op("Div", whole, divisor)


@singledispatch
def _emit(node: Node, builder: Builder, inputs: list[str], bound: int) -> str:
    """Add the operators of a node whose input lies within ±bound; gives the name of its output (T, B, N, D) int64."""
    raise NotImplementedError(type(node).__name__)


@_emit.register
def _(node: Embedding, builder: Builder, inputs: list[str], bound: int) -> str:
    return builder.embedding(node.word, node.position)


@_emit.register
def _(node: Linear, builder: Builder, inputs: list[str], bound: int) -> str:
    """An 8-bit product where the input is small enough for every processor's, else one of 64 bits."""
    if bound <= INPUT_MAX:
        product = builder.op("MatMulInteger", builder.cast(inputs[0], np.uint8), node.weight.T)
        y = builder.cast(product, np.int64)
    else:
        y = builder.op("MatMul", inputs[0], builder.cast(builder.constant(node.weight.T), np.int64))
    if node.exponent is not None:
        y = builder.op("Mul", y, 2 ** node.exponent.astype(np.int64))
    return y if node.bias is None else builder.op("Add", y, node.bias.astype(np.int64))


@_emit.register
def _(node: LayerNorm, builder: Builder, inputs: list[str], bound: int) -> str:
    """The equations of `arithmetic.layer_norm`."""
    n = node.width // node.groups
    size = builder.constant(np.int64(n))
    last = builder.constant(np.array([-1]))
    parts = builder.op("Reshape", inputs[0], np.array([0, 0, 0, node.groups, n]))
    total = builder.op("ReduceSum", parts, last)  # (T, B, N, groups, 1)
    squares = builder.op("ReduceSum", builder.op("Mul", parts, parts), last)
    spread = builder.op("Sub", builder.op("Mul", squares, size), builder.op("Mul", total, total))
    spread = builder.op("Max", builder.op("Add", spread, np.int64(node.epsilon)), np.int64(1))
    root, divisor = _reciprocal_sqrt(builder, spread)
    centred = builder.op("Sub", builder.op("Mul", parts, size), total)
    z = _floor_divide(builder, builder.op("Mul", centred, root), divisor)
    z = builder.op("Reshape", z, np.array([0, 0, 0, node.width]))
    bits = UNIT_BITS + GAIN_BITS - NORM_BITS
    scaled = builder.op("Mul", z, node.gain.astype(np.int64))
    rounded = builder.op("Add", scaled, np.int64(2 ** (bits - 1)))
    y = _floor_divide(builder, rounded, builder.constant(np.int64(2**bits)))
    return builder.op("Add", y, node.bias.astype(np.int64))


def _reciprocal_sqrt(builder: Builder, value: str) -> tuple[str, str]:
    """`arithmetic.reciprocal_sqrt`: r, and 2^(31 + e - UNIT_BITS), by which r times a value is then divided.

    With 4^k <= value < 4^(k + 1), e is k - 15: k counts the powers of four that the value reaches. The root is taken in
    float64, whose square roots are correctly rounded: below 2^52 their floor is the integer root.
    """
    reached = builder.op("GreaterOrEqual", value, POWERS)  # (T, B, N, groups, 32)
    count = builder.op("ReduceSum", builder.cast(reached, np.int64), np.array([-1]))
    k = builder.op("Sub", count, np.int64(1))  # (T, B, N, groups, 1)
    e = np.arange(32) - 15
    larger = builder.op("Mul", value, builder.op("Gather", POWERS[np.maximum(-e, 0)], k))
    mantissa = builder.op("Div", larger, builder.op("Gather", POWERS[np.maximum(e, 0)], k))
    square = builder.op("Div", np.int64(2**62), mantissa)
    root = builder.op("Floor", builder.op("Sqrt", builder.cast(square, np.float64)))
    return builder.cast(root, np.int64), builder.op("Gather", 2 ** (31 + e - UNIT_BITS), k)


@_emit.register
def _(node: LIF, builder: Builder, inputs: list[str], bound: int) -> str:
    """The equations of `arithmetic.lif_step`."""
    numbers = (0, 2**DECAY_BITS - node.decay, 2**DECAY_BITS, -STATE_MAX, STATE_MAX)
    zero, keep, whole, least, most = (builder.constant(np.int64(number)) for number in numbers)
    threshold = builder.constant(node.threshold.astype(np.int64))
    drive = builder.op("Mul", inputs[0], np.int64(2**INPUT_SHIFT))
    drive = builder.op("Add", drive, node.bias.astype(np.int64))
    membrane, fired = "", []
    for current in builder.split(drive, builder.steps, axis=0):
        if fired:
            kept = builder.op("Div", builder.op("Mul", membrane, keep), whole)
            if node.reset == "zero":
                kept = builder.op("Where", fired[-1], zero, kept)
            else:
                kept = builder.op("Sub", kept, builder.op("Where", fired[-1], threshold, zero))
            current = builder.op("Add", kept, current)
        membrane = builder.op("Clip", current, least, most)
        fired.append(builder.op("GreaterOrEqual", membrane, threshold))
    return builder.spikes(node.name, node.size, fired)


@_emit.register
def _(node: Attention, builder: Builder, inputs: list[str], bound: int) -> str:
    return builder.coincidences(inputs[0], node.heads, node.size)


@_emit.register
def _(node: Add, builder: Builder, inputs: list[str], bound: int) -> str:
    y = inputs[0]
    for other in inputs[1:]:
        y = builder.op("Add", y, other)  # ONNX's Sum, which takes many, is for floating point alone
    return y


@_emit.register
def _(node: Readout, builder: Builder, inputs: list[str], bound: int) -> str:
    """The equations of `arithmetic.readout`."""
    total, events = builder.sum_and_events(inputs[0])
    mean = _floor_divide(builder, builder.op("Mul", total, np.int64(2**node.shift)), events)
    weight = builder.cast(builder.constant(node.weight.T), np.int64)
    return builder.op("Add", builder.op("MatMul", mean, weight), node.bias.astype(np.int64), output=LOGITS)
