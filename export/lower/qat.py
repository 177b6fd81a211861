"""Quantisation-aware training whose forward pass is the integer model, spike for spike.

In every step the model is lowered to its integer graph and the batch is run on it. Those integer spikes stand in for
the float model's own (`LIF.given`), and the dequantised weights for the float ones; gradients pass straight through
both to the float weights, which are what is trained. Batch statistics and embeddings stay as they are.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from export.ir.graph import Graph, Linear, Readout
from export.lower.pipeline import lower
from export.lower.quantize import MEAN_BITS
from export.runtime.execute import execute
from spikebert.model.checkpoint import TrainedModel
from spikebert.model.model import SpikeBertOutput
from spikebert.model.neuron import Neurons


class StraightThrough(nn.Module):
    """Gives `value` in place of a weight, and the weight its gradient."""

    value: Tensor | None = None

    def forward(self, weight: Tensor) -> Tensor:
        return weight if self.value is None else weight + (self.value - weight).detach()


class QuantisedModel(nn.Module):
    """A trained model that computes with the integers of its own export."""

    def __init__(self, trained: TrainedModel, weight_bits: int, per_channel: bool = False):
        super().__init__()
        self.trained = replace(trained, model=trained.model.eval())
        self.model = self.trained.model
        self.weight_bits, self.per_channel = weight_bits, per_channel
        self.model.embeddings.requires_grad_(False)
        self.model.embeddings.norm.requires_grad_(True)
        self.through: dict[str, StraightThrough] = {}
        for name, module in self.model.named_modules():
            if isinstance(module, nn.Linear):
                node = "readout" if name == "readout.head" else name
                self.through[node] = StraightThrough()
                parametrize.register_parametrization(module, "weight", self.through[node], unsafe=True)
        self.neurons = {name: m for name, m in self.model.named_modules() if isinstance(m, Neurons)}

    def train(self, mode: bool = True) -> QuantisedModel:
        """Batch statistics are folded, so they are never updated."""
        return super().train(False)

    def forward(self, tokens: Tensor, mask: Tensor) -> SpikeBertOutput:
        graph = self.lowered()
        values = execute(graph, [t[m.bool()].numpy() for t, m in zip(tokens, mask, strict=True)])
        for name, neuron in self.neurons.items():
            neuron.given = torch.from_numpy(values[name].astype(np.float32))
        for node in graph:
            if isinstance(node, (Linear, Readout)):
                self.through[node.name].value = self._dequantised(node)
        return self.model(tokens, mask)

    def lowered(self) -> Graph:
        """The integer graph of the weights as they are now."""
        self.release()
        return lower(self.trained, self.weight_bits, self.per_channel)

    def release(self) -> None:
        """Back to the float model."""
        for neuron in self.neurons.values():
            neuron.given = None
        for through in self.through.values():
            through.value = None

    def finished(self) -> TrainedModel:
        """The trained model without what training added to it."""
        self.release()
        for module in self.model.modules():
            if isinstance(module, nn.Linear) and parametrize.is_parametrized(module):
                parametrize.remove_parametrizations(module, "weight", leave_parametrized=True)
        return self.trained

    def _dequantised(self, node: Linear | Readout) -> Tensor:
        """The float weight that a node's integers stand for, a folded batch norm taken out again."""
        integers = node.synapses if isinstance(node, Linear) else node.weight
        weight = torch.from_numpy(integers.astype(np.float32))
        if isinstance(node, Readout):
            unit, norm = float(node.scale[0]) * 2.0**MEAN_BITS, self.model.readout.norm
        else:
            unit, norm = float(node.scale[0]), _norm_behind(self.model, node.name)
        if not isinstance(norm, nn.BatchNorm1d):
            return weight * unit
        assert norm.running_var is not None
        factor = norm.weight.detach() / torch.sqrt(norm.running_var + norm.eps)
        return weight * unit / (factor if isinstance(node, Readout) else factor[:, None])


def _norm_behind(model: nn.Module, linear: str) -> nn.Module:
    return model.get_submodule(linear.removesuffix("linear") + "norm")
