"""From text to token ids, with the tokenizer that the exported file carries."""

from __future__ import annotations

from collections.abc import Sequence

from export.ir.graph import Embedding, Graph
from simulate.batches import Tokens
from spikebert.core.errors import InputError, is_unicode
from spikebert.data.tasks import halves
from spikebert.data.tokenizing import require_bearable, token_ids


def encode(graph: Graph, texts: Sequence[str], where: str, truncate: bool = False) -> list[Tokens]:
    """Token ids (N,) int64 of each text; a model of sentence pairs takes a text with a TAB as two.

    Args:
        where: what an error calls the texts; it is followed by the text's number, from 1.
        truncate: cut texts longer than the model's `max_tokens` (keeping the closing [SEP]) instead of refusing them.
    Raises:
        InputError: for an empty text, not UTF-8, or too long, or a tokenizer that does not fit the model.
    """
    embedding = graph.nodes[0]
    assert isinstance(embedding, Embedding)
    for number, text in enumerate(texts, 1):
        if not text.strip():
            raise InputError(f"{where} {number}: the text is empty")
        if not is_unicode(text):
            raise InputError(f"{where} {number}: not UTF-8; convert it to UTF-8")
        require_bearable(text, f"{where} {number}")
    inputs = texts if embedding.separator < 0 else [halves(text) for text in texts]
    found = token_ids(graph.tokenizer, inputs, graph.max_tokens, truncate, "the model's tokenizer")
    for number, (tokens, count) in enumerate(found, 1):
        if not count:
            raise InputError(f"{where} {number}: the text holds nothing that the tokenizer knows")
        if count > graph.max_tokens:
            raise InputError(
                f"{where} {number}: {count} tokens, but the model takes at most {graph.max_tokens}; "
                "shorten it, or cut it with --truncate"
            )
        if tokens.max() >= len(embedding.word):
            raise InputError(
                f"{where} {number}: token {tokens.max()} is beyond the model's {len(embedding.word)} words"
            )
    return [tokens for tokens, _ in found]
