"""`--to onnx`: the trained float model, unrolled over T, in standard ONNX operators; see docs/onnx.md."""

from __future__ import annotations

import os
from functools import singledispatch
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import DTypeLike

from export.lower.capture import capture
from export.lower.float_graph import (
    FloatAdd,
    FloatAttention,
    FloatBatchNorm,
    FloatEmbedding,
    FloatLayerNorm,
    FloatLIF,
    FloatLinear,
    FloatNode,
    FloatReadout,
)
from export.onnx_builder import LOGITS, Builder, save
from spikebert.checkpoint import TrainedModel

TITLE = "SpikeBERT, the trained float model, unrolled over its time steps: not the integers that a chip computes."


def write(trained: TrainedModel, path: str | os.PathLike[str]) -> None:
    """Write the model in float32, as it was trained."""
    save(build(trained), Path(path))


def build(trained: TrainedModel, dtype: DTypeLike = np.float32) -> onnx.ModelProto:
    """The checked ONNX model; float64 is for comparisons in which no rounding can decide a spike."""
    config = trained.model.config
    builder = Builder(config.time_steps, dtype)
    values: dict[str, str] = {}
    for node in capture(trained.model.eval()):
        builder.scope = node.name
        values[node.name] = _emit(node, builder, [values[source] for source in node.inputs])
    return builder.finish(TITLE, trained.labels, trained.tokenizer, kind="float", max_tokens=config.max_tokens)


@singledispatch
def _emit(node: FloatNode, builder: Builder, inputs: list[str]) -> str:
    """Add the operators of a node; gives the name of its output (T, B, N, D)."""
    raise NotImplementedError(type(node).__name__)


@_emit.register
def _(node: FloatEmbedding, builder: Builder, inputs: list[str]) -> str:
    position = None if node.position is None else node.position.astype(builder.dtype)
    return builder.embedding(node.word.astype(builder.dtype), position)


@_emit.register
def _(node: FloatLinear, builder: Builder, inputs: list[str]) -> str:
    y = builder.op("MatMul", inputs[0], node.weight.T.astype(builder.dtype))
    return y if node.bias is None else builder.op("Add", y, node.bias.astype(builder.dtype))


@_emit.register
def _(node: FloatLayerNorm, builder: Builder, inputs: list[str]) -> str:
    n = len(node.gain) // node.groups
    parts = builder.op("Reshape", inputs[0], np.array([0, 0, 0, node.groups, n]))
    unit = np.ones(n, builder.dtype)
    normal = builder.op("LayerNormalization", parts, unit, axis=-1, epsilon=node.epsilon)
    y = builder.op("Reshape", normal, np.array([0, 0, 0, len(node.gain)]))
    y = builder.op("Mul", y, node.gain.astype(builder.dtype))
    return builder.op("Add", y, node.bias.astype(builder.dtype))


@_emit.register
def _(node: FloatBatchNorm, builder: Builder, inputs: list[str]) -> str:
    y = builder.op("Mul", inputs[0], node.factor.astype(builder.dtype))
    return builder.op("Add", y, node.offset.astype(builder.dtype))


@_emit.register
def _(node: FloatLIF, builder: Builder, inputs: list[str]) -> str:
    """The equations of `spikebert.neuron.lif`."""
    numbers = (node.beta, node.threshold, 0.0)
    beta, threshold, zero = (builder.constant(np.array(value, builder.dtype)) for value in numbers)
    membrane, fired = "", []
    for current in builder.split(inputs[0], builder.steps, axis=0):
        if not fired:
            membrane = current
        elif node.reset == "zero":
            kept = builder.op("Where", fired[-1], zero, builder.op("Mul", membrane, beta))
            membrane = builder.op("Add", current, kept)
        else:
            membrane = builder.op("Add", current, builder.op("Mul", membrane, beta))
            membrane = builder.op("Sub", membrane, builder.op("Where", fired[-1], threshold, zero))
        fired.append(builder.op("GreaterOrEqual", membrane, threshold))
    return builder.spikes(node.name, node.size, fired)


@_emit.register
def _(node: FloatAttention, builder: Builder, inputs: list[str]) -> str:
    counts = builder.coincidences(inputs[0], node.heads, node.size)
    return builder.op("Mul", counts, np.array(node.scale, builder.dtype))


@_emit.register
def _(node: FloatAdd, builder: Builder, inputs: list[str]) -> str:
    return builder.op("Sum", *inputs)


@_emit.register
def _(node: FloatReadout, builder: Builder, inputs: list[str]) -> str:
    total, events = builder.sum_and_events(inputs[0])
    y = builder.op("MatMul", builder.op("Div", total, events), node.weight.T.astype(builder.dtype))
    return builder.op("Add", y, node.bias.astype(builder.dtype), output=LOGITS)
