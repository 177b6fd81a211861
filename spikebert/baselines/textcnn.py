"""TextCNN (Kim 2014, arXiv 1408.5882) and its spiking form SNN-TextCNN (Lv et al., ICLR 2023)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spikebert.model.config import SpikeBertConfig
from spikebert.model.layers import make_lif, make_norm
from spikebert.model.model import Embeddings, SpikeBertOutput
from spikebert.model.packing import Packing

WIDTHS = (3, 4, 5)  # tokens that a filter sees
FILTERS = 100  # of each width
DROPOUT = 0.5


class WideConvolution(nn.Conv1d):
    """Filters of `width` tokens at every place where they touch a sentence: also a text of one token has windows.

    A sentence of L tokens has L + width - 1 windows, however far its batch is padded.
    """

    def __init__(self, inputs: int, width: int):
        super().__init__(inputs, FILTERS, width, padding=width - 1)
        self.width = width

    def windows(self, mask: Tensor) -> Packing:
        """Where the windows stand, of the tokens' mask (B, N)."""
        return Packing.from_mask(F.pad(mask, (self.width - 1, 0), value=1))

    def forward(self, input: Tensor) -> Tensor:
        """(B, N, D), zeros on padding → (B, N + width - 1, FILTERS)."""
        return super().forward(input.mT).mT


class WordVectors(nn.Module):
    """The part of SpikeBERT's embeddings that a CNN needs: places are in its windows."""

    def __init__(self, config: SpikeBertConfig):
        super().__init__()
        self.word = nn.Embedding(config.vocab_size, config.hidden_size)
        self.position = self.neighbour = None
        nn.init.uniform_(self.word.weight, -0.25, 0.25)  # Kim's, for words without a vector


class TextCNN(nn.Module):
    """Word vectors → convolutions of three widths → ReLU → maximum over the windows → dropout → linear head.

    Differs from Kim's in the tokens (WordPiece, of the width of `config`), and has no bound on the head's norm:
    weight decay takes its place.
    """

    def __init__(self, config: SpikeBertConfig):
        super().__init__()
        self.config = config
        self.embeddings = WordVectors(config)
        self.convolutions = nn.ModuleList(WideConvolution(config.hidden_size, width) for width in WIDTHS)
        self.dropout = nn.Dropout(DROPOUT)
        self.head = nn.Linear(FILTERS * len(WIDTHS), config.num_labels)

    def forward(self, input_ids: Tensor, attention_mask: Tensor, labels: Tensor | None = None) -> SpikeBertOutput:
        """(B, N) ids and mask, padded on the right → logits (B, labels); with labels also their cross entropy."""
        packing = Packing.from_mask(attention_mask)
        mask = attention_mask[:, : packing.width]
        x = packing.pad(self.embeddings.word(packing.pack(input_ids)).unsqueeze(0))[0]  # (B, N, D)
        pooled = [self._maximum(convolution, x, mask) for convolution in self.convolutions]
        return _output(self.head(self.dropout(torch.cat(pooled, -1))), labels)

    @staticmethod
    def _maximum(convolution: nn.Module, x: Tensor, mask: Tensor) -> Tensor:
        """(B, N, D) → (B, FILTERS)."""
        touching = F.pad(mask, (convolution.width - 1, 0), value=1).bool()  # type: ignore[operator]
        return convolution(x).masked_fill(~touching.unsqueeze(-1), -torch.inf).amax(1).relu()


class SpikingTextCNN(nn.Module):
    """Spikes of the word vectors → convolutions → norm → LIF → mean over the windows and T → linear head.

    Lv et al.'s tailoring: spikes in, averages in place of maxima, LIF in place of ReLU. Differs from theirs: the
    vectors become spikes by SpikeBERT's own encoder (norm → LIF on a constant current) and not by random draws, T is
    `config`'s and not 50, a norm stands before each LIF, and the network is trained as it is, with the surrogate
    gradient, and not converted from a trained TextCNN first.
    """

    def __init__(self, config: SpikeBertConfig):
        super().__init__()
        self.config = config
        self.embeddings = Embeddings(config)
        for table in (self.embeddings.word, self.embeddings.position, self.embeddings.neighbour):
            if table is not None:
                nn.init.normal_(table.weight, std=config.initializer_range)
        self.convolutions = nn.ModuleList(WideConvolution(config.hidden_size, width) for width in WIDTHS)
        self.norms = nn.ModuleList(make_norm(config, FILTERS) for _ in WIDTHS)
        self.lifs = nn.ModuleList(make_lif(config) for _ in WIDTHS)
        self.dropout = nn.Dropout(DROPOUT)
        self.head = nn.Linear(FILTERS * len(WIDTHS), config.num_labels)

    def forward(self, input_ids: Tensor, attention_mask: Tensor, labels: Tensor | None = None) -> SpikeBertOutput:
        """As TextCNN's."""
        packing = Packing.from_mask(attention_mask)
        mask = attention_mask[:, : packing.width]
        _, spikes = self.embeddings(input_ids, packing)  # (T, M, D)
        x = packing.pad(spikes)  # (T, B, N, D)
        pooled = []
        for convolution, norm, lif in zip(self.convolutions, self.norms, self.lifs, strict=True):
            windows = convolution.windows(mask)  # type: ignore[operator]
            current = windows.unpad(convolution(x.flatten(0, 1)).unflatten(0, x.shape[:2]))  # (T, windows, FILTERS)
            pooled.append(windows.mean(lif(norm(current.float())).mean(0)))  # (B, FILTERS)
        return _output(self.head(self.dropout(torch.cat(pooled, -1))), labels)


def _output(logits: Tensor, labels: Tensor | None) -> SpikeBertOutput:
    return SpikeBertOutput(loss=None if labels is None else F.cross_entropy(logits, labels), logits=logits)
