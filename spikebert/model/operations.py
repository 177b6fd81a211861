"""Synaptic operations of a forward pass, per multiply-accumulate of a BERT of the same shape, with gradients.

What the energy report counts of an exported model (`simulate.counts`), counted of the float model while it trains:

    Linear      every input of magnitude k reaches all outputs: k · outputs accumulations
    attention   the accumulations of (Q Kᵀ) V or of Q (Kᵀ V), whichever are fewer

over `Σ n · (4 D² + 2 D I) + n² · 2 D` of each block, for texts of n tokens.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from spikebert.model.attention import Coincidences
from spikebert.model.model import SpikeBertForSequenceClassification


@dataclass
class Operations:
    """The operations of one forward pass, a scalar for each layer by its module path."""

    terms: dict[str, Tensor] = field(default_factory=dict)

    def per_mac(self, model: SpikeBertForSequenceClassification, mask: Tensor) -> Tensor:
        """All operations over the multiply-accumulates of a BERT of the same shape; `mask` (B, N) is the batch's."""
        return sum(self.terms.values(), torch.zeros((), device=mask.device)) / macs(model, mask.sum(1))


def macs(model: SpikeBertForSequenceClassification, lengths: Tensor) -> Tensor:
    """Multiply-accumulates of all blocks of a BERT of the model's shape on texts of `lengths` (B,) tokens."""
    config = model.config
    width, n = config.hidden_size, lengths.double()
    token = 4 * width**2 + 2 * width * config.intermediate_size
    return config.num_hidden_layers * (n * token + n.square() * 2 * width).sum()


@contextmanager
def record_operations(model: SpikeBertForSequenceClassification) -> Iterator[Operations]:
    """Within the context each forward pass puts its operations into the object that it gives, gradients attached."""
    operations = Operations()

    def linear(name: str):
        def hook(module: nn.Linear, inputs: tuple[Tensor, ...], _output: Tensor) -> None:
            operations.terms[name] = inputs[0].sum(dtype=torch.float64) * module.out_features

        return hook

    def attention(name: str):
        def hook(module: Coincidences, inputs: tuple[Tensor, Tensor, Tensor], _output: Tensor) -> None:
            operations.terms[name] = cheaper_order(*map(module.by_head, inputs))

        return hook

    hooks = []
    for name, module in model.blocks.named_modules(prefix="blocks"):
        if isinstance(module, nn.Linear):
            hooks.append(module.register_forward_hook(linear(name)))
        elif isinstance(module, Coincidences):
            hooks.append(module.register_forward_hook(attention(name)))
    try:
        yield operations
    finally:
        for hook in hooks:
            hook.remove()


def cheaper_order(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """The accumulations of `Q Kᵀ V` in the cheaper order of association, from spikes (T, B, H, N, D/H); a scalar.

    A product that is added only where it is not zero has no gradient of its own there: which entries are not zero is
    taken as given.
    """
    with torch.no_grad():
        pairs, memory = (query @ key.mT).gt(0).to(query), (key.mT @ value).gt(0).to(query)
    parts = (
        query.sum(-2) * key.sum(-2),  # Q Kᵀ: of each feature
        value * pairs.sum(-2).unsqueeze(-1),  # and V where that is not zero
        key.sum(-1) * value.sum(-1),  # Kᵀ V: of each token
        query * memory.sum(-1).unsqueeze(-2),  # and Q where that is not zero
    )
    qk, qk_v, kv, q_kv = (part.sum(dtype=torch.float64) for part in parts)
    return torch.minimum(qk + qk_v, kv + q_kv)
