"""The repeated unit of SpikeBERT: Linear → normalisation → LIF."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spikebert.model.config import SpikeBertConfig
from spikebert.model.neuron import LIF
from spikebert.model.precision import TokenLinear


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

    @property
    def gain(self) -> Tensor:
        """(D,) float32: what the normalised values are multiplied with."""
        return self.weight

    def folded(self) -> tuple[Tensor, Tensor]:
        """(factor, offset), (D,) float64 each: in evaluation `y = factor · x + offset`."""
        assert self.running_mean is not None and self.running_var is not None
        factor = self.gain.double() / (self.running_var.double() + self.eps).sqrt()
        return factor, self.bias.double() - self.running_mean.double() * factor

    @torch.no_grad()
    def restate(self, factor: Tensor, offset: Tensor, mean: Tensor, variance: Tensor) -> None:
        """Take (D,) statistics, and in evaluation be `y = factor · x + offset` (both float64) with them."""
        assert self.running_mean is not None and self.running_var is not None
        self.running_mean.copy_(mean)
        self.running_var.copy_(variance)
        self.set_gain(factor * (self.running_var.double() + self.eps).sqrt())
        self.bias.copy_(offset + self.running_mean.double() * factor)

    def set_gain(self, gain: Tensor) -> None:
        self.weight.copy_(gain)

    def forward(self, input: Tensor) -> Tensor:
        if self.training:
            self.num_batches_tracked.add_(1)  # type: ignore[union-attr]
            statistics, momentum = (self.running_mean, self.running_var), self.momentum or 0.0
            rows = input.flatten(0, -2)
            return F.batch_norm(rows, *statistics, self.gain, self.bias, True, momentum, self.eps).view_as(input)
        factor, offset = (value.to(input.dtype) for value in self.folded())
        return input * factor + offset  # two roundings, as in any tool that the weights are exported to


class PositiveBatchNorm(RowBatchNorm):
    """A RowBatchNorm whose gain is above 0: before a neuron it folds into a threshold and a bias of each neuron."""

    def __init__(self, features: int):
        super().__init__(features)
        nn.init.constant_(self.weight, math.log(math.e - 1))  # of a gain of 1

    @property
    def gain(self) -> Tensor:
        return F.softplus(self.weight)

    def set_gain(self, gain: Tensor) -> None:
        self.weight.copy_(gain + torch.log(-torch.expm1(-gain)))  # the inverse of softplus


def make_norm(config: SpikeBertConfig, features: int, groups: int = 1) -> nn.Module:
    return GroupedLayerNorm(features, groups) if config.norm == "layer" else RowBatchNorm(features)


def make_lif(config: SpikeBertConfig, threshold: float | None = None) -> LIF:
    return LIF(config.beta, threshold or config.threshold, config.surrogate_alpha, config.reset)


class CurrentLinear(nn.Module):
    """Linear → norm on (T, M, in) spikes → (T, M, out) currents: the end of a branch of a membrane residual."""

    def __init__(self, config: SpikeBertConfig, inputs: int, outputs: int, groups: int = 1):
        super().__init__()
        self.linear = TokenLinear(inputs, outputs)
        self.norm = make_norm(config, outputs, groups)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.linear(x).to(self.norm.weight.dtype))


class SpikingLinear(CurrentLinear):
    """Linear → norm → LIF on (T, M, in) → (T, M, out) spikes."""

    def __init__(self, config: SpikeBertConfig, inputs: int, outputs: int, groups: int = 1):
        super().__init__(config, inputs, outputs, groups)
        self.lif = make_lif(config)

    def forward(self, x: Tensor) -> Tensor:
        return self.lif(super().forward(x))


class Entrance(nn.Module):
    """norm → LIF on the stream of currents (T, M, D): the neurons at the beginning of a branch."""

    def __init__(self, config: SpikeBertConfig):
        super().__init__()
        self.norm = PositiveBatchNorm(config.hidden_size)
        self.lif = make_lif(config)

    def forward(self, x: Tensor) -> Tensor:
        return self.lif(self.norm(x))


def branch_layers(config: SpikeBertConfig, inputs: int) -> tuple[nn.Module, nn.Module]:
    """(what a branch reads the stream through, its last layer, of `inputs` features) of the config's residual."""
    if config.residual == "membrane":
        return Entrance(config), CurrentLinear(config, inputs, config.hidden_size)
    return nn.Identity(), SpikingLinear(config, inputs, config.hidden_size)
