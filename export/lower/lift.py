"""Lift: an integer graph becomes a float model again, which can be trained further. The inverse of lowering.

A weight is what its integer stands for. A threshold is the model's own again, 1, since the batch norm before the neuron
takes over what it differs by. Lowered again untouched, in as many bits and with powers of two of the outputs or without
them as before, the model gives the same spikes.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from export.ir import nir
from export.ir.arithmetic import GAIN_BITS, NORM_BITS
from export.ir.graph import (
    DECAY_BITS,
    INPUT_SHIFT,
    Accumulate,
    Attention,
    Embedding,
    Graph,
    LayerNorm,
    Linear,
    NeuronLayer,
    Node,
    Readout,
)
from export.ir.stock import entrances
from spikebert.core.errors import InputError
from spikebert.model.checkpoint import TrainedModel
from spikebert.model.config import SpikeBertConfig
from spikebert.model.layers import GroupedLayerNorm, PositiveBatchNorm, RowBatchNorm
from spikebert.model.model import SpikeBertForSequenceClassification
from spikebert.model.outputs import REGRESSION

TAU = 0.125  # the paper's factor of attention: the integers hold its threshold divided by it alone


def lift(graph: Graph) -> TrainedModel:
    """The float model of an integer graph that `lower` wrote.

    Its batch norms have no statistics of any text: a running mean of 0 and a running variance of 1. Before it is
    trained, `spikebert.training.calibration.calibrate` gives them those of the texts to come, with the same outputs.

    Raises:
        InputError: the graph is no SpikeBERT of one decay, one reset and one attention threshold.
    """
    parts = _Parts(graph)
    model = SpikeBertForSequenceClassification(_config(graph, parts)).eval()
    with torch.no_grad():
        _fill(model, parts)
    return TrainedModel(model, graph.tokenizer, list(graph.labels), dict(graph.training))


def read(path: str) -> TrainedModel:
    """The float model of a `model.nir`."""
    return lift(nir.read(path))


class _Parts:
    """The nodes of a graph by what they do, in network order."""

    def __init__(self, graph: Graph):
        first, last = graph.nodes[0], graph.nodes[-1]
        assert isinstance(first, Embedding) and isinstance(last, Readout)
        self.embedding, self.readout = first, last
        self.nodes = {node.name: node for node in graph}
        self.linears = [node for node in graph if isinstance(node, Linear)]
        self.attentions = [node for node in graph if isinstance(node, Attention)]
        self.membrane = any(isinstance(node, Accumulate) for node in graph)
        self.norms = any(isinstance(node, LayerNorm) for node in graph)
        at_entrance = entrances(graph)
        self.entrances = [node for node in graph.neurons if node.name in at_entrance]
        self.coincident = [self.neuron(node) for node in self.attentions]
        source = self.norm(first) or first
        self.levels = [n for n in graph.neurons if n.inputs[0] == source.name and n.name not in at_entrance]
        # Two Linears a branch, which a membrane residual gives one layer of neurons at its entrance.
        branches = len(self.linears) / 2
        self.attention_only = branches == len(self.attentions)
        whole = self.attention_only or branches == 2 * len(self.attentions)
        if not (self.attentions and whole and (not self.membrane or branches == len(self.entrances))):
            raise InputError("the file holds no SpikeBERT that this program exported: it cannot be trained further")

    def behind(self, node: Node, kind: type[Node]) -> Node | None:
        """The first node of a kind that reads `node`."""
        return next((n for n in self.nodes.values() if isinstance(n, kind) and node.name in n.inputs), None)

    def norm(self, node: Node) -> LayerNorm | None:
        found = self.behind(node, LayerNorm)
        return found if isinstance(found, LayerNorm) else None

    def neuron(self, node: Node) -> NeuronLayer | None:
        """The neurons that read a node, through its layer norm where it has one."""
        found = self.behind(self.norm(node) or node, NeuronLayer)
        return found if isinstance(found, NeuronLayer) else None


def _config(graph: Graph, parts: _Parts) -> SpikeBertConfig:
    embedding, neurons = parts.embedding, graph.neurons
    counts = {int(threshold) for n in parts.coincident if n is not None for threshold in n.threshold}
    # A further level has the threshold of the first, on the grid that Loihi's neurons with a bias have (`quantize`).
    plain = [n for n in neurons if parts.norms and n not in (*parts.coincident, *parts.levels[1:])]
    unit = 2.0**-NORM_BITS / 2**INPUT_SHIFT
    return SpikeBertConfig(
        vocab_size=len(embedding.word),
        hidden_size=embedding.width,
        num_hidden_layers=len(parts.attentions),
        num_attention_heads=_one({node.heads for node in parts.attentions}, "number of heads"),
        intermediate_size=None if parts.attention_only else parts.linears[2].width,
        max_tokens=graph.max_tokens,
        time_steps=graph.time_steps,
        beta=1 - _one({node.decay for node in neurons}, "decay") / 2**DECAY_BITS,
        threshold=_one({float(n.threshold[0]) * unit for n in plain}, "threshold") if plain else 1.0,
        attention_threshold=_one(counts, "threshold behind attention") / 2**INPUT_SHIFT * TAU,
        attention_scale=TAU,
        norm="layer" if parts.norms else "batch",
        reset=_one({node.reset for node in neurons}, "reset"),
        residual="membrane" if parts.membrane else "spikes",
        position_embeddings=embedding.position is not None,
        embedding_levels=0 if parts.membrane else len(parts.levels),
        separator=embedding.separator if embedding.separator >= 0 else None,
        shared_words=bool(embedding.shared_words),
        neighbours=embedding.neighbour is not None,
        attention_only=parts.attention_only,
        num_labels=graph.outputs,
        problem_type=REGRESSION if graph.regression else None,
    )


def _one(values: set, what: str):
    if len(values) != 1:
        raise InputError(f"the file's layers have more than one {what}: it cannot be trained further")
    return next(iter(values))


def _fill(model: SpikeBertForSequenceClassification, parts: _Parts) -> None:
    embeddings, embedding = model.embeddings, parts.embedding
    _set(embeddings.word.weight, embedding.word * embedding.scale)
    if embeddings.position is not None and embedding.position is not None:
        _set(embeddings.position.weight, embedding.position * embedding.scale)
    if embeddings.neighbour is not None and embedding.neighbour is not None:
        _set(embeddings.neighbour.weight, embedding.neighbour * embedding.scale)
    first = parts.levels[0] if parts.levels else None
    _fill_norm(embeddings.norm, embedding, first, parts)
    for level, node in zip(embeddings.levels, parts.levels[1:], strict=True):
        assert first is not None
        source = parts.nodes[node.inputs[0]]
        scale = _real(first.threshold, source) / model.config.threshold
        _set(level.bias, (_real(node.bias, source) - _real(first.bias, source)) / scale)
    for node, layer in zip(parts.linears, _linears(model), strict=True):
        _set(layer.linear.weight, node.synapses * node.scale)
        _set(layer.linear.bias, np.zeros(node.width) if node.bias is None else node.bias * node.scale)
        _fill_norm(layer.norm, node, parts.neuron(node), parts)
    doors = [branch.entrance for block in model.blocks for branch in (block.attention, block.mlp) if branch is not None]
    for node, door in zip(parts.entrances, doors if parts.membrane else [], strict=True):
        _fill_norm(door.norm, parts.nodes[node.inputs[0]], node, parts)
    readout, head = parts.readout, model.readout.head
    source = parts.nodes[readout.inputs[0]]
    _fill_norm(model.readout.norm, parts.nodes[source.inputs[0]] if parts.norms else source, None, parts)
    unit = readout.scale * 2.0**readout.shift
    _set(head.weight, readout.weight * unit / unit_of(source))
    _set(head.bias, readout.bias * readout.scale)


def _linears(model: SpikeBertForSequenceClassification) -> Iterator[nn.Module]:
    for block in model.blocks:
        yield from (block.attention.qkv, block.attention.output)
        if block.mlp is not None:
            yield from (block.mlp.up, block.mlp.down)


def _fill_norm(norm: nn.Module, source: Node, neuron: NeuronLayer | None, parts: _Parts) -> None:
    """Set the norm between `source` and the neurons that read it, so that their threshold is the model's."""
    if isinstance(norm, GroupedLayerNorm):
        node = parts.norm(source)
        assert node is not None
        _set(norm.weight, node.gain / 2**GAIN_BITS)
        _set(norm.bias, node.bias / 2**NORM_BITS)
        return
    assert isinstance(norm, RowBatchNorm)
    width = norm.num_features
    factor = np.ones(width) if neuron is None else np.broadcast_to(1 / _real(neuron.threshold, source), width)
    offset = np.zeros(width) if neuron is None else _real(neuron.bias, source) * factor
    if isinstance(norm, PositiveBatchNorm) and not (factor > 0).all():
        raise InputError("the file's thresholds are not all above 0: it cannot be trained further")
    norm.restate(torch.from_numpy(factor.copy()), torch.from_numpy(offset), torch.zeros(width), torch.ones(width))


def _real(states: NDArray[np.integer], source: Node) -> NDArray[np.float64]:
    """What state values of neurons behind `source` are worth."""
    return states * (unit_of(source) / 2**INPUT_SHIFT)


def unit_of(node: Node) -> float:
    """What one unit of a node's output is worth."""
    if isinstance(node, LayerNorm):
        return 2.0**-NORM_BITS
    return float(node.scale[0]) if isinstance(node, (Embedding, Linear, Accumulate)) else 1.0


def _set(parameter: Tensor, values: NDArray) -> None:
    parameter.copy_(torch.from_numpy(np.asarray(values, np.float64)))
