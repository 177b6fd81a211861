"""Small random integer graphs of a SpikeBERT's shape, for tests that need no training."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from export.ir.graph import LIF, Accumulate, Add, Attention, Embedding, Graph, LayerNorm, Linear, Node, Readout

ONE = np.ones(1)


def pairs_of_texts(separator: int, seed: int = 0) -> list[np.ndarray]:
    """Sentences with none, one and several separators, at either end too, for a vocabulary of 50."""
    rng = np.random.default_rng(seed)
    sentences = [rng.integers(0, 50, n) for n in (9, 1, 1, 16, 7, 12)]
    for sentence, places in zip(sentences, ([4, 8], [0], [], [0, 15], [6], [3, 5, 11]), strict=True):
        sentence[places] = separator
    return sentences


def random_graph(
    seed: int = 0,
    width: int = 12,
    heads: int = 2,
    blocks: int = 2,
    norm: str = "layer",
    reset: str = "subtract",
    steps: int = 4,
    vocabulary: int = 50,
    max_tokens: int = 16,
    labels: int = 3,
    hidden: int | None = None,
    exponents: bool = False,
    separator: int = -1,
    shared_words: int = 0,
    levels: int = 1,
    residual: str = "spikes",
    neighbours: bool = False,
    attention_only: bool | Collection[int] = False,
) -> Graph:
    """A SpikeBERT graph with random weights whose neurons neither fall silent nor fire always.

    `attention_only` names the blocks without an MLP; True is all.
    """
    alone = range(blocks) if attention_only is True else attention_only or ()
    rng = np.random.default_rng(seed)
    nodes: list[Node] = []

    def add(node: Node) -> str:
        nodes.append(node)
        return node.name

    def neurons(prefix: str, source: str, size: int, fan_in: int, groups: int = 1) -> str:
        if norm == "layer":
            gain = rng.integers(2000, 6000, size).astype(np.int16)
            bias = rng.integers(-50, 50, size).astype(np.int32)
            source = add(LayerNorm(f"{prefix}.norm", (source,), gain, bias, int(rng.integers(0, 100)), groups))
            threshold, offset = 256 * 64, np.zeros(1, np.int32)
        else:
            threshold = 64 * (40 * int(np.sqrt(fan_in)) // 2) + 1
            offset = rng.integers(-threshold // 8, threshold // 4, size).astype(np.int32)
            unit = 2 ** max(0, (threshold // 4).bit_length() - 12)  # a bias is a 13-bit mantissa times a power of two
            offset = offset // unit * unit
        return add(LIF(f"{prefix}.lif", (source,), size, np.array([threshold], np.int32), 410, offset, reset))

    def weights(prefix: str, source: str, fan_in: int, size: int) -> str:
        weight = rng.integers(-127, 128, (size, fan_in)).astype(np.int8)
        bias = rng.integers(-50, 50, size).astype(np.int32) if norm == "layer" else None
        exponent = rng.integers(0, 4, size).astype(np.int8) if exponents else None
        return add(Linear(f"{prefix}.linear", (source,), weight, bias, 8, ONE, exponent))

    def layer(prefix: str, source: str, fan_in: int, size: int, groups: int = 1) -> str:
        return neurons(prefix, weights(prefix, source, fan_in, size), size, fan_in, groups)

    def entrance(prefix: str, stream: str) -> str:
        """Neurons of a threshold each before a branch of a membrane residual; the stream itself before any other."""
        if residual == "spikes":
            return stream
        threshold = rng.integers(1, 64 * 80, width).astype(np.int32)
        bias = rng.integers(-2000, 2000, width).astype(np.int32)
        return add(LIF(f"{prefix}.entrance.lif", (stream,), width, threshold, 410, bias, reset))

    def joined(branch: str, stream: str, source: str, fan_in: int, prefix: str) -> str:
        if residual == "spikes":
            return add(Add(f"{branch}.add", (stream, layer(prefix, source, fan_in, width)), width))
        shift = np.array([0 if stream.endswith(".add") else 5, rng.integers(0, 2)], np.int8)
        return add(Accumulate(f"{branch}.add", (stream, weights(prefix, source, fan_in, width)), width, shift, ONE))

    word = rng.integers(-127, 128, (vocabulary, width)).astype(np.int8)
    rows = max_tokens if separator < 0 else (4 if shared_words else 2) * max_tokens
    position = rng.integers(-40, 41, (rows, width)).astype(np.int16)
    others = np.random.default_rng(seed + 1)  # so that all else is that of the graph without it
    neighbour = others.integers(-60, 61, (vocabulary, width)).astype(np.int8) if neighbours else None
    words = add(Embedding("embeddings.word", (), word, position, ONE, separator, shared_words, neighbour))
    stream = neurons("embeddings", words, width, 4) if residual == "spikes" else words
    if levels > 1 and residual == "spikes":
        first = nodes[-1]
        assert isinstance(first, LIF)
        for i in range(levels - 1):
            bias = rng.integers(-int(first.threshold[0]) // 4, int(first.threshold[0]) // 2, width).astype(np.int32)
            level = add(replace(first, name=f"embeddings.levels.{i}.lif", bias=bias))
            stream = add(Add(f"embeddings.levels.{i}.add", (stream, level), width))
    for i in range(blocks):
        prefix = f"blocks.{i}.attention"
        qkv = layer(f"{prefix}.qkv", entrance(prefix, stream), width, 3 * width, groups=3)
        counts = add(Attention(f"{prefix}.coincidences", (qkv,), width, heads))
        zero = np.zeros(1, np.int32)
        core = add(LIF(f"{prefix}.lif", (counts,), width, np.array([128], np.int32), 410, zero, reset))
        stream = joined(prefix, stream, core, width, f"{prefix}.output")
        if i in alone:
            continue
        prefix, hidden_size = f"blocks.{i}.mlp", hidden or 2 * width
        up = layer(f"{prefix}.up", entrance(prefix, stream), width, hidden_size)
        stream = joined(prefix, stream, up, hidden_size, f"{prefix}.down")
    shift = 12
    if norm == "layer":
        gain = rng.integers(2000, 6000, width).astype(np.int16)
        stream = add(LayerNorm("readout.norm", (stream,), gain, np.zeros(width, np.int32), 10, 1))
        shift = 4
    outputs = max(1, labels)  # without labels it predicts a number
    head = rng.integers(-127, 128, (outputs, width)).astype(np.int8)
    add(Readout("readout", (stream,), head, rng.integers(-99, 99, outputs).astype(np.int32), shift, ONE))
    names = tuple(f"label{i}" for i in range(labels))
    return Graph(tuple(nodes), steps, max_tokens, names, tokenizer="{}", metadata={"norm": norm, "reset": reset})
