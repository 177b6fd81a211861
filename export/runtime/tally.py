"""What nodes are counted by: small integers for each sentence and step, taken where the activity is.

The activity itself is then dropped: what is kept does not grow with tokens or features. The fast simulator and the Lava
processes call these functions, so that a run counts the same on either.

Activity comes in any dtype: uint8 or float32 from a kernel, uint8 or bool from a file. Bytes are added as bytes only as
far as a byte holds every possible sum.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import singledispatch
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.ir.arithmetic import by_head
from export.ir.graph import LIF, Add, Attention, Graph, Node
from export.ir.product import matmul
from export.ir.stacks import stacks

Activity = NDArray[Any]  # non-negative integers (S, M, D) in any dtype

BYTE = 255  # zeros and ones whose sum a byte holds

# Of one attention with binary Q, K, V, for each sentence (of n tokens), head and step; see `_coincidences`.
COINCIDENCES = ("qk", "qk_v", "kv", "q_kv", "triples")


@singledispatch
def keys(node: Node) -> list[str]:
    """The names of what `tally` counts of a node; the first, where there is one, is the node's own name."""
    return []


@keys.register
def _(node: LIF) -> list[str]:
    return [node.name]


@keys.register
def _(node: Add) -> list[str]:
    return [node.name, f"{node.name}:graded"]


@keys.register
def _(node: Attention) -> list[str]:
    return [f"{node.name}:{kind}" for kind in COINCIDENCES]


def tally(node: Node, inputs: Sequence[Activity], output: Activity, lengths: list[int]) -> dict[str, NDArray[np.int64]]:
    """{key: (B, S)} for each of `keys(node)`, from arrays (S, M, D) of S steps and M tokens of B sentences.

    LIF: its spikes. Add: its non-zero events, and those of them above 1, which are graded. Attention: coincidences.
    """
    return dict(zip(keys(node), _tally(node, inputs, output, lengths), strict=True))


def tally_spikes(graph: Graph, spikes: Mapping[str, Activity], lengths: list[int]) -> dict[str, NDArray[np.int64]]:
    """{key: (B, S)} of a whole graph from the recorded spikes (S, M, D) of its layers.

    A stream is the sum of the layers that it has passed.
    """
    values: dict[str, Activity] = dict(spikes)
    counts: dict[str, NDArray[np.int64]] = {}
    for node in graph:
        inputs = [values[source] for source in node.inputs if source in values]
        if isinstance(node, Add):
            values[node.name] = sum(inputs[1:], inputs[0].astype(np.int32))  # uint8 holds no stream of 256 layers
        if keys(node):
            # An attention is counted from its inputs; the first neurons have no spikes as inputs.
            output = values[node.name] if node.name in values else inputs[0]
            counts |= tally(node, inputs, output, lengths)
    return counts


@singledispatch
def _tally(node: Node, inputs: Sequence[Activity], output: Activity, lengths: list[int]) -> list[NDArray[np.int64]]:
    return []


@_tally.register
def _(node: LIF, inputs: Sequence[Activity], output: Activity, lengths: list[int]) -> list[NDArray[np.int64]]:
    return [_per_sentence(output, lengths)]


@_tally.register
def _(node: Add, inputs: Sequence[Activity], output: Activity, lengths: list[int]) -> list[NDArray[np.int64]]:
    return [above(output, 0, lengths), above(output, 1, lengths)]


@_tally.register
def _(node: Attention, inputs: Sequence[Activity], output: Activity, lengths: list[int]) -> list[NDArray[np.int64]]:
    return list(np.concatenate([_coincidences(stack.of(inputs[0]), node.heads) for stack in stacks(lengths)], axis=1))


def above(activity: Activity, value: int, lengths: list[int]) -> NDArray[np.int64]:
    """Elements above `value` for each sentence and step: (S, M, D) → (B, S)."""
    return _per_sentence((activity > value).view(np.uint8), lengths)


def per_neuron(spikes: Activity) -> NDArray[np.int64]:
    """How often each neuron fires: (S, M, D) zeros and ones → (D,)."""
    rows = spikes.reshape(-1, spikes.shape[-1]).astype(np.uint8, copy=False)
    # A byte holds the sum of so many: adding bytes is by far the fastest.
    parts = [np.add.reduce(rows[i : i + BYTE], axis=0, dtype=np.uint8) for i in range(0, len(rows), BYTE)]
    return np.sum(parts, axis=0, dtype=np.int64)


def _per_sentence(marks: Activity, lengths: list[int]) -> NDArray[np.int64]:
    """The sums of zeros and ones: (S, M, D) → (B, S)."""
    starts = np.cumsum([0, *lengths[:-1]])
    return np.add.reduceat(_per_token(marks.astype(np.uint8, copy=False)), starts, axis=1).T


def _per_token(marks: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The sums of zeros and ones over the last axis: (S, M, D) → (S, M).

    Eight bytes are added at once, as one word, and a byte of the word holds the sum of BYTE of them.
    """
    whole = marks.shape[-1] // 8 * 8
    total = marks[..., whole:].sum(-1, dtype=np.int64)
    words = np.ascontiguousarray(marks[..., :whole]).view(np.uint64)
    for i in range(0, words.shape[-1], BYTE):
        sums = np.add.reduce(words[..., i : i + BYTE], axis=-1, keepdims=True)
        total += sums.view(np.uint8).sum(-1, dtype=np.int64)
    return total


def _coincidences(qkv: Activity, heads: int) -> NDArray[np.int64]:
    """How often the spikes of each sentence meet in either order of `Q Kᵀ V`: (S, B, N, 3 D) → (5, B, S).

    The five are COINCIDENCES:

    qk       pairs of a Q and a K spike of one feature: the accumulations of Q Kᵀ
    qk_v     V spikes that meet a non-zero entry of that map: the accumulations of (Q Kᵀ) V, each of an entry
    kv       pairs of a K and a V spike of one token: the accumulations of Kᵀ V
    q_kv     Q spikes that meet a non-zero entry of that matrix: the accumulations of Q (Kᵀ V), each of an entry
    triples  Q, K and V spikes that meet: the sum of the output, the same in both orders

    Exact as `arithmetic.coincidences`.
    """
    query, key, value = by_head(qkv, heads)  # each (S, B, H, N, D/H)
    # Spikes of Q and K in each feature, of K and V in each token: what is but summed needs no map.
    tokens, features = (np.ones(n, np.float32) for n in query.shape[-2:])
    q_feature, k_feature = tokens[None] @ query, tokens[None] @ key  # (S, B, H, 1, D/H)
    k_token, v_token = key @ features[:, None], value @ features[:, None]  # (S, B, H, N, 1)
    counts = (
        np.multiply(q_feature, k_feature, dtype=np.float64),
        _marks(matmul(query, key, transposed="b")) @ v_token,
        np.multiply(k_token, v_token, dtype=np.float64),
        q_feature @ _marks(matmul(key, value, transposed="a")),
        np.multiply(key @ np.swapaxes(q_feature, -1, -2), v_token, dtype=np.float64),
    )
    sums = [count.reshape(*qkv.shape[:2], -1).sum(-1, dtype=np.float64).T for count in counts]
    return np.stack(sums).astype(np.int64)


def _marks(counts: NDArray[np.float32]) -> NDArray[np.float32]:
    """1 where there is any, in place."""
    return np.greater(counts, 0, out=counts, casting="unsafe")
