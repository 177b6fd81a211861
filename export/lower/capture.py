"""Capture: a torch `SpikeBertForSequenceClassification` becomes the float graph. The only pass that knows torch."""

from __future__ import annotations

import numpy as np
from torch import Tensor, nn

from export.lower.float_graph import (
    FloatAccumulate,
    FloatAdd,
    FloatAttention,
    FloatBatchNorm,
    FloatEmbedding,
    FloatEntranceNorm,
    FloatGraph,
    FloatLayerNorm,
    FloatLIF,
    FloatLinear,
    FloatNode,
    FloatReadout,
)
from spikebert.model.layers import (
    CurrentLinear,
    Entrance,
    GroupedLayerNorm,
    PositiveBatchNorm,
    RowBatchNorm,
    SpikingLinear,
)
from spikebert.model.model import SpikeBertForSequenceClassification
from spikebert.model.neuron import LIF


def capture(model: SpikeBertForSequenceClassification) -> FloatGraph:
    """The nodes in execution order, named by the module paths of the model."""
    nodes: list[FloatNode] = []

    def add(node: FloatNode) -> str:
        nodes.append(node)
        return node.name

    def currents(name: str, source: str, layer: CurrentLinear) -> str:
        weight, bias = _array(layer.linear.weight), _array(layer.linear.bias)
        linear = add(FloatLinear(f"{name}.linear", (source,), weight, bias))
        return add(_norm(f"{name}.norm", linear, layer.norm))

    def spiking_linear(name: str, source: str, layer: SpikingLinear) -> str:
        return add(_lif(f"{name}.lif", currents(name, source, layer), layer.linear.out_features, layer.lif))

    def entrance(name: str, stream: str, layer: nn.Module) -> str:
        if not isinstance(layer, Entrance):
            return stream
        return add(_lif(f"{name}.lif", add(_norm(f"{name}.norm", stream, layer.norm)), size, layer.lif))

    def joined(branch: str, stream: str, source: str, last: nn.Module, name: str) -> str:
        """The stream behind a branch, whose last layer reads `source`."""
        if isinstance(last, SpikingLinear):
            return add(FloatAdd(f"{branch}.add", (stream, spiking_linear(name, source, last)), size))
        assert isinstance(last, CurrentLinear)
        return add(FloatAccumulate(f"{branch}.add", (stream, currents(name, source, last)), size))

    size, embeddings = model.config.hidden_size, model.embeddings
    word = add(
        FloatEmbedding(
            "embeddings.word",
            (),
            _array(embeddings.word.weight),
            None if embeddings.position is None else _array(embeddings.position.weight),
            separator=-1 if model.config.separator is None else model.config.separator,
            shared_words=int(model.config.shared_words),
            neighbour=None if embeddings.neighbour is None else _array(embeddings.neighbour.weight),
        )
    )
    current = add(_norm("embeddings.norm", word, embeddings.norm))
    stream = current
    if embeddings.lif is not None:
        stream = add(_lif("embeddings.lif", current, size, embeddings.lif))
    for index, level in enumerate(embeddings.levels):
        name = f"embeddings.levels.{index}"
        spikes = add(_lif(f"{name}.lif", current, size, level.lif, _array(level.bias)))
        stream = add(FloatAdd(f"{name}.add", (stream, spikes), size))
    for index, block in enumerate(model.blocks):
        name, attention = f"blocks.{index}.attention", block.attention
        qkv = spiking_linear(f"{name}.qkv", entrance(f"{name}.entrance", stream, attention.entrance), attention.qkv)
        heads = attention.coincidences.heads
        counts = add(FloatAttention(f"{name}.coincidences", (qkv,), size, heads, attention.scale))
        spikes = add(_lif(f"{name}.lif", counts, size, attention.lif))
        stream = joined(name, stream, spikes, attention.output, f"{name}.output")
        if block.mlp is None:
            continue
        name, mlp = f"blocks.{index}.mlp", block.mlp
        up = spiking_linear(f"{name}.up", entrance(f"{name}.entrance", stream, mlp.entrance), mlp.up)
        stream = joined(name, stream, up, mlp.down, f"{name}.down")
    head = model.readout.head
    norm = add(_norm("readout.norm", stream, model.readout.norm))
    add(FloatReadout("readout", (norm,), _array(head.weight), _array(head.bias)))
    return tuple(nodes)


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().double().numpy()


def _norm(name: str, source: str, norm: nn.Module) -> FloatNode:
    if isinstance(norm, GroupedLayerNorm):
        return FloatLayerNorm(name, (source,), _array(norm.weight), _array(norm.bias), norm.eps, norm.groups)
    assert isinstance(norm, RowBatchNorm)
    factor, offset = norm.folded()
    kind = FloatEntranceNorm if isinstance(norm, PositiveBatchNorm) else FloatBatchNorm
    return kind(name, (source,), _array(factor), _array(offset))


def _lif(name: str, source: str, size: int, neuron: LIF, bias: np.ndarray | None = None) -> FloatLIF:
    return FloatLIF(name, (source,), size, neuron.beta, neuron.threshold, neuron.reset, bias)
