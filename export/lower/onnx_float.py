"""`--to onnx`: the float model, unrolled over its T steps, in standard ONNX operators.

It is what was trained, before quantisation: not what a chip computes. That is `--to onnx-integer`. Every value is
named as the node of the integer graph that it becomes, such as `blocks.0.mlp.up.lif`, (T, B, N, D).
"""

from __future__ import annotations

import os
from functools import singledispatch

import numpy as np
from onnx import TensorProto

from export.formats.onnx_builder import Builder, coincidences, embed, save
from export.formats.onnx_notes import Notes
from export.lower.capture import capture
from export.lower.float_graph import (
    FloatAccumulate,
    FloatAdd,
    FloatAttention,
    FloatBatchNorm,
    FloatEmbedding,
    FloatGraph,
    FloatLayerNorm,
    FloatLIF,
    FloatLinear,
    FloatNode,
    FloatReadout,
)
from spikebert.data.tokenizing import of_any_length
from spikebert.model.checkpoint import TrainedModel

DOC = "The float SpikeBERT, unrolled over its time steps: as trained, before quantisation. Not what a chip computes."
FORMAT, FORMAT_VERSION = "spikebert-onnx-float", 1
F32 = TensorProto.FLOAT


class FloatBuilder(Builder):
    def __init__(self, steps: int):
        super().__init__(steps)
        mask = self.cast("attention_mask", F32)
        self.mask = self("Unsqueeze", mask, self.ints(2))  # (B, N, 1)

    def number(self, value: float) -> str:
        return self.constant(value, np.float32)


def write(trained: TrainedModel, path: str | os.PathLike[str]) -> None:
    """Write `model.onnx`: `input_ids`, `attention_mask` (B, N) int64, both axes free → `logits` (B, labels) float32."""
    graph, config = capture(trained.model.eval()), trained.model.config
    notes = Notes(
        format=FORMAT,
        format_version=FORMAT_VERSION,
        time_steps=config.time_steps,
        max_tokens=config.max_tokens,
        labels=trained.labels,
        tokenizer=of_any_length(trained.tokenizer),
    )
    save(build(graph, config.time_steps).model("logits", DOC, notes), path)


def build(graph: FloatGraph, steps: int) -> FloatBuilder:
    builder = FloatBuilder(steps)
    for node in graph:
        _add(node, builder)
    return builder


@singledispatch
def _add(node: FloatNode, b: FloatBuilder) -> None:
    raise NotImplementedError(type(node).__name__)


@_add.register
def _(node: FloatEmbedding, b: FloatBuilder) -> None:
    embed(b, node, np.float32, np.float32, F32)


@_add.register
def _(node: FloatLinear, b: FloatBuilder) -> None:
    product = b("MatMul", node.inputs[0], b.constant(node.weight.T, np.float32, f"{node.name}/weight"))
    b("Add", product, b.constant(node.bias, np.float32, f"{node.name}/bias"), name=node.name)


@_add.register
def _(node: FloatLayerNorm, b: FloatBuilder) -> None:
    """As torch: each group normalised by itself, then gain and bias over all."""
    gain, bias = (b.constant(a, np.float32, f"{node.name}/{n}") for n, a in (("gain", node.gain), ("bias", node.bias)))
    part = len(node.gain) // node.groups
    b.passes_on(node.name, node.inputs[0])
    if node.groups == 1:
        b("LayerNormalization", node.inputs[0], gain, bias, name=node.name, axis=-1, epsilon=node.epsilon)
        return
    parts = b.rows(node.inputs[0], node.groups, part)
    ones = b.constant(np.ones(part), np.float32, f"{node.name}/ones")
    normal = b("LayerNormalization", parts, ones, axis=-1, epsilon=node.epsilon)
    whole = b("Reshape", normal, b("Shape", node.inputs[0]))
    b("Add", b("Mul", whole, gain), bias, name=node.name)


@_add.register
def _(node: FloatBatchNorm, b: FloatBuilder) -> None:
    factor = b.constant(node.factor, np.float32, f"{node.name}/factor")
    offset = b.constant(node.offset, np.float32, f"{node.name}/offset")
    b.passes_on(node.name, node.inputs[0])
    b("Add", b("Mul", node.inputs[0], factor), offset, name=node.name)


@_add.register
def _(node: FloatLIF, b: FloatBuilder) -> None:
    """The recurrence of `spikebert.model.neuron`, a step after the other."""
    assert isinstance(node.threshold, float)  # it is an array only where a norm was folded into it
    threshold, beta = b.number(node.threshold), b.number(node.beta)
    membrane, spikes, train = "", "", []
    source = node.inputs[0]
    if node.bias is not None:
        source = b("Add", source, b.constant(node.bias, np.float32, f"{node.name}/bias"))
        b.passes_on(source, node.inputs[0])
    for current in b.by_step(source):
        if not membrane:
            membrane = current
        elif node.reset == "subtract":
            charged = b("Add", current, b("Mul", membrane, beta))
            membrane = b("Sub", charged, b("Mul", spikes, threshold))
        else:
            kept = b("Mul", membrane, b("Sub", b.number(1), spikes))
            membrane = b("Add", current, b("Mul", kept, beta))
        spikes = b.cast(b("GreaterOrEqual", membrane, threshold), F32)
        train.append(spikes)
    b("Concat", *train, axis=0, name=node.name)


@_add.register
def _(node: FloatAttention, b: FloatBuilder) -> None:
    spikes = b("Mul", node.inputs[0], b.mask)
    counts = coincidences(b, spikes, node.heads, node.size, f"{node.name}/counts")
    b("Mul", counts, b.number(node.scale), name=node.name)


@_add.register(FloatAdd)
@_add.register(FloatAccumulate)
def _(node: FloatAdd | FloatAccumulate, b: FloatBuilder) -> None:
    b("Add", *node.inputs, name=node.name)


@_add.register
def _(node: FloatReadout, b: FloatBuilder) -> None:
    """The head behind the means over steps and tokens, which may come first: it is linear."""
    mean = b("ReduceMean", node.inputs[0], axes=[0], keepdims=0)  # (B, N, D)
    total = b("ReduceSum", b("Mul", mean, b.mask), b.ints(1), keepdims=0)
    mean = b("Div", total, b("ReduceSum", b.mask, b.ints(1), keepdims=0))
    product = b("MatMul", mean, b.constant(node.weight.T, np.float32, f"{node.name}/weight"))
    b("Add", product, b.constant(node.bias, np.float32, f"{node.name}/bias"), name="logits")
