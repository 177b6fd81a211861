"""Makes the test vectors of `export/NIR.md`: the models of `tests/export/data/vector-*.nir`, and `vectors.json`.

    python -m tests.export.vectors

The models have random weights and no tokenizer. What they compute is what `tests.export.naive` computes. The models of
the first three files are not made anew. A file that holds its model already stays as it is, byte for byte.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from export.ir import nir
from export.ir.graph import LIF, Accumulate, Add, Attention, Embedding, Graph, LayerNorm, Linear, Readout
from export.ir.validate import validate
from tests.export import naive
from tests.random_graph import ONE

DATA = Path(__file__).parent / "data"
TEXTS = [[1], [3, 1, 4], [2, 7, 5, 0, 6, 3], [6, 6, 2, 7, 1]]
MORE_TEXTS = [*TEXTS, [0, 5], [4, 2, 2], [7, 7, 3]]
PAIRS = [  # the separator is 7
    [0, 3, 1, 7, 5, 2, 7],
    [0, 4, 6, 7, 6, 3, 7, 4],  # words in both texts, a separator within the second
    [0, 2, 5, 4],  # no separator
    [7],
    [0, 1, 7, 1, 7],
    [6, 7, 2, 2, 3, 5],
]


def within(rng: np.random.Generator, most: int, shape: int | tuple[int, ...], dtype: type[np.integer]) -> np.ndarray:
    return rng.integers(-most, most + 1, shape).astype(dtype)


def of_pairs() -> Graph:
    """A number for a pair of texts; shared words and neighbours, linears with bias and exponent, several decays."""
    rng, width = np.random.default_rng(0), 8

    def linear(name: str, source: str, size: int) -> Linear:
        exponent = rng.integers(0, 4, size).astype(np.int8)
        weight, bias = within(rng, 127, (size, width), np.int8), within(rng, 300, size, np.int32)
        return Linear(name, (source,), weight, bias, 8, ONE, exponent)

    def norm(name: str, source: str, size: int, groups: int, least: int, most: int) -> LayerNorm:
        gain = rng.integers(least, most, size).astype(np.int16)
        return LayerNorm(name, (source,), gain, within(rng, 99, size, np.int32), int(rng.integers(0, 100)), groups)

    def neurons(name: str, source: str, size: int, threshold: int, decay: int, reset: str) -> LIF:
        thresholds = rng.integers(threshold // 2, threshold, size).astype(np.int32)
        return LIF(name, (source,), size, thresholds, decay, within(rng, threshold // 8, size, np.int32), reset)

    word, neighbour = (within(rng, 127, (8, width), np.int8) for _ in range(2))
    position = within(rng, 2**15 - 1, (32, width), np.int16) >> rng.integers(0, 12, (32, 1)).astype(np.int16)
    nodes = (
        Embedding("words", (), word, position, ONE, separator=7, shared_words=1, neighbour=neighbour),
        norm("words.norm", "words", width, 2, 2000, 6000),
        neurons("words.lif", "words.norm", width, 300 * 64, 77, "subtract"),
        linear("qkv.linear", "words.lif", 3 * width),
        neurons("qkv.lif", "qkv.linear", 3 * width, 400 * 64, 1500, "zero"),
        Attention("coincidences", ("qkv.lif",), width, 2),
        neurons("attention.lif", "coincidences", width, 128, 3001, "subtract"),
        Add("stream", ("words.lif", "attention.lif"), width),
        linear("top.linear", "stream", width),
        norm("top.norm", "top.linear", width, 1, 20000, 2**15),
        Readout("readout", ("top.norm",), within(rng, 127, (1, width), np.int8), within(rng, 99, 1, np.int32), 6, ONE),
    )
    return Graph(nodes, time_steps=4, max_tokens=8, labels=(), tokenizer="{}")


def of_saturation() -> Graph:
    """Membranes that saturate at both ends, texts that exit early, and two labels whose logits are always equal."""
    rng, width = np.random.default_rng(2356), 4
    word = within(rng, 127, (8, width), np.int8)
    beat = rng.integers(64, 64 * 90, width).astype(np.int32)
    # From -(2^23 - 1) a current of 2^17 + |word| leads just to the threshold.
    level = (64 * np.abs(word[rng.integers(0, 8, width), range(width)].astype(np.int32)) + 1).astype(np.int32)
    drive = np.array([0, 0, *rng.integers(-(10**7), 10**7, width - 2)], np.int32)
    top, bias = within(rng, 127, (2, width), np.int8), within(rng, 99, 2, np.int32)
    nodes = (
        Embedding("words", (), word, None, np.ones(width)),
        LIF("words.lif", ("words",), width, beat, 300, within(rng, 999, width, np.int32), "subtract"),
        Linear("large.linear", ("words.lif",), within(rng, 3, (width, width), np.int8), None, 3, ONE),
        Accumulate("stream", ("words", "large.linear"), width, np.array([0, 16], np.int8), ONE),
        LIF("stream.lif", ("stream",), width, level, 0, drive, "subtract"),
        LIF("leaking.lif", ("stream",), width, level, 4095, drive, "zero"),
        Add("sum", ("words.lif", "stream.lif", "leaking.lif"), width),
        Readout("readout", ("sum",), top[[0, 0, 1]], bias[[0, 0, 1]], 8, ONE),
    )
    graph = Graph(nodes, time_steps=8, max_tokens=6, labels=("label0", "label1", "label2"), tokenizer="{}")
    return exiting(graph, MORE_TEXTS, 3)


def exiting(graph: Graph, texts: list[list[int]], step: int) -> Graph:
    """The graph with a margin that one of the texts reaches exactly after so many steps: the median of them all."""
    readout = graph.nodes[-1]
    assert isinstance(readout, Readout)
    logits = [sorted(naive.run(replace(graph, time_steps=step), tokens)[0]) for tokens in texts]
    margin = sorted(ordered[-1] - ordered[-2] for ordered in logits)[len(texts) // 2]
    return replace(graph, nodes=(*graph.nodes[:-1], replace(readout, margin=margin)))


def models() -> dict[str, tuple[Graph, list[list[int]]]]:
    """Of each file the model and its texts, as token ids."""
    older = ("vector-norm.nir", "vector-exit.nir", "vector-neighbours.nir")  # of `random_graph` as it was
    return {
        **{file: (nir.read(DATA / file), TEXTS) for file in older},
        "vector-pairs.nir": (of_pairs(), PAIRS),
        "vector-saturation.nir": (of_saturation(), MORE_TEXTS),
    }


def vector(graph: Graph, tokens: list[int]) -> dict[str, Any]:
    logits, outputs = naive.run(graph, tokens)
    spikes = {node.name: np.argwhere(np.array(outputs[node.name])).tolist() for node in graph.neurons}
    return {"tokens": tokens, "logits": logits, "steps": len(outputs[graph.nodes[0].name]), "spikes": spikes}


def vectors() -> str:
    """The text of `vectors.json`: a line for each text."""
    parts = []
    for file, (graph, texts) in models().items():
        lines = ",\n".join(json.dumps(vector(graph, tokens)) for tokens in texts)
        parts.append(f'{{"file": {json.dumps(file)}, "texts": [\n{lines}\n]}}')
    return "[\n" + ",\n".join(parts) + "\n]\n"


def main() -> None:
    for file, (graph, _) in models().items():
        if not (DATA / file).exists() or nir.read(DATA / file) != graph:
            nir.write(validate(graph), DATA / file)
    (DATA / "vectors.json").write_text(vectors(), "utf-8")


if __name__ == "__main__":
    main()
