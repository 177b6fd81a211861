"""The integer semantics, written once: one pure function for each node type of `export.ir.graph`.

The fast simulator, the Lava process models and the quantised torch model all call these functions.

Every array here holds integers only. They are *carried* in float32 or float64, because BLAS and SIMD are fast there
and because both represent every integer below 2^24 and 2^53 exactly; each function states the bound that keeps it
exact, and export refuses a model that could leave it (`export.ir.ranges`). `floor` of such a product is an arithmetic
right shift, `trunc` a shift of the magnitude.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from export.ir.graph import DECAY_BITS, INPUT_SHIFT, NO_MARGIN, STATE_BITS
from export.ir.product import matmul
from export.ir.stacks import stacks

STATE_MAX = 2 ** (STATE_BITS - 1) - 1  # membranes lie in ±STATE_MAX
UNIT_BITS = 12  # fraction bits of a normalised value inside the layer norm
GAIN_BITS = 12  # fraction bits of the layer norm's gain
NORM_BITS = 8  # fraction bits of the layer norm's output

Array = NDArray[np.floating]


def places(
    tokens: NDArray[np.integer], lengths: Sequence[int], positions: int, separator: int, shared_words: int
) -> NDArray[np.int64]:
    """The row of the position table for each of M tokens, (M,) int64.

    A token's number in its sentence, from 0. For sentence pairs the table has parts of as many rows: the number is that
    within a part. The second text, which begins behind the first separator, has another part than the first, and with
    `shared_words` so have the tokens that stand in both texts: the third part and the fourth.

    Args:
        tokens: (M,) ids of sentences that stand one after the other, of `lengths` tokens.
        positions: rows of the table.
        separator: the token between two texts, or -1 where the model takes single ones.
        shared_words: 1 where tokens of both texts have places of their own, else 0.
    """
    starts = np.repeat(np.cumsum([0, *lengths[:-1]]), lengths)
    found = np.arange(len(tokens)) - starts
    if separator >= 0:
        before = np.concatenate([[0], np.cumsum(tokens == separator)])  # separators before each token of them all
        second = before[:-1] > before[starts]
        part = positions // (4 if shared_words else 2)
        found += second * part
        if shared_words:
            found += shared(tokens, starts, second) * (2 * part)
    return found


def shared(tokens: NDArray[np.integer], starts: NDArray[np.integer], second: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(M,): whether each token stands in the other text of its pair, too.

    Args:
        starts: (M,) the row at which the token's sentence begins.
        second: (M,) whether the token is of the second text.
    """
    # One number for each token of each sentence; it is shared where it stands in both texts.
    keys = starts.astype(np.int64) * (int(tokens.max(initial=0)) + 1) + tokens
    return np.isin(keys, np.intersect1d(keys[second], keys[~second]))


def embed(tokens: NDArray[np.integer], places: NDArray[np.integer], word: NDArray, position: NDArray | None) -> Array:
    """`word[token] + position[place]`, (M,) ids → (M, D) float32. Exact: int8 + int16."""
    current = word[tokens].astype(np.float32)
    if position is not None:
        current += position[places]
    return current


def beside(tokens: NDArray[np.integer], lengths: Sequence[int], neighbour: NDArray) -> Array:
    """What the tokens beside each of M tokens add to its embedding, (M, D) float32, exact: int8.

    The first D/2 features are those of the row of the token before it in its sentence, the others those of the row of
    the token behind it. A sentence's first token has none before it, its last none behind: there stand zeros.

    Args:
        tokens: (M,) ids of sentences that stand one after the other, of `lengths` tokens.
        neighbour: (V, D), a row for each token.
    """
    half, ends = neighbour.shape[1] // 2, np.cumsum(lengths)
    current = np.zeros((len(tokens), 2 * half), np.float32)
    current[1:, :half] = neighbour[tokens[:-1], :half]
    current[:-1, half:] = neighbour[tokens[1:], half:]
    current[ends[:-1], :half] = 0
    current[ends - 1, half:] = 0
    return current


def linear(x: Array, weight: Array, bias: Array | None = None) -> Array:
    """`y = W x + b`, (..., D_in) → (..., D_out), in the dtype of `weight` (see `gemm_dtype`)."""
    # One matrix product over all leading axes: BLAS is faster on one tall matrix than on a stack of small ones.
    y = x.reshape(-1, x.shape[-1]).astype(weight.dtype, copy=False) @ weight.T
    if bias is not None:
        with whole_rows():
            y += bias
    return y.reshape(*x.shape[:-1], weight.shape[0])


def linear_bound(weight: NDArray[np.int8], bias: NDArray[np.int32] | None, largest: int) -> int:
    """The largest magnitude of any partial sum of `W x + b`, in whatever order, for |x| <= largest."""
    rows = (
        np.abs(weight.astype(np.int16)).sum(1, dtype=np.int64).astype(object) * largest
    )  # Python integers: no overflow
    if bias is not None:
        rows += np.abs(bias.astype(np.int64))
    return int(rows.max())


def gemm_dtype(bound: int) -> type[np.floating]:
    """The cheapest carrier in which a product whose partial sums stay within ±bound is exact."""
    if bound < 2**24:
        return np.float32
    if bound < 2**53:
        return np.float64
    raise OverflowError(f"a partial sum of {bound} is beyond 53 bits")


def reciprocal_sqrt(value: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Fixed-point `1 / sqrt(value)` of integers in [1, 2^63): `(r, e)` with `1 / sqrt(value) ≈ r · 2^-(31+e)`.

    e is the integer with `2^30 <= m = value / 4^e < 2^32` (m truncated where e > 0), and
    `r = floor(sqrt(floor(2^62 / m)))`, 2^15 <= r <= 2^16. The relative error lies between -2^-15 and 2^-31.
    """
    exponent = (np.frexp(value.astype(np.float64))[1].astype(np.int64) - 31) >> 1
    # float64 may round a value just under a power of two up to it: then the mantissa is one place short. Mend it.
    exponent += np.where(_scaled(value, exponent) < 2**30, -1, 0)
    mantissa = _scaled(value, exponent)
    # floor(sqrt(float64(q))) is the exact integer root for q < 2^52.
    return np.floor(np.sqrt((2**62 // mantissa).astype(np.float64))).astype(np.int64), exponent


def _scaled(value: NDArray[np.int64], exponent: NDArray[np.int64]) -> NDArray[np.int64]:
    """value / 4^exponent, truncated."""
    return np.where(exponent >= 0, value >> (2 * np.maximum(exponent, 0)), value << (2 * np.maximum(-exponent, 0)))


def layer_norm(x: Array, gain: Array, bias: Array, epsilon: int, groups: int = 1) -> Array:
    """Integer layer normalisation over the features, (..., D) → (..., D) float64 in units of 2^-NORM_BITS.

    For each row and each of `groups` parts of n = D / groups features, in exact integers:

        S = Σ x,   V = n Σ x² - S² + epsilon                       (V = n² · variance)
        (r, e) = reciprocal_sqrt(max(V, 1))
        z = floor((n x - S) · r · 2^(UNIT_BITS - 31 - e))          the normalised value, 12 fraction bits
        y = floor((z · gain + 2^15) / 2^16) + bias                 gain in units of 2^-12, int16

    Exact while (n · max|x|)² + epsilon < 2^63 (so V is, too), n · max|x|² < 2^53 and |gain| <= 2^15.
    """
    parts = x.reshape(*x.shape[:-1], groups, -1).astype(np.float64)
    n = parts.shape[-1]
    total = parts @ np.ones((n, 1))  # (..., groups, 1), by BLAS: faster than a reduction, and exact in any order
    square = np.matmul(parts[..., None, :], parts[..., None])[..., 0]
    spread = n * square.astype(np.int64) - total.astype(np.int64) ** 2 + epsilon
    root, exponent = reciprocal_sqrt(np.maximum(spread, 1))
    unit = np.ldexp(root.astype(np.float64), (UNIT_BITS - 31 - exponent).astype(np.int32))
    with whole_rows():
        parts *= n * unit
        parts -= total * unit
        z = np.floor(parts, out=parts).reshape(x.shape)
        z *= gain * 2.0 ** -(UNIT_BITS + GAIN_BITS - NORM_BITS)
        z += bias + 0.5
    return np.floor(z, out=z)


@contextmanager
def whole_rows() -> Iterator[None]:
    """Within the context NumPy broadcasts a row or a column without copying it.

    It fills a buffer of 8192 elements with copies of the broadcast operand wherever the rows are shorter, which takes
    as long as the arithmetic; a buffer below the row's length makes it loop over the rows instead.
    """
    usual = np.setbufsize(64)
    try:
        yield
    finally:
        np.setbufsize(usual)


def norm_bound(gain: NDArray[np.int16], bias: NDArray[np.int32], groups: int = 1) -> int:
    """The largest magnitude of an output of `layer_norm`.

    One of n features lies at most sqrt(n - 1) standard deviations from their mean; sqrt(n) and 1 cover the roundings.
    """
    largest = np.sqrt(len(gain) / groups) * float(np.abs(gain.astype(np.int64)).max())
    return int(largest * 2.0 ** (NORM_BITS - GAIN_BITS)) + 1 + int(np.abs(bias.astype(np.int64)).max())


def lif_step(
    current: Array,
    membrane: Array,
    spikes: Array,
    threshold: Array,
    decay: int,
    bias: Array,
    reset: str,
    saturates: bool = True,
    first: bool = False,
) -> None:
    """One time step of LIF neurons, in place: `membrane` and `spikes` hold the previous step's and take this one's.

        k = 2^12 - decay,   trunc rounds toward zero (Loihi decays the magnitude)
        reset "subtract":  v ← trunc(v k / 2^12) - s · threshold + (current << 6) + bias
        reset "zero":      v ← trunc(v k / 2^12) · (1 - s)       + (current << 6) + bias
        v ← clip(v, -(2^23 - 1), 2^23 - 1);   s ← 1 if v >= threshold else 0

    "zero" with a threshold of 64 · vth + 1 is Lava's own bit-accurate LIF, whose comparison is a strict > vth · 64.

    Args:
        current: (..., D) input of this step, |current| < 2^46.
        membrane: (..., D) float64, changed in place; 0 before the first step.
        spikes: (..., D) float32, changed in place; 0 before the first step.
        threshold, bias: (D,) or (1,), in the carrier of what is added to the membrane (see `drive_bound`).
        saturates: False only where `drive_bound` times the steps since rest shows that nothing is to be clipped.
        first: True only in the first step: zeros need no decay and no reset.
    """
    drive = np.multiply(current, 2**INPUT_SHIFT, dtype=threshold.dtype)
    if not first:
        membrane *= (2**DECAY_BITS - decay) / 2**DECAY_BITS
        np.trunc(membrane, out=membrane)
        if reset == "subtract":
            drive -= spikes * threshold
        else:
            membrane *= 1.0 - spikes
    if bias.any():
        drive += bias
    membrane += drive
    # To look first is cheaper than to clip, and saturation is rare.
    if saturates and (membrane.max(initial=0) > STATE_MAX or membrane.min(initial=0) < -STATE_MAX):
        np.clip(membrane, -STATE_MAX, STATE_MAX, out=membrane)
    np.greater_equal(membrane, threshold, out=spikes, casting="unsafe")


def least_current(threshold: NDArray[np.int32], bias: NDArray[np.int32]) -> NDArray[np.int64]:
    """The smallest current at which neurons fire in the first step from rest: (D,) or (1,), int64.

    There `lif_step` is one comparison: (current << 6) + bias >= threshold. Saturation changes nothing of it, since a
    threshold lies in 1 … STATE_MAX.
    """
    return -((bias.astype(np.int64) - threshold) >> INPUT_SHIFT)


def leaves_no_remainder(decay: int, steps: int) -> bool:
    """Whether `trunc` has nothing to cut off in `steps` steps from rest, if biases are multiples of 2^INPUT_SHIFT, too.

    A current passes through at most `steps - 1` decays, each of which asks for the fraction bits of the factor: none
    is lost while they fit into the INPUT_SHIFT bits below an input's unit. Floating point then gives the same spikes.
    """
    kept = 2**DECAY_BITS - decay
    fraction_bits = max(0, DECAY_BITS + 1 - (kept & -kept).bit_length()) if kept else 0
    return fraction_bits * (steps - 1) <= INPUT_SHIFT


def drive_bound(current: int, threshold: NDArray[np.int32], bias: NDArray[np.int32]) -> int:
    """How far one step can move a membrane, `(current << 6) - s · threshold + bias`, for currents within ±current."""
    added = sum(int(np.abs(x.astype(np.int64)).max()) for x in (threshold, bias))
    return current * 2**INPUT_SHIFT + added


@dataclass(frozen=True)
class Heads:
    """Q, K and V of sentences of N tokens by their heads, (..., H, N, D/H) float32, and a product of two of them.

    pairs: `Q K^T`, (..., H, N, N); None where the other one is cheaper.
    memory: `K^T V`, (..., H, D/H, D/H); None where the other one is cheaper.
    """

    query: Array
    key: Array
    value: Array
    pairs: Array | None
    memory: Array | None

    @classmethod
    def of(cls, qkv: Array, heads: int) -> Heads:
        """Of (..., N, 3 D) spikes."""
        query, key, value = by_head(qkv, heads)
        tokens, width = query.shape[-2:]
        if tokens > width:
            return cls(query, key, value, None, matmul(key, value, transposed="a"))
        return cls(query, key, value, matmul(query, key, transposed="b"), None)

    @property
    def counts(self) -> Array:
        """`(Q K^T) V`, by the association that begins with the product that is here: (..., N, D) float32."""
        if self.pairs is None:
            assert self.memory is not None
            return _joined(matmul(self.query, self.memory))
        return _joined(matmul(self.pairs, self.value))


def coincidences(qkv: Array, heads: int) -> Array:
    """`(Q K^T) V` of each sentence: (..., N, 3 D) spikes → (..., N, D) counts, float32.

    The cheaper association is taken, equal in exact integers. Exact while N · D / heads < 2^24.
    """
    return Heads.of(qkv, heads).counts


def memory(qkv: Array, heads: int) -> Array:
    """`K^T V` of some tokens of a sentence: (..., N, 3 D) spikes → (..., H, D/H, D/H) counts, float32.

    That of a sentence is the sum over any parts of it: what a chip keeps where tokens come one by one.
    """
    _, key, value = by_head(qkv, heads)
    return matmul(key, value, transposed="a")


def recall(qkv: Array, memory: Array) -> Array:
    """`Q (K^T V)`: the queries of (..., N, 3 D) spikes from the sentence's `memory` → (..., N, D) counts, float32.

    Exact as `coincidences`.
    """
    return _joined(matmul(by_head(qkv, memory.shape[-3])[0], memory))


def by_head(qkv: Array, heads: int) -> Array:
    """Q, K and V apart, and their heads: (..., N, 3 D) → (3, ..., H, N, D/H) float32."""
    parts = np.moveaxis(qkv.reshape(*qkv.shape[:-1], 3, heads, -1), -3, 0)  # (3, ..., N, H, D/H)
    return np.ascontiguousarray(np.swapaxes(parts, -2, -3), np.float32)


def _joined(counts: Array) -> Array:
    """The heads side by side again: (..., H, N, D/H) → (..., N, D)."""
    *leading, heads, tokens, width = counts.shape
    return np.swapaxes(counts, -2, -3).reshape(*leading, tokens, heads * width)


def heads_of(qkv: Array, lengths: list[int], heads: int) -> list[Heads]:
    """Of each stack of the sentences that stand one after the other: (T, M, 3 D) spikes."""
    return [Heads.of(stack.of(qkv), heads) for stack in stacks(lengths)]


def attention(by_stack: list[Heads], lengths: list[int]) -> Array:
    """`coincidences` within each of the sentences that `heads_of` was made of: (T, M, D)."""
    parts = zip(stacks(lengths), by_stack, strict=True)
    return np.concatenate([stack.rows_of(heads.counts) for stack, heads in parts], axis=1)


def accumulate(inputs: Sequence[Array], shift: NDArray[np.integer]) -> Array:
    """`y = Σ 2^shift[i] · x_i`: arrays (T, M, D) or (1, M, D) → (T, M, D) float32. Exact while Σ 2^shift |x| < 2^24."""
    total: Array | None = None
    for x, places in zip(inputs, shift, strict=True):
        term = x.astype(np.float32, copy=False)
        if places:
            term = term * np.float32(1 << int(places))
        total = term if total is None else total + term
    assert total is not None
    return total


def token_sum(x: Array, lengths: list[int]) -> Array:
    """Σ over steps and over the tokens of each sentence: (T, M, D) → (B, D) float64."""
    total = x.sum(0, dtype=np.float64)  # (M, D)
    starts = np.cumsum([0, *lengths[:-1]])
    return np.add.reduceat(total, starts, axis=0)


def readout(
    total: Array, lengths: list[int], steps: int, weight: NDArray, bias: NDArray, shift: int
) -> NDArray[np.int64]:
    """Integer logits from the sums of `token_sum`: (B, D) → (B, labels) int64.

    mean = floor(2^shift · total / (steps · length)),   logits = weight · mean + bias

    Exact while |total| < 2^53, and 2^shift · |total| and the logits < 2^63.
    """
    events = steps * np.asarray(lengths, np.int64)[:, None]
    mean = (total.astype(np.int64) << shift) // events
    return mean @ weight.T.astype(np.int64) + bias


def decided(logits: NDArray[np.integer], margin: int) -> NDArray[np.bool_]:
    """Whether the best logit is ahead of the next by the margin: (..., labels) → (...), of at least two labels."""
    ordered = np.partition(logits, logits.shape[-1] - 2, axis=-1)
    # Unsigned: two logits below 2^63 in magnitude may lie further apart than int64 reaches.
    ahead = ordered[..., -1].astype(np.uint64) - ordered[..., -2].astype(np.uint64)
    return ahead >= np.uint64(margin)


def steps_taken(logits: NDArray[np.integer], margin: int) -> NDArray[np.int64]:
    """The number of steps that each sentence takes, from the logits after each of T steps: (T, B, labels) → (B,).

    The logits after step t are the readout of the steps up to t. A sentence is done after the first step in which its
    largest logit less its second largest, equal ones being two, is at least `margin`; at the latest after step T.
    """
    last = len(logits)
    if margin == NO_MARGIN:
        return np.full(logits.shape[1], last)
    sure = decided(logits, margin)
    sure[-1] = True
    return sure.argmax(0) + 1
