"""From texts to the examples that training, export and measuring take."""

from __future__ import annotations

from typing import Any

from transformers import BertConfig, PreTrainedTokenizerFast

from spikebert.core.errors import InputError
from spikebert.data.rows import Row
from spikebert.data.tasks import Task, halves
from spikebert.data.tokenizing import require_bearable
from spikebert.training.loop import NO_LABEL, Example


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
    inputs: Any = texts if separator is None else [halves(text) for text in texts]
    encoded: list[list[int]] = tokenizer(inputs, truncation=False, verbose=False)["input_ids"]  # type: ignore[assignment]
    cut = sum(len(tokens) > longest for tokens in encoded)
    if cut:
        # Below their own marks the tokenizers do not cut, without a word.
        least = tokenizer.num_special_tokens_to_add(pair=separator is not None) + (1 if separator is None else 2)
        if longest < least:
            raise InputError(f"--max-tokens {longest}: must be at least {least}, with the tokenizer's own marks")
        print(f"{cut} of {len(texts)} texts are longer than {longest} tokens and were cut")
        encoded = tokenizer(inputs, truncation=True, max_length=longest)["input_ids"]  # type: ignore[assignment]
    return encoded


def separator_of(task: Task, tokenizer: PreTrainedTokenizerFast, teacher: BertConfig) -> int | None:
    """The token that the tokenizer puts between the texts of a pair; None for a task of single texts."""
    if not task.pairs:
        return None
    if teacher.type_vocab_size < 2:
        raise InputError("the task has sentence pairs, which the teacher does not know: it has a single token type")
    separator = tokenizer.sep_token_id
    tokens = tokenizer([("a", "b")])["input_ids"][0]  # type: ignore[index]
    if separator not in tokens[1:-2]:
        raise InputError("the task has sentence pairs, between which the teacher's tokenizer puts no [SEP]")
    return separator  # type: ignore[return-value]


def examples_of(
    rows: list[Row],
    labels: list[str],
    tokenizer: PreTrainedTokenizerFast,
    longest: int,
    separator: int | None = None,
) -> list[Example]:
    """Labelled examples, cut as `tokenise` does."""
    encoded = tokenise([row.text for row in rows], tokenizer, longest, separator)
    return [Example(tokens, labels.index(row.label)) for tokens, row in zip(encoded, rows, strict=True)]


def unlabelled_examples(
    texts: list[str], tokenizer: PreTrainedTokenizerFast, longest: int, separator: int | None = None
) -> list[Example]:
    return [Example(tokens, NO_LABEL) for tokens in tokenise(texts, tokenizer, longest, separator)]
