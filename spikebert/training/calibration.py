"""Statistics of texts for the batch norms of a model that came without them, with the same outputs."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from spikebert.model.layers import RowBatchNorm
from spikebert.model.model import SpikeBertForSequenceClassification
from spikebert.training.loop import Batch


class _Moments:
    """Sums of the rows (…, D) that a norm is given, in float64."""

    def __init__(self) -> None:
        self.rows, self.total, self.squares = 0, torch.zeros(1), torch.zeros(1)

    def __call__(self, _: object, inputs: tuple[Tensor, ...]) -> None:
        rows = inputs[0].flatten(0, -2).double()
        self.rows += len(rows)
        self.total = self.total + rows.sum(0)
        self.squares = self.squares + rows.square().sum(0)

    @property
    def mean(self) -> Tensor:
        return self.total / self.rows

    @property
    def variance(self) -> Tensor:
        return (self.squares / self.rows - self.mean.square()).clamp(min=0)


@torch.no_grad()
def calibrate(model: SpikeBertForSequenceClassification, batches: Iterable[Batch]) -> None:
    """Give each batch norm of `model` the mean and variance of what the batches bring to it, in place.

    In evaluation the model computes what it did before. In training its norms then begin close to that.
    """
    model.eval()
    norms = [module for module in model.modules() if isinstance(module, RowBatchNorm)]
    moments = [_Moments() for _ in norms]
    hooks = [norm.register_forward_pre_hook(found) for norm, found in zip(norms, moments, strict=True)]
    try:
        for batch in batches:
            model(batch.tokens, batch.mask)
    finally:
        for hook in hooks:
            hook.remove()
    for norm, found in zip(norms, moments, strict=True):
        factor, offset = norm.folded()
        norm.restate(factor, offset, found.mean, found.variance)
