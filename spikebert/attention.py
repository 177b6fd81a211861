"""Spiking self-attention without softmax (paper, eq. 5 and Figure 2)."""

from __future__ import annotations

from torch import Tensor, nn

from spikebert.config import SpikeBertConfig
from spikebert.device import exact
from spikebert.layers import SpikingLinear, make_lif
from spikebert.packing import Packing


def coincidences(query: Tensor, key: Tensor, value: Tensor, heads: int) -> Tensor:
    """`(Q K^T) V` per head, exact integer counts.

    Args:
        query, key, value: (T, B, N, D) spikes; padded tokens hold no spikes.
    Returns:
        (T, B, N, D) counts. There is no softmax, so the product associates: the cheaper order is taken.
    """
    width = query.shape[-1] // heads
    q, k, v = (x.unflatten(-1, (heads, width)).transpose(2, 3) for x in (query, key, value))  # (T, B, H, N, D/H)
    counts = q @ (k.transpose(-1, -2) @ v) if q.shape[-2] > width else (q @ k.transpose(-1, -2)) @ v
    return counts.transpose(2, 3).flatten(-2)


class SpikingSelfAttention(nn.Module):
    """`SSA(X) = LIF(LN(Linear(LIF(Q K^T V tau))))` on packed tokens (T, M, D).

    Q, K and V are one Linear of 3 D outputs whose normalisation has three groups.
    """

    def __init__(self, config: SpikeBertConfig):
        super().__init__()
        self.heads, self.scale = config.num_attention_heads, config.attention_scale
        self.qkv = SpikingLinear(config, config.hidden_size, 3 * config.hidden_size, groups=3)
        self.lif = make_lif(config, config.attention_threshold)
        self.output = SpikingLinear(config, config.hidden_size, config.hidden_size)

    def forward(self, x: Tensor, packing: Packing) -> Tensor:
        query, key, value = packing.pad(self.qkv(x)).chunk(3, dim=-1)  # (T, B, N, D)
        with exact(x.device):
            counts = packing.unpad(coincidences(query, key, value, self.heads))  # (T, M, D)
        return self.output(self.lif(counts * self.scale))
