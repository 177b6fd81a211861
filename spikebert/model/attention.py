"""Spiking self-attention without softmax (paper, eq. 5 and Figure 2)."""

from __future__ import annotations

from torch import Tensor, nn

from spikebert.model.config import SpikeBertConfig
from spikebert.model.layers import SpikingLinear, branch_layers, make_lif
from spikebert.model.packing import Packing
from spikebert.model.precision import exact


class Coincidences(nn.Module):
    """`(Q K^T) V` per head, exact integer counts; a module, so that a forward hook can record what it was given."""

    def __init__(self, heads: int):
        super().__init__()
        self.heads = heads

    def by_head(self, x: Tensor) -> Tensor:
        """(T, B, N, D) → (T, B, H, N, D/H)."""
        return x.unflatten(-1, (self.heads, -1)).transpose(2, 3)

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """
        Args:
            query, key, value: (T, B, N, D) spikes; padded tokens hold no spikes.
        Returns:
            (T, B, N, D) counts. There is no softmax, so the product associates: the cheaper order is taken.
        """
        q, k, v = (self.by_head(x) for x in (query, key, value))
        counts = q @ (k.mT @ v) if q.shape[-2] > q.shape[-1] else (q @ k.mT) @ v
        return counts.transpose(2, 3).flatten(-2)


class SpikingSelfAttention(nn.Module):
    """`SSA(X) = LIF(LN(Linear(LIF(Q K^T V tau))))` on packed tokens (T, M, D).

    Q, K and V are one Linear of 3 D outputs whose normalisation has three groups. With a membrane residual X is
    currents, read through an entrance, and the last LIF is left out.
    """

    def __init__(self, config: SpikeBertConfig):
        super().__init__()
        self.coincidences, self.scale = Coincidences(config.num_attention_heads), config.attention_scale
        self.qkv = SpikingLinear(config, config.hidden_size, 3 * config.hidden_size, groups=3)
        self.lif = make_lif(config, config.attention_threshold)
        self.entrance, self.output = branch_layers(config, config.hidden_size)

    def forward(self, x: Tensor, packing: Packing) -> Tensor:
        query, key, value = packing.pad(self.qkv(self.entrance(x))).chunk(3, dim=-1)  # (T, B, N, D)
        with exact(x.device):
            counts = packing.unpad(self.coincidences(query, key, value))  # (T, M, D)
        return self.output(self.lif(counts * self.scale))
