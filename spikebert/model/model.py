"""SpikeBERT (paper, section 3.2), in the conventions of Hugging Face transformers."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.utils.generic import ModelOutput

from spikebert.model import registry
from spikebert.model.attention import SpikingSelfAttention
from spikebert.model.config import SpikeBertConfig
from spikebert.model.layers import SpikingLinear, branch_layers, make_lif, make_norm
from spikebert.model.outputs import REGRESSION
from spikebert.model.packing import Packing, segments, shared

SPREAD = 1.6  # of the levels' biases at the start of training, in the unit of a normalised current


class Level(nn.Module):
    """A further population of embedding neurons: the same current with a bias of its own for each neuron."""

    def __init__(self, config: SpikeBertConfig, bias: float):
        super().__init__()
        self.bias = nn.Parameter(torch.full((config.hidden_size,), bias))
        self.lif = make_lif(config)

    def forward(self, current: Tensor) -> Tensor:
        return self.lif(current + self.bias)


class Embeddings(nn.Module):
    """Token (and position) embedding → norm → LIF: a constant current over T steps becomes spikes.

    With further levels the stream begins as the sum of their spikes: a thermometer of the current. That of a membrane
    residual has no neurons here: it begins as the current itself.
    """

    def __init__(self, config: SpikeBertConfig):
        super().__init__()
        self.time_steps, self.longest, self.separator = config.time_steps, config.max_tokens, config.separator
        self.shared_words = config.shared_words
        self.word = nn.Embedding(config.vocab_size, config.hidden_size)
        self.position = nn.Embedding(config.positions, config.hidden_size) if config.position_embeddings else None
        self.neighbour = nn.Embedding(config.vocab_size, config.hidden_size) if config.neighbours else None
        self.norm = make_norm(config, config.hidden_size)
        count = config.embedding_levels
        self.lif = make_lif(config) if count else None
        self.levels = nn.ModuleList(Level(config, SPREAD * level / count) for level in range(1, count))

    def forward(self, tokens: Tensor, packing: Packing) -> tuple[Tensor, Tensor]:
        """(B, N) ids → the embeddings (M, D) that distillation aligns, and the stream's beginning (T, M, D)."""
        embedded = self.word(packing.pack(tokens))
        if self.position is not None:
            places = packing.positions  # (M,)
            if self.separator is not None:
                tokens = tokens[:, : packing.width]
                second = segments(tokens, self.separator)
                places = places + self.longest * packing.pack(second)
                if self.shared_words:
                    places = places + 2 * self.longest * packing.pack(shared(tokens, second, packing.lengths))
            embedded = embedded + self.position(places)
        current = self.norm(embedded if self.neighbour is None else embedded + self._beside(tokens, packing))
        current = current.expand(self.time_steps, *current.shape)
        if self.lif is None:
            return embedded, current
        spikes = self.lif(current)
        for level in self.levels:
            spikes = spikes + level(current)
        return embedded, spikes

    def _beside(self, tokens: Tensor, packing: Packing) -> Tensor:
        """(M, D): of the token before, the first half of its row of the table; of the token behind, the other half.

        A text's first token has none before it, and its last none behind: zeros.
        """
        assert self.neighbour is not None
        before, behind = self.neighbour(packing.pack(tokens)).chunk(2, dim=-1)  # (M, D/2)
        first = packing.positions == 0  # (M,); the token before a first one is another text's last
        return torch.cat(
            [
                before.roll(1, 0).masked_fill(first[:, None], 0.0),
                behind.roll(-1, 0).masked_fill(first.roll(-1)[:, None], 0.0),
            ],
            dim=-1,
        )


class MLP(nn.Module):
    """`MLP(X) = LIF(LN(Linear(LIF(LN(Linear(X))))))`; with a membrane residual as in `SpikingSelfAttention`."""

    def __init__(self, config: SpikeBertConfig):
        super().__init__()
        self.up = SpikingLinear(config, config.hidden_size, config.intermediate_size)
        self.entrance, self.down = branch_layers(config, config.intermediate_size)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(self.up(self.entrance(x)))


class Block(nn.Module):
    """`X' = X + SSA(X)`, `X'' = X' + MLP(X')` (eq. 5).

    The stream X holds small integers, a sum of spike trains; with a membrane residual a sum of currents. A block of
    attention alone ends with X'.
    """

    def __init__(self, config: SpikeBertConfig):
        super().__init__()
        self.attention = SpikingSelfAttention(config)
        self.mlp = None if config.attention_only else MLP(config)

    def forward(self, x: Tensor, packing: Packing) -> Tensor:
        x = x + self.attention(x, packing)
        return x if self.mlp is None else x + self.mlp(x)


class Readout(nn.Module):
    """norm → mean over tokens → linear head → mean over T."""

    def __init__(self, config: SpikeBertConfig):
        super().__init__()
        self.norm = make_norm(config, config.hidden_size)
        self.head = nn.Linear(config.hidden_size, config.num_labels)

    def forward(self, x: Tensor, packing: Packing) -> Tensor:
        # The head is linear, so the means over T and over tokens may come before it.
        return self.head(packing.mean(self.norm(x).mean(0))).to(x.dtype)


@dataclass
class SpikeBertOutput(ModelOutput):
    """What a forward pass gives; M is the number of tokens in the batch that are not padding."""

    loss: Tensor | None = None
    logits: Tensor | None = None  # (B, labels)
    embeddings: Tensor | None = None  # (M, D): E_sm of eq. 7
    features: tuple[Tensor, ...] | None = None  # a (M, D) for each block, summed over T: F_sm of eq. 6


class SpikeBertForSequenceClassification(PreTrainedModel):
    """Embeddings → blocks → readout."""

    config_class = SpikeBertConfig
    main_input_name = "input_ids"

    def __init__(self, config: SpikeBertConfig):
        super().__init__(config)
        self.embeddings = Embeddings(config)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.num_hidden_layers))
        self.readout = Readout(config)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.normal_(module.weight, std=self.config.initializer_range)
        if isinstance(module, nn.Linear):
            nn.init.zeros_(module.bias)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        return_dict: bool = True,
        features: bool = False,
        **_: object,
    ) -> SpikeBertOutput | tuple:
        """Classify a batch.

        Args:
            input_ids: (B, N) int64, padded on the right.
            attention_mask: (B, N), 1 for tokens and 0 for padding; all tokens where None.
            labels: (B,) int64; gives the cross entropy as `loss`. Of a regression numbers, and the mean squared error.
            features: whether to give `embeddings` and `features`, too. Their first axis is that of tokens, which a
                pipeline of transformers would take for the batch.
        """
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        packing = Packing.from_mask(mask)
        embedded, x = self.embeddings(input_ids, packing)  # (M, D), (T, M, D)
        sums = []
        for block in self.blocks:
            x = block(x, packing)
            if features:
                sums.append(x.sum(0))
        logits = self.readout(x, packing)
        loss = None if labels is None else self._loss(logits, labels)
        output = SpikeBertOutput(loss=loss, logits=logits)
        if features:
            output = SpikeBertOutput(loss=loss, logits=logits, embeddings=embedded, features=tuple(sums))
        return output if return_dict else output.to_tuple()

    def _loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        if self.config.problem_type == REGRESSION:
            return F.mse_loss(logits[:, 0], labels.float())
        return F.cross_entropy(logits, labels)


registry.enter_model(SpikeBertConfig, SpikeBertForSequenceClassification)
