"""The nodes of a graph made ready to run: weights in the carrier that BLAS likes, neurons with their state.

A kernel is called with the arrays (S, M, D) of S consecutive time steps and the lengths of the sentences whose M tokens
stand one after the other. The fast simulator gives all T steps in one call, a Lava process model one step at a time:
state is carried from call to call until `rest()`. An array whose S is 1 where others have T is constant over the steps.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import singledispatch

import numpy as np
from numpy.typing import NDArray

from export.ir import arithmetic
from export.ir.arithmetic import Array
from export.ir.graph import LIF, Accumulate, Add, Attention, Embedding, LayerNorm, Linear, Node, Readout
from export.ir.product import INPUT_MAX, IntegerProduct

BLOCK = 2**17  # elements of a block: few enough for a core's own cache, enough to hide what a NumPy call costs


def row_blocks(rows: int, width: int) -> Iterator[slice]:
    """The rows in blocks of about BLOCK elements, for element-wise work with many temporaries."""
    size = max(1, BLOCK // width)
    for start in range(0, rows, size):
        yield slice(start, start + size)


class Kernel:
    """One node at work."""

    in_place = False  # whether the output may take the memory of the input, which nobody else reads

    def __call__(self, inputs: Sequence[Array], lengths: list[int]) -> Array:
        """The output (S, M, D) for inputs (S, M, D)."""
        raise NotImplementedError

    def rest(self) -> None:
        """Forget the past: called before each new batch of sentences."""

    def keep(self, sentences: NDArray[np.bool_], tokens: NDArray[np.bool_]) -> None:
        """Go on with some of the B sentences and their tokens alone: (B,) and (M,) of which."""


class EmbeddingKernel(Kernel):
    """Its input is the token ids (M,), its output (1, M, D): constant over the steps."""

    def __init__(self, node: Embedding):
        self.node = node

    def __call__(self, inputs: Sequence[NDArray], lengths: list[int]) -> Array:
        tokens, node = inputs[0], self.node
        positions = 0 if node.position is None else len(node.position)
        places = arithmetic.places(tokens, lengths, positions, node.separator)
        return arithmetic.embed(tokens, places, node.word, node.position)[None]


class LinearKernel(Kernel):
    """`arithmetic.linear`: on 8-bit integers where its input is small enough, else in floating point, equal."""

    def __init__(self, node: Linear, input_bound: int):
        self.node = node
        bound = arithmetic.linear_bound(node.synapses, node.bias, input_bound)
        self.product = IntegerProduct(node.weight) if input_bound <= INPUT_MAX and bound < 2**31 else None
        if self.product is None:
            dtype = arithmetic.gemm_dtype(bound)
            self.weight = node.synapses.astype(dtype)
            self.bias = None if node.bias is None else node.bias.astype(dtype)

    def __call__(self, inputs: Sequence[Array], lengths: list[int]) -> NDArray:
        x = inputs[0]
        if self.product is None:
            return arithmetic.linear(x, self.weight, self.bias)
        y = self.product(x.reshape(-1, x.shape[-1]).astype(np.uint8))
        with arithmetic.whole_rows():
            if self.node.exponent is not None:
                y <<= self.node.exponent
            if self.node.bias is not None:
                y += self.node.bias
        return y.reshape(*x.shape[:-1], -1)


class LayerNormKernel(Kernel):
    def __init__(self, node: LayerNorm):
        self.gain, self.bias = node.gain.astype(np.float64), node.bias.astype(np.float64)
        self.epsilon, self.groups = node.epsilon, node.groups
        self.dtype = arithmetic.gemm_dtype(arithmetic.norm_bound(node.gain, node.bias, node.groups))

    def __call__(self, inputs: Sequence[Array], lengths: list[int]) -> Array:
        x = inputs[0].reshape(-1, len(self.gain))
        y = x if self.in_place and x.dtype == self.dtype else np.empty(x.shape, self.dtype)
        for rows in row_blocks(*x.shape):
            y[rows] = arithmetic.layer_norm(x[rows], self.gain, self.bias, self.epsilon, self.groups)
        return y.reshape(inputs[0].shape)


class LIFKernel(Kernel):
    """`steps` is T: how often a constant current is applied in one call."""

    def __init__(self, node: LIF, steps: int, input_bound: int):
        self.node, self.steps = node, steps
        self.stride = arithmetic.drive_bound(input_bound, node.threshold, node.bias)
        dtype = arithmetic.gemm_dtype(self.stride)
        self.threshold, self.bias = node.threshold.astype(dtype), node.bias.astype(dtype)
        self.membrane: Array | None = None  # (M, D) float64
        self.seen = 0  # steps since rest

    def rest(self) -> None:
        self.membrane = None
        self.seen = 0

    def keep(self, sentences: NDArray[np.bool_], tokens: NDArray[np.bool_]) -> None:
        if self.membrane is not None:
            self.membrane, self.spikes = self.membrane[tokens], self.spikes[tokens]

    def __call__(self, inputs: Sequence[Array], lengths: list[int]) -> Array:
        current = inputs[0]
        if self.membrane is None:
            self.membrane = np.zeros(current.shape[1:], np.float64)
            self.spikes = np.zeros(current.shape[1:], np.float32)
        steps = self.steps if len(current) == 1 else len(current)
        shape = (steps, *current.shape[1:])
        reuse = self.in_place and current.shape == shape and current.dtype == np.float32
        train = current if reuse else np.empty(shape, np.float32)
        node = self.node
        reach = [(self.seen + t + 1) * self.stride for t in range(steps)]
        for rows in row_blocks(*current.shape[1:]):
            membrane, spikes = self.membrane[rows], self.spikes[rows]
            for t in range(steps):
                step, clip = current[min(t, len(current) - 1), rows], reach[t] > arithmetic.STATE_MAX
                arithmetic.lif_step(step, membrane, spikes, self.threshold, node.decay, self.bias, node.reset, clip)
                train[t, rows] = spikes
        self.seen += steps
        return train


class AttentionKernel(Kernel):
    def __init__(self, node: Attention):
        self.heads = node.heads

    def __call__(self, inputs: Sequence[Array], lengths: list[int]) -> Array:
        return arithmetic.attention(inputs[0], lengths, self.heads)


class AddKernel(Kernel):
    def __call__(self, inputs: Sequence[Array], lengths: list[int]) -> Array:
        return sum(inputs[1:], inputs[0])


class AccumulateKernel(Kernel):
    def __init__(self, node: Accumulate):
        self.shift = node.shift

    def __call__(self, inputs: Sequence[Array], lengths: list[int]) -> Array:
        return arithmetic.accumulate(inputs, self.shift)


class ReadoutKernel(Kernel):
    """Sums the steps that it is given; its output is the logits (B, labels) of the steps seen since `rest()`."""

    def __init__(self, node: Readout):
        self.node = node
        self.rest()

    def rest(self) -> None:
        self.total: Array | float = 0.0
        self.seen = 0

    def keep(self, sentences: NDArray[np.bool_], tokens: NDArray[np.bool_]) -> None:
        if isinstance(self.total, np.ndarray):
            self.total = self.total[sentences]

    def __call__(self, inputs: Sequence[Array], lengths: list[int]) -> NDArray[np.int64]:
        self.total = self.total + arithmetic.token_sum(inputs[0], lengths)
        self.seen += len(inputs[0])
        node = self.node
        return arithmetic.readout(self.total, lengths, self.seen, node.weight, node.bias, node.shift)


@singledispatch
def make_kernel(node: Node, steps: int, input_bound: int) -> Kernel:
    """The kernel of a node in a graph of T = `steps`; `input_bound` is the largest magnitude of its input."""
    raise NotImplementedError(type(node).__name__)


make_kernel.register(Embedding, lambda node, steps, input_bound: EmbeddingKernel(node))
make_kernel.register(Linear, lambda node, steps, input_bound: LinearKernel(node, input_bound))
make_kernel.register(LayerNorm, lambda node, steps, input_bound: LayerNormKernel(node))
make_kernel.register(LIF, lambda node, steps, input_bound: LIFKernel(node, steps, input_bound))
make_kernel.register(Attention, lambda node, steps, input_bound: AttentionKernel(node))
make_kernel.register(Add, lambda node, steps, input_bound: AddKernel())
make_kernel.register(Accumulate, lambda node, steps, input_bound: AccumulateKernel(node))
make_kernel.register(Readout, lambda node, steps, input_bound: ReadoutKernel(node))
