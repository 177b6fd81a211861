"""What nodes are counted by: small integers for each sentence and step, taken where the activity is.

The activity itself is then dropped: what is kept does not grow with tokens or features. The fast simulator and the Lava
processes call these functions, so that a run counts the same on either.

Activity comes in any dtype: uint8 or float32 from a kernel, uint8 or bool from a file. Bytes are added as bytes only as
far as a byte holds every possible sum.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import singledispatch
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.ir.arithmetic import Heads, heads_of
from export.ir.graph import Add, Attention, Graph, NeuronLayer, Node
from export.ir.product import matmul
from export.runtime.kernels import Met, State

Activity = NDArray[Any]  # non-negative integers (S, M, D) in any dtype
AtHand = NDArray[np.unsignedinteger] | State  # `firings`, or what a kernel left

BYTE = 255  # zeros and ones whose sum a byte holds

# Of one attention with binary Q, K, V, for each sentence (of n tokens), head and step; see `_coincidences`.
COINCIDENCES = ("qk", "qk_v", "kv", "q_kv", "triples")


@singledispatch
def keys(node: Node) -> list[str]:
    """The names of what `tally` counts of a node; the first, where there is one, is the node's own name."""
    return []


@keys.register
def _(node: NeuronLayer) -> list[str]:
    return [node.name]


@keys.register
def _(node: Add) -> list[str]:
    return [node.name, f"{node.name}:graded"]


@keys.register
def _(node: Attention) -> list[str]:
    return [f"{node.name}:{kind}" for kind in COINCIDENCES]


def tally(
    node: Node, inputs: Sequence[Activity], output: Activity, lengths: list[int], at_hand: AtHand = None
) -> dict[str, NDArray[np.int64]]:
    """{key: (B, S)} for each of `keys(node)`, from arrays (S, M, D) of S steps and M tokens of B sentences.

    Neurons: their spikes. Add: its non-zero events, and those of them above 1, which are graded.
    Attention: coincidences.

    Args:
        at_hand: what need not be computed again: `firings` of neurons, the state that an attention's kernel left.
    """
    return dict(zip(keys(node), _tally(node, inputs, output, lengths, at_hand), strict=True))


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
def _tally(
    node: Node, inputs: Sequence[Activity], output: Activity, lengths: list[int], at_hand: AtHand
) -> list[NDArray[np.int64]]:
    return []


@_tally.register
def _(
    node: NeuronLayer, inputs: Sequence[Activity], output: Activity, lengths: list[int], at_hand: AtHand
) -> list[NDArray[np.int64]]:
    return [_by_sentence(at_hand if isinstance(at_hand, np.ndarray) else firings(output, lengths))]


@_tally.register
def _(
    node: Add, inputs: Sequence[Activity], output: Activity, lengths: list[int], at_hand: AtHand
) -> list[NDArray[np.int64]]:
    return [_by_sentence(firings(output > least, lengths)) for least in (0, 1)]


@_tally.register
def _(
    node: Attention, inputs: Sequence[Activity], output: Activity, lengths: list[int], at_hand: AtHand
) -> list[NDArray[np.int64]]:
    stacks = at_hand.heads if isinstance(at_hand, Met) else heads_of(inputs[0], lengths, node.heads)
    return list(np.concatenate([_coincidences(heads) for heads in stacks], axis=1))


def firings(marks: Activity, lengths: list[int]) -> NDArray[np.unsignedinteger]:
    """How often each feature is set among the tokens of each sentence: (S, M, D) zeros and ones → (S, B, D)."""
    marks = marks.view(np.uint8) if marks.dtype == np.bool_ else marks.astype(np.uint8, copy=False)
    # A byte holds the sum of so many: adding bytes is by far the fastest.
    dtype = np.uint8 if max(lengths) <= BYTE else np.uint32
    parts, row = [], 0
    for tokens, same in groupby(lengths):  # in a batch by length, many stand side by side
        behind = row + tokens * len(list(same))
        stacked = marks[:, row:behind].reshape(len(marks), -1, tokens, marks.shape[-1])
        parts.append(np.add.reduce(stacked, axis=2, dtype=dtype))
        row = behind
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)


def per_neuron(fired: NDArray[np.unsignedinteger]) -> NDArray[np.int64]:
    """How often each neuron fires, by its `firings`: (S, B, D) → (D,)."""
    return fired.sum((0, 1), dtype=np.int64)


def _by_sentence(fired: NDArray[np.unsignedinteger]) -> NDArray[np.int64]:
    """The sums of `firings` over the features: (S, B, D) → (B, S)."""
    return fired.sum(-1, dtype=np.int64).T


def _coincidences(heads: Heads) -> NDArray[np.int64]:
    """How often the spikes of each sentence meet in either order of `Q Kᵀ V`: of (S, B, H, N, D/H) → (5, B, S).

    The five are COINCIDENCES:

    qk       pairs of a Q and a K spike of one feature: the accumulations of Q Kᵀ
    qk_v     V spikes that meet a non-zero entry of that map: the accumulations of (Q Kᵀ) V, each of an entry
    kv       pairs of a K and a V spike of one token: the accumulations of Kᵀ V
    q_kv     Q spikes that meet a non-zero entry of that matrix: the accumulations of Q (Kᵀ V), each of an entry
    triples  Q, K and V spikes that meet: the sum of the output, the same in both orders

    Exact as `arithmetic.coincidences`.
    """
    query, key, value = heads.query, heads.key, heads.value
    pairs = matmul(query, key, transposed="b") if heads.pairs is None else heads.pairs
    memory = matmul(key, value, transposed="a") if heads.memory is None else heads.memory
    # Spikes of Q and K in each feature, of K and V in each token: what is but summed needs no map.
    tokens, features = (np.ones(n, np.float32) for n in query.shape[-2:])
    q_feature, k_feature = tokens[None] @ query, tokens[None] @ key  # (S, B, H, 1, D/H)
    k_token, v_token = key @ features[:, None], value @ features[:, None]  # (S, B, H, N, 1)
    counts = (
        np.multiply(q_feature, k_feature, dtype=np.float64),
        np.minimum(pairs, 1) @ v_token,
        np.multiply(k_token, v_token, dtype=np.float64),
        q_feature @ np.minimum(memory, 1),
        np.multiply(key @ np.swapaxes(q_feature, -1, -2), v_token, dtype=np.float64),
    )
    sums = [count.reshape(*query.shape[:2], -1).sum(-1, dtype=np.float64).T for count in counts]
    return np.stack(sums).astype(np.int64)
