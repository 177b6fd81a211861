"""The repeated unit of SpikeBERT: Linear → normalisation → LIF."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from spikebert.config import SpikeBertConfig
from spikebert.neuron import LIF


class GroupedLayerNorm(nn.LayerNorm):
    """LayerNorm over each of `groups` equal parts of the features: Q, K and V stand side by side in one product."""

    def __init__(self, features: int, groups: int = 1):
        super().__init__(features)
        self.groups = groups

    def forward(self, input: Tensor) -> Tensor:
        if self.groups == 1:
            return super().forward(input)
        parts = input.unflatten(-1, (self.groups, -1))
        return F.layer_norm(parts, parts.shape[-1:], None, None, self.eps).flatten(-2) * self.weight + self.bias


class RowBatchNorm(nn.BatchNorm1d):
    """BatchNorm over every row, whatever the leading axes; rows are packed, so padding is in no statistic."""

    def folded(self) -> tuple[Tensor, Tensor]:
        """(factor, offset), (D,) float64 each: in evaluation `y = factor · x + offset`."""
        assert self.running_mean is not None and self.running_var is not None
        factor = self.weight.double() / (self.running_var.double() + self.eps).sqrt()
        return factor, self.bias.double() - self.running_mean.double() * factor

    def forward(self, input: Tensor) -> Tensor:
        if self.training:
            return super().forward(input.flatten(0, -2)).view_as(input)
        factor, offset = (value.to(input.dtype) for value in self.folded())
        return input * factor + offset  # two roundings, as in any tool that the weights are exported to


def make_norm(config: SpikeBertConfig, features: int, groups: int = 1) -> nn.Module:
    return GroupedLayerNorm(features, groups) if config.norm == "layer" else RowBatchNorm(features)


def make_lif(config: SpikeBertConfig, threshold: float | None = None) -> LIF:
    return LIF(config.beta, threshold or config.threshold, config.surrogate_alpha, config.reset)


class SpikingLinear(nn.Module):
    """Linear → norm → LIF on (T, M, in) → (T, M, out) spikes."""

    def __init__(self, config: SpikeBertConfig, inputs: int, outputs: int, groups: int = 1):
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)
        self.norm = make_norm(config, outputs, groups)
        self.lif = make_lif(config)

    def forward(self, x: Tensor) -> Tensor:
        return self.lif(self.norm(self.linear(x).to(self.norm.weight.dtype)))
