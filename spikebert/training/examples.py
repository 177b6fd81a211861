"""From texts to the examples that training, export and measuring take."""

from __future__ import annotations

from collections.abc import Sequence

from tokenizers import Tokenizer
from transformers import BertConfig, PreTrainedTokenizerFast

from spikebert.core.errors import InputError
from spikebert.core.log import say
from spikebert.data.rows import Row
from spikebert.data.tasks import Task, halves
from spikebert.data.tokenizing import Text, Tokens, require_bearable, token_ids
from spikebert.model.checkpoint import TrainedModel
from spikebert.training.loop import NO_LABEL, NO_NUMBER, Example


def tokenise(
    texts: list[str], tokenizer: PreTrainedTokenizerFast, longest: int, separator: int | None = None
) -> list[list[int]]:
    """Token ids; texts of more than `longest` tokens are cut, and how many is said.

    With a separator, a text with a TAB is a pair, and cut where it is longer.

    Raises:
        InputError: so few tokens leave no room for a text, or a text is longer than any that is tokenised.
    """
    if not texts:
        return []
    for number, text in enumerate(texts, 1):
        require_bearable(text, f"text {number} of {len(texts)}")
    inputs = list(texts) if separator is None else [halves(text) for text in texts]
    whole = _ids(tokenizer, inputs, longest)
    encoded = [tokens.ids.tolist() for tokens in whole]
    long = [number for number, tokens in enumerate(whole) if tokens.number > longest]
    if long:
        # Below their own marks the tokenizers do not cut, without a word.
        least = tokenizer.num_special_tokens_to_add(pair=separator is not None) + (1 if separator is None else 2)
        if longest < least:
            raise InputError(f"{longest}: must be at least {least}, with the tokenizer's own marks", field="max_tokens")
        say(f"{len(long)} of {len(texts)} texts are longer than {longest} tokens and were cut")
        for number, tokens in zip(
            long, _ids(tokenizer, [inputs[i] for i in long], longest, truncate=True), strict=True
        ):
            encoded[number] = tokens.ids.tolist()
    return encoded


def _ids(tokenizer: PreTrainedTokenizerFast, texts: Sequence[Text], most: int, truncate: bool = False) -> list[Tokens]:
    """By the tokenizer itself, in a limited process: it came with a teacher, from anywhere."""
    return token_ids(tokenizer.backend_tokenizer.to_str(), texts, most, truncate, "the teacher's tokenizer")


def separator_of(task: Task, tokenizer: PreTrainedTokenizerFast, teacher: BertConfig) -> int | None:
    """The token that the tokenizer puts between the texts of a pair; None for a task of single texts."""
    if not task.pairs:
        return None
    if teacher.type_vocab_size < 2:
        raise InputError("the task has sentence pairs, which the teacher does not know: it has a single token type")
    separator = tokenizer.sep_token_id
    (tokens,) = _ids(tokenizer, [("a", "b")], most=16)
    if separator not in tokens.ids[1:-2]:
        raise InputError("the task has sentence pairs, between which the teacher's tokenizer puts no [SEP]")
    return separator  # type: ignore[return-value]


def examples_of(
    rows: list[Row],
    labels: list[str],
    tokenizer: PreTrainedTokenizerFast,
    longest: int,
    separator: int | None = None,
) -> list[Example]:
    """Labelled examples, cut as `tokenise` does; without `labels` those of a regression."""
    encoded = tokenise([row.text for row in rows], tokenizer, longest, separator)
    if not labels:
        return [Example(tokens, float(row.label)) for tokens, row in zip(encoded, rows, strict=True)]
    return [Example(tokens, labels.index(row.label)) for tokens, row in zip(encoded, rows, strict=True)]


def examples_for(trained: TrainedModel, rows: list[Row]) -> list[Example]:
    """Labelled examples for a model: by its own tokenizer, labels and longest text."""
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(trained.tokenizer))
    config = trained.model.config
    return examples_of(rows, trained.labels, tokenizer, config.max_tokens, config.separator)


def unlabelled_examples(
    texts: list[str],
    tokenizer: PreTrainedTokenizerFast,
    longest: int,
    separator: int | None = None,
    label: int | float = NO_LABEL,
) -> list[Example]:
    """Examples without labels; `label` is what marks these: NO_LABEL, or NO_NUMBER of a regression."""
    return [Example(tokens, label) for tokens in tokenise(texts, tokenizer, longest, separator)]


def taught_examples(
    task: Task, more: list[str], tokenizer: PreTrainedTokenizerFast, longest: int, separator: int | None = None
) -> list[Example]:
    """The task's training texts with their labels, and behind them `more` texts that a teacher alone knows."""
    labelled = examples_of(task.train, task.labels, tokenizer, longest, separator)
    no_label = NO_NUMBER if task.regression else NO_LABEL
    return labelled + unlabelled_examples(more, tokenizer, longest, separator, no_label)
