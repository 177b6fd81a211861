"""The integer semantics a second time: plain Python integers and loops, one token, one neuron, one step at a time.

Written from the equations alone; it shares nothing with `export.arithmetic` and `export.kernels`, which it checks.
Vectors are lists of ints, matrices lists of rows. It knows no batches and no constant inputs: one sentence, and in each
of the T steps every node computes anew.
"""

from __future__ import annotations

from functools import singledispatch
from math import isqrt
from typing import Any

from export.graph import LIF, Add, Attention, Embedding, Graph, LayerNorm, Linear, Node, Readout

Vector = list[int]
Matrix = list[list[int]]  # [token][feature]


def embedding(node: Embedding, tokens: Vector) -> Matrix:
    word = node.word.tolist()
    if node.position is None:
        return [list(word[token]) for token in tokens]
    position = node.position.tolist()
    return [[w + p for w, p in zip(word[token], position[place])] for place, token in enumerate(tokens)]


def linear(weight: Matrix, bias: Vector | None, x: Vector) -> Vector:
    output = []
    for i, row in enumerate(weight):
        total = 0 if bias is None else bias[i]
        for w, value in zip(row, x):
            total += w * value
        output.append(total)
    return output


def reciprocal_sqrt(value: int) -> tuple[int, int]:
    """1 / sqrt(value) ≈ r · 2^-(31 + e), with 2^30 <= value / 4^e < 2^32."""
    e = 0
    while value >= 2**32 * 4**e:
        e += 1
    while value * 4**-e < 2**30:
        e -= 1
    m = value // 4**e if e >= 0 else value * 4**-e
    return isqrt(2**62 // m), e


def layer_norm(x: Vector, gain: Vector, bias: Vector, epsilon: int, groups: int) -> Vector:
    n = len(x) // groups
    output = []
    for group in range(groups):
        part = range(group * n, (group + 1) * n)
        total = sum(x[i] for i in part)
        spread = n * sum(x[i] ** 2 for i in part) - total**2 + epsilon
        r, e = reciprocal_sqrt(max(spread, 1))
        for i in part:
            z = ((n * x[i] - total) * r) >> (19 + e)  # >> of a Python integer rounds down, whatever the sign
            output.append(((z * gain[i] + 2**15) >> 16) + bias[i])
    return output


def lif(
    current: int, membrane: int, spike: int, threshold: int, decay: int, bias: int, reset: str
) -> tuple[int, int]:
    """(membrane, spike) of this step from those of the last."""
    decayed = abs(membrane) * (4096 - decay) // 4096
    if membrane < 0:
        decayed = -decayed
    if spike:
        decayed = decayed - threshold if reset == "subtract" else 0
    membrane = decayed + 64 * current + bias
    membrane = max(-(2**23 - 1), min(2**23 - 1, membrane))
    return membrane, 1 if membrane >= threshold else 0


def attention(qkv: Matrix, heads: int) -> Matrix:
    """Of one sentence and step: for each query token, how often its spikes and a key's and a value's coincide."""
    size = len(qkv[0]) // 3
    width = size // heads
    output = []
    for query in qkv:
        row = []
        for feature in range(size):
            head = feature // width
            count = 0
            for other in qkv:
                agreement = 0
                for c in range(head * width, (head + 1) * width):
                    agreement += query[c] * other[size + c]
                count += agreement * other[2 * size + feature]
            row.append(count)
        output.append(row)
    return output


def readout(node: Readout, steps: list[Matrix]) -> Vector:
    """The logits of one sentence from all its steps."""
    total = [0] * len(steps[0][0])
    for tokens in steps:
        for row in tokens:
            total = [a + b for a, b in zip(total, row)]
    events = len(steps) * len(steps[0])
    mean = [2**node.shift * value // events for value in total]  # // rounds down
    return linear(node.weight.tolist(), node.bias.tolist(), mean)


@singledispatch
def one_step(node: Node, inputs: list[Matrix], state: dict[str, Any]) -> Matrix:
    """A node's output in one step; `state` is the node's own memory, empty at rest."""
    raise NotImplementedError(type(node).__name__)


@one_step.register
def _(node: Linear, inputs: list[Matrix], state: dict[str, Any]) -> Matrix:
    weight, bias = node.weight.tolist(), None if node.bias is None else node.bias.tolist()
    return [linear(weight, bias, row) for row in inputs[0]]


@one_step.register
def _(node: LayerNorm, inputs: list[Matrix], state: dict[str, Any]) -> Matrix:
    gain, bias = node.gain.tolist(), node.bias.tolist()
    return [layer_norm(row, gain, bias, node.epsilon, node.groups) for row in inputs[0]]


@one_step.register
def _(node: LIF, inputs: list[Matrix], state: dict[str, Any]) -> Matrix:
    threshold, bias = node.threshold.tolist(), node.bias.tolist()
    output = []
    for m, row in enumerate(inputs[0]):
        spikes = []
        for d, current in enumerate(row):
            membrane, spike = state.get((m, d), (0, 0))
            own = (threshold[d % len(threshold)], node.decay, bias[d % len(bias)], node.reset)
            state[m, d] = lif(current, membrane, spike, *own)
            spikes.append(state[m, d][1])
        output.append(spikes)
    return output


@one_step.register
def _(node: Attention, inputs: list[Matrix], state: dict[str, Any]) -> Matrix:
    return attention(inputs[0], node.heads)


@one_step.register
def _(node: Add, inputs: list[Matrix], state: dict[str, Any]) -> Matrix:
    return [[sum(values) for values in zip(*rows)] for rows in zip(*inputs)]


def run(graph: Graph, tokens: Vector) -> tuple[dict[str, list[Matrix]], Vector]:
    """One sentence of token ids: the output of every node as [step][token][feature], and the logits."""
    outputs: dict[str, list[Matrix]] = {node.name: [] for node in graph}
    states: dict[str, dict[str, Any]] = {node.name: {} for node in graph}
    logits: Vector = []
    for step in range(graph.time_steps):
        for node in graph:
            if isinstance(node, Embedding):
                outputs[node.name].append(embedding(node, tokens))
            elif isinstance(node, Readout):
                logits = readout(node, outputs[node.inputs[0]])
            else:
                inputs = [outputs[source][step] for source in node.inputs]
                outputs[node.name].append(one_step(node, inputs, states[node.name]))
    return outputs, logits
