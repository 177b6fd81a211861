"""A smaller vocabulary for a trained model: the word pieces that its training texts use.

WordPiece takes the longest piece that it knows at each place. A text whose pieces are all kept is therefore cut into
the same pieces as before. A word whose own piece is gone is cut into shorter ones that are there.
"""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from string import printable
from typing import Any

import torch

from spikebert.core.errors import InputError
from spikebert.core.log import say
from spikebert.data.tokenizing import LONGEST, token_ids
from spikebert.model.checkpoint import TrainedModel
from spikebert.model.config import SpikeBertConfig
from spikebert.model.model import SpikeBertForSequenceClassification

NEIGHBOUR_TABLE = "embeddings.neighbour.weight"
WORD_TABLES = ("embeddings.word.weight", NEIGHBOUR_TABLE)  # a row a word piece; a model may lack the second


def keeping(choice: str | int, trained: TrainedModel, texts: Iterable[str]) -> TrainedModel:
    """The model with the pieces that `--vocabulary` asks for; how many these are is said.

    Args:
        choice: "whole" for all, "used" for those that `texts` use, or a number for those that they use most often.
    """
    if choice == "whole":
        return trained
    smaller = prune(trained, texts, None if choice == "used" else int(choice))
    pieces = smaller.model.config.vocab_size
    say(f"vocabulary: {pieces} of {trained.model.config.vocab_size} word pieces are kept")
    return smaller


def prune(trained: TrainedModel, texts: Iterable[str], most: int | None = None) -> TrainedModel:
    """The model with the pieces that `texts` use, single printable ASCII characters and special tokens alone.

    Logits of texts whose pieces are all kept are the same as before. A TAB parts the texts of a pair.

    Args:
        most: how many pieces are kept at most, those first that `texts` use most often.
    Raises:
        InputError: the tokenizer is no WordPiece, or `most` is fewer than the characters and special tokens are.
    """
    kept = kept_pieces(trained.tokenizer, texts, most)
    smaller = renumbered(json.loads(trained.tokenizer), kept)
    config = SpikeBertConfig.from_dict(trained.model.config.to_dict())
    config.vocab_size = len(kept)
    if config.separator is not None:
        config.separator = kept.index(config.separator)
    model = SpikeBertForSequenceClassification(config)
    state = dict(trained.model.state_dict())
    for table in WORD_TABLES:
        if table in state:
            state[table] = state[table][torch.tensor(kept)]
    model.load_state_dict(state)
    training = {**trained.training, "word_pieces": {"kept": len(kept), "of": trained.model.config.vocab_size}}
    return replace(trained, model=model.eval(), tokenizer=json.dumps(smaller, ensure_ascii=False), training=training)


def kept_pieces(text: str, texts: Iterable[str], most: int | None, field: str = "vocabulary") -> list[int]:
    """The ids that a tokenizer (its JSON) keeps, ascending.

    Args and raises as `prune`; `field` is the parameter that gave `most`.
    """
    tokenizer = json.loads(text)
    if tokenizer["model"].get("type") != "WordPiece":
        raise InputError(
            f"the tokenizer is a {tokenizer['model'].get('type')}: only the vocabulary of a WordPiece can be made "
            "smaller; leave it whole"
        )
    vocabulary: dict[str, int] = tokenizer["model"]["vocab"]
    prefix = tokenizer["model"].get("continuing_subword_prefix", "##")
    characters = [c for c in printable if not c.isspace()]
    found = {vocabulary[t] for c in characters for t in (c, prefix + c) if t in vocabulary}
    _number_marks(tokenizer, lambda i: found.add(i) or i)
    found.add(vocabulary[tokenizer["model"]["unk_token"]])
    if most is not None and most < len(found):
        raise InputError(f"{most}: single characters and special tokens are {len(found)} pieces already", field=field)
    by_use = [i for i, _ in _uses(text, texts).most_common() if i not in found]
    return sorted([*found, *by_use[: None if most is None else most - len(found)]])


def _uses(tokenizer: str, texts: Iterable[str]) -> Counter[int]:
    """How often each piece stands in the texts; of equally frequent ones the first that is met comes first."""
    uses: Counter[int] = Counter()
    parts = [part for text in texts for part in text.split("\t")]
    for tokens in token_ids(tokenizer, parts, LONGEST, False, "the tokenizer"):
        uses.update(tokens.ids.tolist())
    return uses


def renumbered(tokenizer: dict[str, Any], kept: Sequence[int]) -> dict[str, Any]:
    """A WordPiece tokenizer (the JSON of `tokenizers`) with the tokens of the ids `kept` alone, numbered from 0."""
    new = {old: number for number, old in enumerate(kept)}
    smaller = copy.deepcopy(tokenizer)
    vocabulary = sorted(tokenizer["model"]["vocab"].items(), key=lambda item: item[1])
    smaller["model"]["vocab"] = {token: new[i] for token, i in vocabulary if i in new}
    _number_marks(smaller, new.__getitem__)
    return smaller


def _number_marks(tokenizer: dict[str, Any], number: Callable[[int], int]) -> None:
    """Put `number(id)` in the place of each id that stands beside the vocabulary: of the added tokens, of those that
    are put around texts, and of padding."""
    for token in tokenizer["added_tokens"]:
        token["id"] = number(token["id"])
    processor = tokenizer.get("post_processor") or {}
    for each in processor.get("processors", [processor]):  # those of a Sequence, or one by itself
        for name in ("sep", "cls"):  # BertProcessing and RobertaProcessing
            if name in each:
                each[name][1] = number(each[name][1])
        for token in each.get("special_tokens", {}).values():  # TemplateProcessing
            token["ids"] = [number(i) for i in token["ids"]]
    if tokenizer.get("padding"):
        tokenizer["padding"]["pad_id"] = number(tokenizer["padding"]["pad_id"])
