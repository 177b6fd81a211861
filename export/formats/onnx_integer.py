"""`--to onnx-integer`: the integer graph in standard ONNX operators on integer tensors: what a chip computes.

Weights are int8 and products `MatMulInteger`; membranes, norms and the readout are int64, whose `Div` rounds toward
zero, as Loihi's decay does. The one detour is the exponent in the layer norm's square root, which is found by
comparisons (ONNX cannot count leading zeros), and the root itself, which is taken in float64, where it is exact. Every
value is named as the node that gives it, (T, B, N, D).
"""

from __future__ import annotations

import os
from functools import singledispatch

import numpy as np
from onnx import TensorProto, helper

from export.formats.onnx_builder import Builder, coincidences, embed, save
from export.formats.onnx_notes import IntegerNotes
from export.ir.arithmetic import GAIN_BITS, NORM_BITS, STATE_MAX, UNIT_BITS
from export.ir.graph import (
    DECAY_BITS,
    INPUT_SHIFT,
    LIF,
    NO_MARGIN,
    Accumulate,
    Add,
    Attention,
    Embedding,
    Graph,
    LayerNorm,
    Linear,
    Node,
    Readout,
)
from export.ir.nir import checksum
from export.ir.product import INPUT_MAX, UNSAFE_OUTPUTS, safe
from export.ir.ranges import output_bounds
from spikebert.core.errors import InputError

DOC = "The integer SpikeBERT, unrolled over its time steps: spike for spike what the exported file and a chip compute."
FORMAT, FORMAT_VERSION = "spikebert-onnx-integer", 1
I64, I32, U8 = TensorProto.INT64, TensorProto.INT32, TensorProto.UINT8
LONGEST = 16  # pairs of bits that the variance of a layer norm, below 2^63, may be beyond 2^32, or short of 2^30


class IntegerBuilder(Builder):
    def __init__(self, steps: int):
        super().__init__(steps)
        self.mask = self("Unsqueeze", "attention_mask", self.ints(2))  # (B, N, 1)

    def long(self, value: object) -> str:
        return self.constant(value, np.int64)

    def floor(self, value: str, divisor: str, name: str | None = None) -> str:
        """value / divisor, rounded down (`Div` alone rounds toward zero)."""
        return self("Div", self("Sub", value, self("Mod", value, divisor)), divisor, name=name)


def write(graph: Graph, path: str | os.PathLike[str]) -> None:
    """Write the file: `input_ids`, `attention_mask` (B, N) int64, both axes free → `logits` (B, labels) int64.

    Of a model with an early exit all steps are computed, and the logits are those of the step that ended the text.

    Raises:
        InputError: for a stream beyond 7 bits, which not every processor's 8-bit products can take, or logits so large
            that their difference needs more than 64 bits.
    """
    check(graph)
    notes = IntegerNotes(
        format=FORMAT,
        format_version=FORMAT_VERSION,
        time_steps=graph.time_steps,
        max_tokens=graph.max_tokens,
        labels=list(graph.labels),
        tokenizer=graph.tokenizer,
        graph_checksum=checksum(graph),
        logit_scale=float(graph.nodes[-1].arrays["scale"][0]),
    )
    save(build(graph).model("logits", DOC, notes), path)


def check(graph: Graph) -> None:
    """An InputError as of `write`."""
    bounds = output_bounds(graph)
    for node in graph:
        if isinstance(node, Linear) and bounds[node.inputs[0]] > INPUT_MAX:
            raise InputError(f"layer {node.name}: an input of up to {bounds[node.inputs[0]]} is beyond {INPUT_MAX}")
    last = graph.nodes[-1]
    if isinstance(last, Readout) and last.margin != NO_MARGIN and bounds[last.name] >= 2**62:
        raise InputError(f"node {last.name}: logits can lie further apart than 64 bits reach; use --exit-margin never")


def build(graph: Graph) -> IntegerBuilder:
    builder = IntegerBuilder(graph.time_steps)
    for node in graph:
        _add(node, builder)
    return builder


@singledispatch
def _add(node: Node, b: IntegerBuilder) -> None:
    raise NotImplementedError(type(node).__name__)


@_add.register
def _(node: Embedding, b: IntegerBuilder) -> None:
    embed(b, node, np.int8, np.int16, I64)


@_add.register
def _(node: Linear, b: IntegerBuilder) -> None:
    weight = b.constant(safe(node.weight).T, np.int8, f"{node.name}/weight")
    y = b("MatMulInteger", b.cast(node.inputs[0], U8), weight)
    if node.width in UNSAFE_OUTPUTS:
        y = b("Slice", y, b.ints(0), b.ints(node.width), b.ints(-1))
    if node.exponent is not None:
        y = b("Mul", y, b.constant(2 ** node.exponent.astype(np.int32), np.int32, f"{node.name}/factor"))
    if node.bias is not None:
        y = b("Add", y, b.constant(node.bias, np.int32, f"{node.name}/bias"))
    b.cast(y, I64, name=node.name)


@_add.register
def _(node: LayerNorm, b: IntegerBuilder) -> None:
    """The equations of export/NIR.md, line by line."""
    n = node.width // node.groups
    b.passes_on(node.name, node.inputs[0])
    x = b.rows(node.inputs[0], node.groups, n)
    total = b("ReduceSum", x, b.ints(-1), keepdims=1)
    square = b("ReduceSum", b("Mul", x, x), b.ints(-1), keepdims=1)
    spread = b("Sub", b("Mul", b.long(n), square), b("Mul", total, total))
    spread = b("Max", b("Add", spread, b.long(node.epsilon)), b.long(1))
    exponent, root = _reciprocal_sqrt(b, spread)
    centred = b("Sub", b("Mul", x, b.long(n)), total)
    shift = b("Add", exponent, b.long(31 - UNIT_BITS))
    z = b.floor(
        b("Mul", centred, root),
        b("Gather", b.constant(2 ** np.arange(63, dtype=np.int64), np.int64, "powers of 2"), shift),
    )
    z = b("Reshape", z, b("Shape", node.inputs[0]))
    places = UNIT_BITS + GAIN_BITS - NORM_BITS
    scaled = b("Mul", z, b.constant(node.gain, np.int64, f"{node.name}/gain"))
    y = b.floor(b("Add", scaled, b.long(2 ** (places - 1))), b.long(2**places))
    b("Add", y, b.constant(node.bias, np.int64, f"{node.name}/bias"), name=node.name)


def _reciprocal_sqrt(b: IntegerBuilder, value: str) -> tuple[str, str]:
    """(e, r) of `arithmetic.reciprocal_sqrt` for (…, 1) int64 in [1, 2^63)."""
    above = [2 ** (32 + 2 * j) for j in range(LONGEST) if 32 + 2 * j < 63]
    below = [2 ** (30 - 2 * j) for j in range(LONGEST)]
    up, down = (
        b("ReduceSum", b.cast(b(compare, value, b.constant(limits, np.int64, name)), I64), b.ints(-1), keepdims=1)
        for compare, limits, name in (("GreaterOrEqual", above, "mantissas above"), ("Less", below, "mantissas below"))
    )
    powers = b.constant(4 ** np.arange(LONGEST + 1, dtype=np.int64), np.int64, "powers of 4")
    mantissa = b("Mul", b("Div", value, b("Gather", powers, up)), b("Gather", powers, down))
    quotient = b.cast(b("Div", b.long(2**62), mantissa), TensorProto.DOUBLE)
    return b("Sub", up, down), b.cast(b("Floor", b("Sqrt", quotient)), I64)


@_add.register
def _(node: LIF, b: IntegerBuilder) -> None:
    """`arithmetic.lif_step`, a step after the other."""
    threshold = b.constant(node.threshold, np.int64, f"{node.name}/threshold")
    bias = b.constant(node.bias, np.int64, f"{node.name}/bias")
    kept, whole = b.long(2**DECAY_BITS - node.decay), b.long(2**DECAY_BITS)
    membrane, spikes, train = "", "", []
    for current in b.by_step(node.inputs[0]):
        charged = b("Add", b("Mul", current, b.long(2**INPUT_SHIFT)), bias)
        if membrane:
            decayed = b("Div", b("Mul", membrane, kept), whole)
            if node.reset == "subtract":
                decayed = b("Sub", decayed, b("Mul", spikes, threshold))
            else:
                decayed = b("Mul", decayed, b("Sub", b.long(1), spikes))
            charged = b("Add", decayed, charged)
        membrane = b("Clip", charged, b.long(-STATE_MAX), b.long(STATE_MAX))
        spikes = b.cast(b("GreaterOrEqual", membrane, threshold), I64)
        train.append(spikes)
    b("Concat", *train, axis=0, name=node.name)


@_add.register
def _(node: Attention, b: IntegerBuilder) -> None:
    spikes = b.cast(b("Mul", node.inputs[0], b.mask), I32)
    b.cast(coincidences(b, spikes, node.heads, node.size, f"{node.name}/counts"), I64, name=node.name)


@_add.register
def _(node: Add, b: IntegerBuilder) -> None:
    *others, last = node.inputs  # ONNX's Sum, which takes many, is for floating point alone
    y = others[0]
    for other in others[1:]:
        y = b("Add", y, other)
    b("Add", y, last, name=node.name)


@_add.register
def _(node: Accumulate, b: IntegerBuilder) -> None:
    first, *others = (
        b("Mul", source, b.long(1 << places)) if places else source
        for source, places in zip(node.inputs, node.shift.tolist(), strict=True)
    )
    *others, last = others
    for other in others:
        first = b("Add", first, other)
    b("Add", first, last, name=node.name)


@_add.register
def _(node: Readout, b: IntegerBuilder) -> None:
    masked = b("Mul", node.inputs[0], b.mask)
    tokens = b(
        "Max", b("ReduceSum", b.mask, b.ints(1), keepdims=0), b.long(1)
    )  # an integer division by 0 ends a process
    if node.margin == NO_MARGIN:
        total = b("ReduceSum", masked, b.ints(0, 2), keepdims=0)  # (B, D)
        _logits(node, b, total, b("Mul", tokens, b.long(b.steps)), "logits")
        return
    by_step = b("CumSum", b("ReduceSum", masked, b.ints(2), keepdims=0), b.ints(0))  # (T, B, D)
    so_far = b.constant(np.arange(1, b.steps + 1)[:, None, None], np.int64, "steps so far")
    logits = _logits(node, b, by_step, b("Mul", tokens, so_far), f"{node.name}/by step")  # (T, B, labels)
    best = f"{node.name}/best two"
    b.nodes.append(helper.make_node("TopK", [logits, b.ints(2)], [best, f"{best} of"], axis=-1))
    first, second = (b("Slice", best, b.ints(i), b.ints(i + 1), b.ints(2)) for i in range(2))
    sure = b.cast(b("GreaterOrEqual", b("Sub", first, second), b.long(node.margin)), I64)  # (T, B, 1)
    last = b.constant((np.arange(b.steps) == b.steps - 1)[:, None, None], np.int64, "the last step")
    taken = b("ArgMax", b("Max", sure, last), axis=0, keepdims=1)  # (1, B, 1), the first step of those
    chosen = b.cast(b("Equal", b("Sub", so_far, b.long(1)), taken), I64)
    b("ReduceSum", b("Mul", logits, chosen), b.ints(0), keepdims=0, name="logits")


def _logits(node: Readout, b: IntegerBuilder, total: str, events: str, name: str) -> str:
    """The logits (…, labels) of sums (…, D) over so many events (…, 1)."""
    mean = b.floor(b("Mul", total, b.long(2**node.shift)), events)
    product = b("MatMul", mean, b.constant(node.weight.T, np.int64, f"{node.name}/weight"))
    return b("Add", product, b.constant(node.bias, np.int64, f"{node.name}/bias"), name=name)
