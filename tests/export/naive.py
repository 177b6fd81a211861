"""A second implementation of the integer semantics: plain Python integers and loops, written from the equations alone.

It shares nothing with `export.ir.arithmetic` and `export.runtime.kernels`, so that agreement with it is not agreement
with oneself. It knows no batches and no constant inputs: one sentence, and every node computes anew in each of the T
steps.
"""

from __future__ import annotations

from functools import singledispatch
from math import isqrt
from typing import Any

from export.ir.graph import LIF, Accumulate, Add, Attention, Embedding, Graph, LayerNorm, Linear, Node, Readout

Vector = list[int]
Matrix = list[list[int]]  # [token][feature]

STATE_MAX = 2**23 - 1


def embedding(
    tokens: Vector,
    word: Matrix,
    position: Matrix | None,
    separator: int = -1,
    shared_words: int = 0,
    neighbour: Matrix | None = None,
) -> Matrix:
    y = words_and_places(tokens, word, position, separator, shared_words)
    for place in range(len(tokens) if neighbour else 0):
        for d in range(len(word[0])):
            other = place - 1 if d < len(word[0]) / 2 else place + 1
            if 0 <= other < len(tokens):
                y[place][d] += neighbour[tokens[other]][d]
    return y


def words_and_places(
    tokens: Vector, word: Matrix, position: Matrix | None, separator: int, shared_words: int
) -> Matrix:
    if position is None:
        return [list(word[token]) for token in tokens]
    behind = list(tokens).index(separator) + 1 if separator in tokens else len(tokens)
    texts = tokens[:behind], tokens[behind:]
    y = []
    for place, token in enumerate(tokens):
        row = place
        if place >= behind:
            row += len(position) // (4 if shared_words else 2)
        if shared_words and token in texts[0] and token in texts[1]:
            row += len(position) // 2
        y.append([w + p for w, p in zip(word[token], position[row], strict=True)])
    return y


def linear(x: Vector, weight: Matrix, bias: Vector | None = None) -> Vector:
    return [sum(w * v for w, v in zip(row, x, strict=True)) + (bias[i] if bias else 0) for i, row in enumerate(weight)]


def reciprocal_sqrt(value: int) -> tuple[int, int]:
    """(r, e): scale the value by powers of four into [2^30, 2^32), then take integer roots."""
    mantissa, exponent = value, 0
    while mantissa >= 2**32:
        mantissa, exponent = mantissa // 4, exponent + 1
    while mantissa < 2**30:
        mantissa, exponent = mantissa * 4, exponent - 1
    return isqrt(2**62 // mantissa), exponent


def layer_norm(x: Vector, gain: Vector, bias: Vector, epsilon: int, groups: int = 1) -> Vector:
    n = len(x) // groups
    result = []
    for group in range(groups):
        places = range(group * n, (group + 1) * n)
        total = sum(x[i] for i in places)
        spread = n * sum(x[i] * x[i] for i in places) - total * total + epsilon
        root, exponent = reciprocal_sqrt(max(spread, 1))
        for i in places:
            z = ((n * x[i] - total) * root) >> (31 - 12 + exponent)  # >> rounds down, whatever the sign
            result.append(((z * gain[i] + 2**15) >> 16) + bias[i])
    return result


def lif_step(current: int, membrane: int, spike: int, threshold: int, decay: int, bias: int, reset: str):
    """(membrane, spike) of one neuron after one step."""
    decayed = (abs(membrane) * (4096 - decay)) >> 12
    v = decayed if membrane >= 0 else -decayed
    if spike:
        v = v - threshold if reset == "subtract" else 0
    v = max(-STATE_MAX, min(STATE_MAX, v + 64 * current + bias))
    return v, int(v >= threshold)


def coincidences(query: Matrix, key: Matrix, value: Matrix, heads: int) -> Matrix:
    """`(Q K^T) V` of one sentence and step."""
    tokens, width = len(query), len(query[0]) // heads
    counts = [[0] * len(query[0]) for _ in range(tokens)]
    for head in range(heads):
        features = range(head * width, (head + 1) * width)
        for i in range(tokens):
            for j in range(tokens):
                match = sum(query[i][d] * key[j][d] for d in features)
                for d in features:
                    counts[i][d] += match * value[j][d]
    return counts


def readout(total: Vector, length: int, steps: int, weight: Matrix, bias: Vector, shift: int) -> Vector:
    mean = [(value << shift) // (steps * length) for value in total]  # // rounds down
    return linear(mean, weight, bias)


def done(logits: Vector, margin: int) -> bool:
    """Whether a sentence with an early exit is done."""
    return margin >= 0 and sorted(logits)[-1] - sorted(logits)[-2] >= margin


@singledispatch
def one_step(node: Node, inputs: list[Matrix], state: dict[Any, Any]) -> Matrix | Vector:
    """A node's output in one step; `state` is its own memory, empty at rest."""
    raise NotImplementedError(type(node).__name__)


@one_step.register
def _(node: Embedding, inputs: list[Matrix], state: dict[Any, Any]) -> Matrix:
    (tokens,) = inputs[0]
    position, neighbour = (None if table is None else table.tolist() for table in (node.position, node.neighbour))
    return embedding(tokens, node.word.tolist(), position, node.separator, node.shared_words, neighbour)


@one_step.register
def _(node: Linear, inputs: list[Matrix], state: dict[Any, Any]) -> Matrix:
    bias = None if node.bias is None else node.bias.tolist()
    exponents = [0] * node.width if node.exponent is None else node.exponent.tolist()
    weight = [[w * 2**e for w in row] for row, e in zip(node.weight.tolist(), exponents, strict=True)]
    return [linear(row, weight, bias) for row in inputs[0]]


@one_step.register
def _(node: LayerNorm, inputs: list[Matrix], state: dict[Any, Any]) -> Matrix:
    return [layer_norm(x, node.gain.tolist(), node.bias.tolist(), node.epsilon, node.groups) for x in inputs[0]]


@one_step.register
def _(node: LIF, inputs: list[Matrix], state: dict[Any, Any]) -> Matrix:
    thresholds, biases = (a.tolist() * (node.size if len(a) == 1 else 1) for a in (node.threshold, node.bias))
    for place, row in enumerate(inputs[0]):
        for d, current in enumerate(row):
            v, s = state.get((place, d), (0, 0))
            state[place, d] = lif_step(current, v, s, thresholds[d], node.decay, biases[d], node.reset)
    return [[state[place, d][1] for d in range(node.size)] for place in range(len(inputs[0]))]


@one_step.register
def _(node: Attention, inputs: list[Matrix], state: dict[Any, Any]) -> Matrix:
    query, key, value = ([row[i * node.size : (i + 1) * node.size] for row in inputs[0]] for i in range(3))
    return coincidences(query, key, value, node.heads)


@one_step.register
def _(node: Add, inputs: list[Matrix], state: dict[Any, Any]) -> Matrix:
    return [[sum(values) for values in zip(*rows, strict=True)] for rows in zip(*inputs, strict=True)]


@one_step.register
def _(node: Accumulate, inputs: list[Matrix], state: dict[Any, Any]) -> Matrix:
    factors = [2**places for places in node.shift.tolist()]
    return [
        [sum(f * v for f, v in zip(factors, values, strict=True)) for values in zip(*rows, strict=True)]
        for rows in zip(*inputs, strict=True)
    ]


@one_step.register
def _(node: Readout, inputs: list[Matrix], state: dict[Any, Any]) -> Vector:
    """The logits of the steps so far."""
    total = state.get("total", [0] * len(inputs[0][0]))
    state["total"] = [sum(column) for column in zip(total, *inputs[0], strict=True)]
    state["steps"] = state.get("steps", 0) + 1
    head = node.weight.tolist(), node.bias.tolist(), node.shift
    return readout(state["total"], len(inputs[0]), state["steps"], *head)


def run(graph: Graph, tokens: Vector) -> tuple[Vector, dict[str, list[Matrix]]]:
    """One sentence through a whole graph: the logits, and the outputs of every other node [step][token][feature].

    With an early exit there are as many steps as the sentence takes.
    """
    last = graph.nodes[-1]
    assert isinstance(last, Readout)
    outputs: dict[str, list[Any]] = {node.name: [] for node in graph}
    states: dict[str, dict[Any, Any]] = {node.name: {} for node in graph}
    for step in range(graph.time_steps):
        for node in graph:
            inputs = [outputs[source][step] for source in node.inputs] or [[tokens]]
            outputs[node.name].append(one_step(node, inputs, states[node.name]))
        if done(outputs[last.name][-1], last.margin):
            break
    logits = outputs.pop(last.name)[-1]
    return logits, outputs
