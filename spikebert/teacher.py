"""The BERT teacher: any BERT-architecture model by path or name, fine-tuned for the task where it is not yet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import AutoConfig, AutoTokenizer, BertForSequenceClassification, PreTrainedTokenizerFast
from transformers.modeling_outputs import SequenceClassifierOutput
from transformers.utils import logging

from spikebert import hub, packaged
from spikebert.errors import InputError
from spikebert.files import read_json
from spikebert.loop import Batch
from spikebert.packing import segments

NAMES = {"minilm": packaged.minilm}


class BertOfMeans(BertForSequenceClassification):
    """A BERT that classifies the mean of its last hidden states, as sentence encoders are trained to be read.

    BERT's own way is the hidden state of the first token, through a further layer ("pooler"). A config names the way
    in `classifier_pooling`, the field that transformers' ModernBERT has for it.
    """

    def __init__(self, config):
        super().__init__(config)
        self.bert.pooler = None

    def forward(self, input_ids, attention_mask, token_type_ids=None, labels=None, output_hidden_states=False):  # type: ignore[override]
        """As BertForSequenceClassification: `loss` where there are labels, `logits` (B, labels), `hidden_states`."""
        encoded = self.bert(input_ids, attention_mask, token_type_ids, output_hidden_states=output_hidden_states)
        present = attention_mask.unsqueeze(-1).to(encoded.last_hidden_state.dtype)  # (B, N, 1)
        mean = (encoded.last_hidden_state * present).sum(1) / present.sum(1)
        logits = self.classifier(self.dropout(mean))
        loss = None if labels is None else F.cross_entropy(logits, labels)
        return SequenceClassifierOutput(loss, logits, encoded.hidden_states)  # type: ignore[arg-type]


class MeanOfBerts(nn.Module):
    """Several classifiers of the same labels as one: the mean of their class probabilities.

    They are to have one tokenizer. All else, the embeddings and the hidden states, is the first one's.
    """

    def __init__(self, models: Sequence[BertForSequenceClassification]):
        super().__init__()
        self.models = nn.ModuleList(models)
        self.config, self.bert = models[0].config, models[0].bert

    def forward(self, input_ids, attention_mask, token_type_ids=None, output_hidden_states=False):
        """`logits` (B, labels), the logarithms of the mean probabilities, and the first one's `hidden_states`."""
        first, *others = self.models
        found = first(input_ids, attention_mask, token_type_ids, output_hidden_states=output_hidden_states)
        logits = [found.logits, *(m(input_ids, attention_mask, token_type_ids).logits for m in others)]
        mean = torch.stack(logits).log_softmax(-1).logsumexp(0) - math.log(len(logits))
        return SequenceClassifierOutput(None, mean, found.hidden_states)  # type: ignore[arg-type]


def locate(name: str) -> str:
    """A folder, or the name of a hub model where the hub may be asked."""
    if name in NAMES:
        return str(NAMES[name]())
    path = Path(name)
    if path.is_dir():
        if not (path / "config.json").is_file():
            raise InputError(f"--teacher {name}: the folder holds no config.json; it is not a model directory")
        return name
    if path.exists():
        raise InputError(
            f"--teacher {name}: is a file; give the folder of a BERT model (config.json, weights, tokenizer)"
        )
    if name.startswith((".", "/")) or name.count("/") > 1:
        raise InputError(f"--teacher {name}: no such folder")
    return name


def load(
    name: str, labels: Sequence[str], pooling: str = "first"
) -> tuple[BertForSequenceClassification, PreTrainedTokenizerFast, bool]:
    """(the classifier, its tokenizer, whether it was already fine-tuned for exactly these labels).

    pooling: "first" or "mean", for a teacher that is to be fine-tuned; one that was keeps its own, and is refused where
        it is another than a "mean" that was asked for.

    Raises:
        InputError: no such folder or hub model, no BERT, unreadable weights.
    """
    source = locate(name)
    if Path(source).is_dir():
        _require_bert(name, str(read_json(Path(source, "config.json"), "config").get("model_type")))
    # Without this transformers would try a hub that is not there five times, ever more slowly, for each file.
    kept = not Path(source).is_dir() and not hub.reached()
    logging.set_verbosity_error()  # "some weights are newly initialised" is what fine-tuning means
    try:
        config = AutoConfig.from_pretrained(source, trust_remote_code=False, local_files_only=kept)
    except Exception as error:  # transformers lets through whatever a damaged config.json gives rise to
        reason = " ".join(str(error).split())[:160]
        if Path(source).is_dir():
            raise InputError(f"--teacher {name}: its config.json cannot be read ({reason})") from None
        reason = "is not reached from here" if kept else f"does not give it ({reason})"
        raise InputError(f"--teacher {name}: no model folder, not {' or '.join(NAMES)}, and the hub {reason}") from None
    _require_bert(name, config.model_type)
    fitted = list((config.id2label or {}).values()) == list(labels)
    own = getattr(config, "classifier_pooling", "first")
    if fitted and pooling not in ("first", own):
        raise InputError(f"--teacher-pooling {pooling}: {name} is fine-tuned already, and classifies otherwise ({own})")
    if not fitted:
        config.classifier_pooling = pooling
    config.problem_type = "single_label_classification"  # it may have been one of several labels, or of numbers
    mean = getattr(config, "classifier_pooling", "first") == "mean"
    config.id2label = dict(enumerate(labels))
    config.label2id = {label: i for i, label in enumerate(labels)}
    try:
        loaded: Any = (BertOfMeans if mean else BertForSequenceClassification).from_pretrained(
            source,
            config=config,
            attn_implementation="sdpa",
            ignore_mismatched_sizes=not fitted,
            use_safetensors=True,  # torch's own format may hold code
            local_files_only=kept,
            output_loading_info=True,
        )
        model, found = loaded
        tokenizer = AutoTokenizer.from_pretrained(source, use_fast=True, trust_remote_code=False, local_files_only=kept)
    except Exception as error:  # safetensors, tokenizers and transformers each raise their own kinds
        raise InputError(f"--teacher {name}: cannot be read ({' '.join(str(error).split())[:160]})") from None
    # A head that fine-tuning makes anew, and a pooler that sentence encoders leave out, may start at random.
    lost = sorted(k for k in found["missing_keys"] if fitted or not k.startswith(("classifier.", "bert.pooler.")))
    if lost:
        raise InputError(f"--teacher {name}: its weights lack {lost[0]}; the model is damaged or no whole BERT")
    return model, tokenizer, fitted


def load_more(names: Sequence[str], labels: Sequence[str], tokenizer: PreTrainedTokenizerFast):
    """Classifiers that are fine-tuned for these labels and read the tokens of `tokenizer`.

    Raises:
        InputError: one that is not, or that `load` refuses.
    """
    found = []
    for name in names:
        model, own, fitted = load(name, labels)
        if not fitted:
            raise InputError(f"--more-teachers {name}: is not fine-tuned for the labels {', '.join(labels)}")
        if own.get_vocab() != tokenizer.get_vocab():
            raise InputError(f"--more-teachers {name}: its tokenizer is not the one of --teacher")
        found.append(model)
    return found


def _require_bert(name: str, kind: str) -> None:
    if kind != "bert":
        raise InputError(f"--teacher {name}: is a {kind} model; the teacher must be of the BERT architecture")


@dataclass(frozen=True)
class Targets:
    """What the student is to learn from a batch of M tokens."""

    embeddings: Tensor  # (M, D): E_tm of eq. 7
    features: list[Tensor]  # (M, D) of each aligned layer: F_tm of eq. 6
    logits: Tensor  # (B, labels)


class Teacher:
    """A frozen teacher; `separator` is the token between the texts of a pair, None where texts are single."""

    def __init__(self, model: BertForSequenceClassification | MeanOfBerts, separator: int | None = None):
        self.separator = separator
        self.model = model.eval().requires_grad_(False)
        self.layers: int = model.config.num_hidden_layers
        self.width: int = model.config.hidden_size
        self.shape = {
            "blocks": self.layers,
            "hidden_size": self.width,
            "intermediate_size": int(model.config.intermediate_size),
        }

    @torch.no_grad()
    def __call__(self, tokens: Tensor, mask: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Logits (B, labels), and the packed hidden states (M, D): the embeddings, then each layer's."""
        types = token_types(tokens, self.separator)
        output = self.model(input_ids=tokens, attention_mask=mask, token_type_ids=types, output_hidden_states=True)
        rows = mask.bool()
        return output.logits.clone(), [hidden[rows] for hidden in output.hidden_states]

    def to(self, device: torch.device) -> Teacher:
        self.model.to(device)  # type: ignore[arg-type]
        return self

    def targets(self, batch: Batch, layers: Sequence[int]) -> Targets:
        """Computed anew; `layers` count from 1."""
        logits, hidden = self(batch.tokens, batch.mask)
        return Targets(hidden[0], [hidden[i] for i in layers], logits)

    @torch.no_grad()
    def embeddings(self, batch: Batch) -> Tensor:
        """(M, D): the embeddings alone, which are a table look-up and a norm."""
        types = token_types(batch.tokens, self.separator)
        return self.model.bert.embeddings(input_ids=batch.tokens, token_type_ids=types)[batch.mask.bool()]


def token_types(tokens: Tensor, separator: int | None) -> Tensor | None:
    """(B, N) int64; None is BERT's own default, all of the first text."""
    return None if separator is None else segments(tokens, separator)
