"""From text to token ids, with the tokenizer that the exported file carries."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from tokenizers import Tokenizer

from export.graph import Embedding, Graph
from simulate.batches import Tokens
from spikebert.data import halves
from spikebert.errors import InputError


def encode(graph: Graph, texts: Sequence[str], where: str, truncate: bool = False) -> list[Tokens]:
    """Token ids (N,) int64 of each text; a model of sentence pairs takes a text with a TAB as two.

    Args:
        where: what an error calls the texts; it is followed by the text's number, from 1.
        truncate: cut texts longer than the model's `max_tokens` (keeping the closing [SEP]) instead of refusing them.
    Raises:
        InputError: for an empty text, not UTF-8, or too long, or a tokenizer that does not fit the model.
    """
    tokenizer = _tokenizer(graph)
    tokenizer.no_padding()
    if truncate:
        tokenizer.enable_truncation(graph.max_tokens)
    else:
        tokenizer.no_truncation()
    empty = next((i for i, text in enumerate(texts, 1) if not text.strip()), None)
    if empty:
        raise InputError(f"{where} {empty}: the text is empty")
    strange = next((i for i, text in enumerate(texts, 1) if not _is_unicode(text)), None)
    if strange:
        raise InputError(f"{where} {strange}: not UTF-8; convert it to UTF-8")
    embedding = graph.nodes[0]
    assert isinstance(embedding, Embedding)
    inputs = texts if embedding.separator < 0 else [halves(text) for text in texts]
    sentences = [np.array(encoding.ids, np.int64) for encoding in tokenizer.encode_batch(list(inputs))]
    for number, tokens in enumerate(sentences, 1):
        if not len(tokens):
            raise InputError(f"{where} {number}: the text holds nothing that the tokenizer knows")
        if len(tokens) > graph.max_tokens:
            raise InputError(
                f"{where} {number}: {len(tokens)} tokens, but the model takes at most {graph.max_tokens}; "
                "shorten it, or cut it with --truncate"
            )
        if tokens.max() >= len(embedding.word):
            raise InputError(
                f"{where} {number}: token {tokens.max()} is beyond the model's {len(embedding.word)} words"
            )
    return sentences


def _is_unicode(text: str) -> bool:
    """Whether it is text: what a command line holds that is not UTF-8, Python keeps as lone surrogates."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _tokenizer(graph: Graph) -> Tokenizer:
    try:
        return Tokenizer.from_str(graph.tokenizer)
    except Exception as error:  # what the library raises has no narrower type
        raise InputError(f"the model's tokenizer is not one of the tokenizers library ({error})") from None
