"""A teacher that weighs character n-grams: TF-IDF and a logistic regression, of scikit-learn.

It stands beside a BERT (`--more-teachers`). Where a language has no pre-trained BERT at hand, it is as good a
classifier as a BERT of the task's own text, and makes other mistakes. It reads the BERT's tokens, as the characters
that they stand for.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast
from transformers.modeling_outputs import SequenceClassifierOutput

from spikebert.core.errors import InputError, reason_of
from spikebert.core.files import read_json
from spikebert.model.pretrained import share_weights
from spikebert.training.loop import Example
from spikebert.training.teacher_folder import CONFIG, NGRAMS, WEIGHTS

GOES_ON = "##"  # WordPiece's mark of a piece that goes on a word
FEWEST = 2  # texts that an n-gram stands in
STRENGTHS = (1.0, 3.0, 10.0, 30.0)  # of which the inverse of the regularisation is chosen
FOLDS = 5


class NgramTeacher(nn.Module):
    """Logits by the n-grams of a text.

    Attributes:
        terms: the n-grams, one for each column.
        idf: (terms,) float32. weight: (labels, terms) float32. bias: (labels,) float32.
        characters: of each token, "" for the tokenizer's own marks.
    """

    idf: Tensor
    weight: Tensor
    bias: Tensor

    def __init__(self, characters: Sequence[str], longest: int, terms: Sequence[str], weights: dict[str, Tensor]):
        super().__init__()
        self.characters, self.longest, self.terms = characters, longest, terms
        for name in ("idf", "weight", "bias"):
            self.register_buffer(name, weights[name])
        self.vectorizer = _vectorizer(longest, vocabulary=terms)
        self.vectorizer.idf_ = weights["idf"].double().numpy()

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor | None = None):
        """As a BertForSequenceClassification: `logits` (B, labels) of tokens (B, N). The token types say nothing."""
        counts = attention_mask.sum(1).tolist()
        texts = [spelled(row[:count], self.characters) for row, count in zip(input_ids.tolist(), counts, strict=True)]
        weight, bias = (value.double().cpu().numpy() for value in (self.weight, self.bias))
        logits = torch.from_numpy(self.vectorizer.transform(texts) @ weight.T + bias)
        return SequenceClassifierOutput(None, logits.float().to(input_ids.device))  # type: ignore[arg-type]


def characters_of(tokenizer: PreTrainedTokenizerFast) -> list[str]:
    """What each token stands for, by its number; "" for the tokenizer's own marks.

    Where a vocabulary marks the pieces that go on a word, a space stands before the others.
    """
    pieces = tokenizer.get_vocab()
    marked = any(piece.startswith(GOES_ON) for piece in pieces)
    found = [""] * (max(pieces.values()) + 1)
    for piece, number in pieces.items():
        if number not in tokenizer.all_special_ids:
            bare = piece.removeprefix(GOES_ON)
            found[number] = f" {piece}" if marked and bare == piece else bare
    return found


def spelled(tokens: Sequence[int], characters: Sequence[str]) -> str:
    """A text as its tokens spell it. A mark, such as [SEP], is a space."""
    return "".join(characters[token] or " " for token in tokens).strip()


def _vectorizer(longest: int, **options: Any) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer  # which takes a second to import

    return TfidfVectorizer(analyzer="char", ngram_range=(1, longest), sublinear_tf=True, **options)


def fit(examples: Sequence[Example], tokenizer: PreTrainedTokenizerFast, longest: int, seed: int) -> NgramTeacher:
    """A teacher of n-grams of up to `longest` characters, its regularisation chosen by cross-validation.

    Raises:
        InputError: a label of too few texts to choose by, or no n-gram that two texts have.
    """
    from sklearn.linear_model import LogisticRegressionCV
    from sklearn.model_selection import StratifiedKFold

    characters = characters_of(tokenizer)
    wanted = np.array([example.label for example in examples])
    if min(np.bincount(wanted)) < FOLDS:
        raise InputError(f"a label stands at fewer than {FOLDS} training texts, too few to learn it")
    vectorizer = _vectorizer(longest, min_df=FEWEST)
    try:
        found = vectorizer.fit_transform([spelled(example.tokens, characters) for example in examples])
    except ValueError as error:  # scikit-learn's word for no n-gram at all
        raise InputError(f"no n-gram stands in {FEWEST} training texts ({reason_of(error)})") from None
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    strengths: Any = STRENGTHS  # scikit-learn declares no types; a checker goes by the default, a number
    fitted = LogisticRegressionCV(Cs=strengths, cv=folds, scoring="neg_log_loss", max_iter=1000).fit(found, wanted)
    weight, bias = fitted.coef_, fitted.intercept_
    if len(weight) == 1:  # of two labels scikit-learn has the difference alone
        weight, bias = (np.concatenate([-value / 2, value / 2]) for value in (weight, bias))
    weights = {"idf": vectorizer.idf_, "weight": weight, "bias": bias}
    tensors = {name: torch.from_numpy(np.ascontiguousarray(value)).float() for name, value in weights.items()}
    return NgramTeacher(characters, longest, vectorizer.get_feature_names_out().tolist(), tensors)


def save(folder: Path, teacher: NgramTeacher, labels: Sequence[str]) -> None:
    """Write the teacher's config and weights into a folder."""
    config = {
        "model_type": NGRAMS,
        "labels": [*labels],
        "longest": teacher.longest,
        "tokens": _digest(teacher.characters),
        "terms": [*teacher.terms],
    }
    (folder / CONFIG).write_text(json.dumps(config, ensure_ascii=False), "utf-8")
    save_file(teacher.state_dict(), folder / WEIGHTS)
    share_weights(folder)


def _digest(characters: Sequence[str]) -> str:
    return hashlib.sha256(json.dumps(characters).encode()).hexdigest()


def load(name: str, labels: Sequence[str], tokenizer: PreTrainedTokenizerFast) -> NgramTeacher:
    """The teacher of a folder, its logits in the order of `labels`, for the tokens of `tokenizer`.

    Raises:
        InputError: it knows other labels or other tokens, or its config and its weights do not belong together.
    """
    config = read_json(Path(name, CONFIG), "config")
    own, terms, longest = (config.get(key) for key in ("labels", "terms", "longest"))
    own = [str(label) for label in own] if isinstance(own, list) else []
    if sorted(own) != sorted(labels):
        raise InputError(f"{name}: is not fitted for the labels {', '.join(labels)}", field="more_teachers")
    characters = characters_of(tokenizer)
    if config.get("tokens") != _digest(characters):
        raise InputError(f"{name}: was fitted to the tokens of another teacher than --teacher", field="more_teachers")
    try:
        weights = load_file(Path(name, WEIGHTS))
    except Exception as error:
        raise InputError(f"{name}: its weights cannot be read ({reason_of(error)})", field="more_teachers") from None
    terms = [str(term) for term in terms] if isinstance(terms, list) else []
    count = len(terms) if len(set(terms)) == len(terms) else 0
    shapes = {"idf": (count,), "weight": (len(own), count), "bias": (len(own),)}
    found = {key: tuple(value.shape) for key, value in weights.items()}
    sound = found == shapes and all(bool(torch.isfinite(value).all()) for value in weights.values())
    if not (count and sound and isinstance(longest, int) and longest > 0):
        raise InputError(f"{name}: its config.json and its weights do not belong together", field="more_teachers")
    order = [own.index(label) for label in labels]
    weights |= {key: weights[key][order].contiguous() for key in ("weight", "bias")}
    return NgramTeacher(characters, longest, terms, weights)
