"""The shape and the neuron parameters of a SpikeBERT."""

from __future__ import annotations

from transformers import PretrainedConfig

from spikebert.core.errors import InputError
from spikebert.model import registry
from spikebert.model.limits import LEVELS_MAX

NORMS = ("layer", "batch")
RESETS = ("subtract", "zero")
RESIDUALS = ("spikes", "membrane")


class SpikeBertConfig(PretrainedConfig):
    """Configuration of SpikeBERT; the defaults are the paper's (sections 3.2 and 4.2).

    norm: "layer" is the paper's LayerNorm; "batch" folds into weights and biases at export.
    reset: what a spike does to the membrane at the next step, see `spikebert.model.neuron`.
    attention_scale: the factor tau of `(Q K^T) V tau`.
    position_embeddings: learned absolute positions; the authors' code has none (set False for a strict copy).
    residual: what a block adds to the stream: "spikes" (the paper's: small integers, read by every Linear) or
        "membrane": currents, read through a neuron layer at the entrance of each branch, so that every Linear reads
        binary spikes (Hu et al., MS-ResNet, arXiv 2112.08954; Yao et al., Spike-driven Transformer, arXiv 2307.01694).
    embedding_levels: populations of embedding neurons, each with biases of its own, whose spikes add up, so that few
        time steps tell more of an embedding; the paper has one. A membrane residual has none: its stream begins as the
        embedding's current itself.
    separator: of a model for sentence pairs the token between the two texts. Its position table has 2 max_tokens rows,
        the second half for the second text: what BERT's token types are for.
    shared_words: of a model for sentence pairs, whether a token that stands in both texts has a position of its own
        there. Its position table then has 4 max_tokens rows: behind those for tokens of one text alone, as many for
        tokens of both. A neuron can so tell a word that both texts have, which no sum over the words of both shows.
    neighbours: whether a token's embedding tells of the tokens beside it, too. A second word table gives the first half
        of the features by the token before, and the other half by the token behind.
    attention_only: whether a block is its attention alone, without the MLP that the paper's has. `intermediate_size`
        is then that of the BERT which operations are compared with.
    """

    model_type = "spikebert"

    def __init__(
        self,
        vocab_size: int = 30522,
        hidden_size: int = 768,
        num_hidden_layers: int = 12,
        num_attention_heads: int = 12,
        intermediate_size: int | None = None,
        max_tokens: int = 256,
        time_steps: int = 4,
        beta: float = 0.9,
        threshold: float = 1.0,
        attention_threshold: float = 0.25,
        attention_scale: float = 0.125,
        surrogate_alpha: float = 2.0,
        norm: str = "layer",
        reset: str = "subtract",
        residual: str = "spikes",
        position_embeddings: bool = True,
        embedding_levels: int | None = None,
        separator: int | None = None,
        shared_words: bool = False,
        neighbours: bool = False,
        attention_only: bool = False,
        initializer_range: float = 0.02,
        **kwargs,
    ):
        self.vocab_size = vocab_size
        self.hidden_size = hidden_size
        self.num_hidden_layers = num_hidden_layers
        self.num_attention_heads = num_attention_heads
        self.intermediate_size = intermediate_size or 4 * hidden_size
        self.max_tokens = max_tokens
        self.time_steps = time_steps
        self.beta = beta
        self.threshold = threshold
        self.attention_threshold = attention_threshold
        self.attention_scale = attention_scale
        self.surrogate_alpha = surrogate_alpha
        self.norm = norm
        self.reset = reset
        self.residual = residual
        self.position_embeddings = position_embeddings
        least = 0 if residual == "membrane" else 1
        self.embedding_levels = least if embedding_levels is None else embedding_levels
        self.separator = separator
        self.shared_words = shared_words
        self.neighbours = neighbours
        self.attention_only = attention_only
        self.initializer_range = initializer_range
        self._check()
        super().__init__(**kwargs)

    @property
    def positions(self) -> int:
        """Rows of the position table."""
        if self.separator is None:
            return self.max_tokens
        return (4 if self.shared_words else 2) * self.max_tokens

    def _check(self) -> None:
        for field in (
            "vocab_size",
            "hidden_size",
            "num_hidden_layers",
            "num_attention_heads",
            "intermediate_size",
            "max_tokens",
            "time_steps",
        ):
            value = getattr(self, field)
            if not isinstance(value, int) or value < 1:
                raise InputError(f"config: {field} must be a whole number of at least 1, not {value!r}")
        if self.residual == "membrane" and self.embedding_levels != 0:
            raise InputError("config: residual membrane has embedding_levels 0: its stream begins as a current")
        if self.residual != "membrane" and self.embedding_levels not in range(1, LEVELS_MAX + 1):
            raise InputError(f"config: embedding_levels must be 1 to {LEVELS_MAX}, not {self.embedding_levels!r}")
        if self.hidden_size % self.num_attention_heads:
            raise InputError(
                f"config: hidden_size {self.hidden_size} is not a multiple of "
                f"num_attention_heads {self.num_attention_heads}"
            )
        if self.separator is not None and not (self.position_embeddings and 0 <= self.separator < self.vocab_size):
            raise InputError("config: a separator is one of the words, and needs position_embeddings")
        if self.shared_words and self.separator is None:
            raise InputError("config: shared_words is of sentence pairs, which need a separator")
        for field in ("neighbours", "attention_only"):
            if not isinstance(getattr(self, field), bool):
                raise InputError(f"config: {field} must be True or False, not {getattr(self, field)!r}")
        if self.neighbours and self.hidden_size % 2:
            raise InputError(f"config: neighbours needs an even hidden_size, not {self.hidden_size}")
        if self.norm not in NORMS:
            raise InputError(f"config: norm must be one of {', '.join(NORMS)}, not {self.norm!r}")
        if self.reset not in RESETS:
            raise InputError(f"config: reset must be one of {', '.join(RESETS)}, not {self.reset!r}")
        if self.residual not in RESIDUALS:
            raise InputError(f"config: residual must be one of {', '.join(RESIDUALS)}, not {self.residual!r}")
        if self.residual == "membrane" and self.norm != "batch":
            raise InputError("config: residual membrane needs norm batch: its norms fold into thresholds at export")
        if not 0.0 <= self.beta <= 1.0:
            raise InputError(f"config: beta must lie in [0, 1], not {self.beta!r}")
        for field in ("threshold", "attention_threshold", "attention_scale", "surrogate_alpha"):
            if not getattr(self, field) > 0:
                raise InputError(f"config: {field} must be above 0, not {getattr(self, field)!r}")


registry.enter_config(SpikeBertConfig)
