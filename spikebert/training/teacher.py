"""The BERT teacher: any BERT-architecture model by path or name, fine-tuned for the task where it is not yet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import AutoConfig, AutoTokenizer, BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast
from transformers.modeling_outputs import SequenceClassifierOutput
from transformers.models.auto.tokenization_auto import get_tokenizer_config
from transformers.utils import logging

from spikebert.core.bounded import results
from spikebert.core.errors import InputError, reason_of
from spikebert.core.files import read_json
from spikebert.core.log import say
from spikebert.data import hub
from spikebert.model.outputs import REGRESSION, name_outputs
from spikebert.model.packing import segments
from spikebert.model.torch_file import read_tensors
from spikebert.training import ngrams
from spikebert.training.loop import Batch
from spikebert.training.teacher_folder import (
    CONFIG,
    NAMES,
    PICKLED,
    has_safetensors,
    of_more_teachers,
    of_ngrams,
    require,
    require_bert,
)
from spikebert.training.teacher_weights import require_finite, require_size

SECONDS = 30  # of computing for the reading of a tokenizer
FAST = "TokenizersBackend"  # so transformers 5 calls PreTrainedTokenizerFast; transformers 4 does not know the name


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


class MeanOfTeachers(nn.Module):
    """Several classifiers of the same labels as one: the mean of their class probabilities, or of their numbers.

    They are to have one tokenizer. The first is a BERT: all else, the embeddings and the hidden states, is its own.
    """

    def __init__(self, first: BertForSequenceClassification, others: Sequence[nn.Module]):
        super().__init__()
        self.models = nn.ModuleList([first, *others])
        self.config, self.bert = first.config, first.bert

    def forward(self, input_ids, attention_mask, token_type_ids=None, output_hidden_states=False):
        """`logits` (B, labels), the logarithms of the mean probabilities, and the first one's `hidden_states`."""
        first, *others = self.models
        found = first(input_ids, attention_mask, token_type_ids, output_hidden_states=output_hidden_states)
        logits = [found.logits, *(m(input_ids, attention_mask, token_type_ids).logits for m in others)]
        if self.config.problem_type == REGRESSION:
            mean = torch.stack(logits).mean(0)
        else:
            mean = torch.stack(logits).log_softmax(-1).logsumexp(0) - math.log(len(logits))
        return SequenceClassifierOutput(None, mean, found.hidden_states)  # type: ignore[arg-type]


class Head(Enum):
    """What becomes of a teacher whose classes have other names than the task's."""

    REFUSED = auto()
    GOES_ON = auto()  # it is where fine-tuning begins
    UNUSED = auto()  # the teacher's words and layers alone are wanted


def load(
    name: str, labels: Sequence[str], pooling: str = "first", head: Head = Head.REFUSED
) -> tuple[BertForSequenceClassification, PreTrainedTokenizerFast, bool]:
    """(the classifier, its tokenizer, whether it was already fine-tuned for exactly these labels).

    Without labels it is one that predicts a number: one output, by mean squared error.
    A teacher that was has its classes in the order of `labels` then, whatever their order in its folder.

    pooling: "first" or "mean", for a teacher that is to be fine-tuned; one that was keeps its own, and is refused where
        it is another than a "mean" that was asked for.
    head: what to do with one that is fine-tuned for other classes.

    Raises:
        InputError: no such folder or hub model, no BERT, weights or a tokenizer that are missing, damaged or of another
            size, or other classes.
    """
    source = require(name)
    folder = Path(source) if Path(source).is_dir() else None
    # Without this transformers would try a hub that is not there five times, ever more slowly, for each file.
    kept = folder is None and not hub.reached()
    logging.set_verbosity_error()  # "some weights are newly initialised" is what fine-tuning means
    logging.disable_progress_bar()  # transformers 5 shows one for the milliseconds that a BERT's weights take
    config = _config(name, source, kept)
    classes = classes_of(name, config)
    order = _order(classes, labels) if labels else None
    fitted = order is not None if labels else _predicts_a_number(config)
    if not fitted and head is not Head.UNUSED:
        _tell_of_classes(name, classes, labels, head)
    own = getattr(config, "classifier_pooling", "first")
    if fitted and pooling not in ("first", own):
        raise InputError(
            f"{pooling}: {name} is fine-tuned already, and classifies otherwise ({own})", field="teacher_pooling"
        )
    if not fitted:
        config.classifier_pooling = pooling
    # It may have been one of several labels, or of numbers.
    config.problem_type = "single_label_classification" if labels else REGRESSION
    name_outputs(config, labels)
    model, missing = _model(name, folder, source, config, fitted, kept)
    # A head that fine-tuning makes anew, and a pooler that sentence encoders leave out, may start at random.
    lost = sorted(k for k in missing if fitted or not k.startswith(("classifier.", "bert.pooler.")))
    if lost:
        raise InputError(f"{name}: its weights lack {lost[0]}; the model is damaged or no whole BERT", field="teacher")
    require_finite(name, model)
    if order is not None:
        with torch.no_grad():
            model.classifier.weight.copy_(model.classifier.weight[order])
            model.classifier.bias.copy_(model.classifier.bias[order])
    return model, _tokenizer(name, source, config, kept), fitted


def _config(name: str, source: str, kept: bool) -> BertConfig:
    """The teacher's config; one that tells no model type is known by its architecture."""
    if Path(source).is_dir():
        content = read_json(Path(source, CONFIG), "config")
        try:
            known: Any = BertConfig.from_dict(content)
            return known
        except Exception as error:  # transformers lets through whatever a damaged config.json gives rise to
            raise InputError(f"{name}: its config.json cannot be read ({reason_of(error)})", field="teacher") from None
    try:
        config: Any = AutoConfig.from_pretrained(source, trust_remote_code=False, local_files_only=kept)
    except Exception as error:
        reason = "is not reached from here" if kept else f"does not give it ({reason_of(error)})"
        raise InputError(
            f"{name}: no model folder, not {' or '.join(NAMES)}, and the hub {reason}", field="teacher"
        ) from None
    require_bert(name, {"model_type": config.model_type})
    return config


def classes_of(name: str, config: BertConfig) -> list[str]:
    """The names of the classes, in the order of their numbers."""
    numbered: dict[Any, Any] = config.id2label or {}
    if sorted(numbered) != list(range(len(numbered))):
        raise InputError(f"{name}: id2label in its config.json must count the classes from 0", field="teacher")
    names = [str(numbered[number]) for number in range(len(numbered))]
    stated = {str(label): number for label, number in (config.label2id or {}).items()}
    if set(stated) == set(names) and any(stated[label] != number for number, label in enumerate(names)):
        raise InputError(f"{name}: id2label and label2id in its config.json contradict each other", field="teacher")
    return names


def own_classes(name: str) -> list[str]:
    """The classes that a teacher is fine-tuned for; none where it is for nothing, or predicts a number."""
    source = require(name)
    config = _config(name, source, kept=not Path(source).is_dir() and not hub.reached())
    classes = classes_of(name, config)
    return [] if _predicts_a_number(config) or _made_up(classes) else classes


def _made_up(classes: Sequence[str]) -> bool:
    """Whether the names are those that transformers gives to classes without names."""
    return list(classes) == [f"LABEL_{number}" for number in range(len(classes))]


def _predicts_a_number(config: BertConfig) -> bool:
    """Whether it is fine-tuned for a regression, as transformers notes that."""
    return config.problem_type == REGRESSION and len(config.id2label or {}) == 1


def _order(classes: Sequence[str], labels: Sequence[str]) -> list[int] | None:
    """Where each label stands among the classes; None where the names are others. Case counts where it has to."""
    for plain in (str, str.casefold):
        found, wanted = [plain(name) for name in classes], [plain(label) for label in labels]
        if sorted(found) == sorted(wanted) and len(set(found)) == len(found):
            return [found.index(label) for label in wanted]
    return None


def _tell_of_classes(name: str, classes: Sequence[str], labels: Sequence[str], head: Head) -> None:
    if _made_up(classes):
        return
    theirs, wanted = ", ".join(map(repr, classes[:12])), ", ".join(map(repr, labels[:12])) or "numbers"
    if head is Head.REFUSED:
        raise InputError(
            f"{name}: is fine-tuned for the labels {theirs}, the task has {wanted}; name them alike "
            "(id2label in its config.json), or fine-tune it for the task: spikebert-train teacher",
            field="teacher",
        )
    say(f"teacher: {name} is fine-tuned for the labels {theirs}; it is trained on for {wanted}")


def _model(name: str, folder: Path | None, source: str, config: BertConfig, fitted: bool, kept: bool):
    """(the classifier with the weights of the folder or hub model, the names of weights that it lacks)."""
    mean = getattr(config, "classifier_pooling", "first") == "mean"
    kind = BertOfMeans if mean else BertForSequenceClassification
    options: Any = {"attn_implementation": "sdpa", "ignore_mismatched_sizes": not fitted, "output_loading_info": True}
    if folder is not None:
        require_size(name, folder, config)
    try:
        if folder is not None and not has_safetensors(folder):
            weights = read_tensors(folder / PICKLED, "file of weights")
            loaded: Any = kind.from_pretrained(None, config=config, state_dict=weights, **options)
        else:
            # Never torch's own format by transformers: it may hold code.
            loaded = kind.from_pretrained(source, config=config, local_files_only=kept, use_safetensors=True, **options)
    except InputError as error:
        raise InputError(f"{name}: {error}", field="teacher") from None
    except Exception as error:  # safetensors and transformers each raise their own kinds
        raise InputError(f"{name}: its weights cannot be read ({reason_of(error)})", field="teacher") from None
    model, found = loaded
    unlike = (key if isinstance(key, str) else key[0] for key in found["mismatched_keys"])  # some versions tell sizes
    other = [key for key in unlike if not key.startswith("classifier.")]
    if other:
        raise InputError(f"{name}: {other[0]} has another size than its config.json says", field="teacher")
    return model, found["missing_keys"]


def _tokenizer(name: str, source: str, config: BertConfig, kept: bool) -> PreTrainedTokenizerFast:
    """The teacher's, whose every token has a row in the embedding table."""

    def read() -> Any:
        own = get_tokenizer_config(source, trust_remote_code=False, local_files_only=kept)
        if own.get("tokenizer_class") == FAST:
            return PreTrainedTokenizerFast.from_pretrained(source, local_files_only=kept)  # it would keep a config
        return AutoTokenizer.from_pretrained(
            source, config=config, use_fast=True, trust_remote_code=False, local_files_only=kept
        )

    # Read by a limited process first: a tokenizer from anywhere may be one at which its library breaks down.
    list(results(lambda: [bytes(read() is not None)], f"--teacher {name}: its tokenizer cannot be read", SECONDS))
    tokenizer = read()
    if not isinstance(tokenizer, PreTrainedTokenizerFast):
        raise InputError(
            f"{name}: its tokenizer has no tokenizer.json, and none can be made of it; save it with use_fast",
            field="teacher",
        )
    if vocabulary(tokenizer) > config.vocab_size:
        token, number = max(tokenizer.get_vocab().items(), key=lambda item: item[1])
        raise InputError(
            f"{name}: its tokenizer has the token {token!r} with number {number}, its embedding table "
            f"{config.vocab_size} rows (0 to {config.vocab_size - 1}); take the tokenizer and weights of one model",
            field="teacher",
        )
    return tokenizer


def vocabulary(tokenizer: PreTrainedTokenizerFast) -> int:
    """Rows that an embedding table needs: one more than the highest number, however many numbers have no token."""
    return max(tokenizer.get_vocab().values()) + 1


def mean_of(first: BertForSequenceClassification, others: Sequence[nn.Module]):
    """Who teaches: the first alone, or the mean of all."""
    return MeanOfTeachers(first, others) if others else first


def load_more(names: Sequence[str], labels: Sequence[str], tokenizer: PreTrainedTokenizerFast) -> list[nn.Module]:
    """Classifiers of these labels that read the tokens of `tokenizer`: BERTs that are fine-tuned, or of n-grams.

    Raises:
        InputError: one that is not, or that `load` refuses.
    """
    found: list[nn.Module] = []
    for name in names:
        if of_ngrams(name):
            found.append(ngrams.load(name, labels, tokenizer))
            continue
        with of_more_teachers():
            model, own, fitted = load(name, labels, head=Head.UNUSED)
        if not fitted:
            wanted = f"the labels {', '.join(labels)}" if labels else "predicting numbers"
            raise InputError(f"{name}: is not fine-tuned for {wanted}", field="more_teachers")
        if own.get_vocab() != tokenizer.get_vocab():
            raise InputError(f"{name}: its tokenizer is not the one of --teacher", field="more_teachers")
        found.append(model)
    return found


@dataclass(frozen=True)
class Targets:
    """What the student is to learn from a batch of M tokens."""

    embeddings: Tensor  # (M, D): E_tm of eq. 7
    features: list[Tensor]  # (M, D) of each aligned layer: F_tm of eq. 6
    logits: Tensor  # (B, labels)


class Teacher:
    """A frozen teacher; `separator` is the token between the texts of a pair, None where texts are single."""

    def __init__(self, model: BertForSequenceClassification | MeanOfTeachers, separator: int | None = None):
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
