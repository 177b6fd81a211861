"""The nodes of a graph made ready to run: weights in the carrier that BLAS likes, prepared once and never changed.

A kernel is a function `output, state = kernel(inputs, lengths, state)` of the arrays (S, M, D) of S consecutive time
steps and the lengths of the sentences whose M tokens stand one after the other. The fast simulator gives all T steps in
one call, a Lava process model one step at a time: it gives each call the state that the one before left, and None at
rest. A call changes no state that it was given. An array whose S is 1 where others have T is constant over the steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Membranes:
    """The state of M · D neurons.

    membrane: (M, D) float64, whole numbers, as the last step compared them with the threshold: before the reset.
    spikes: (M, D) float32 of that step.
    seen: steps since rest.
    """

    membrane: Array
    spikes: Array
    seen: int

    def of(self, sentences: NDArray[np.bool_], tokens: NDArray[np.bool_]) -> Membranes:
        return Membranes(self.membrane[tokens], self.spikes[tokens], self.seen)


@dataclass(frozen=True)
class Sums:
    """The state of a readout: the sum (B, D) over the tokens and the steps `seen` since rest."""

    total: Array
    seen: int

    def of(self, sentences: NDArray[np.bool_], tokens: NDArray[np.bool_]) -> Sums:
        return Sums(self.total[sentences], self.seen)


@dataclass(frozen=True)
class Met:
    """What an attention has at hand of its last call, by stack of sentences. Who counts may use it; no call does."""

    heads: list[arithmetic.Heads]

    def of(self, sentences: NDArray[np.bool_], tokens: NDArray[np.bool_]) -> None:
        return None


State = Membranes | Sums | Met | None  # None: at rest, and of a node that has none


class Kernel:
    """One node at work."""

    in_place = False  # whether the output may take the memory of the input, which nobody else reads

    def __call__(self, inputs: Sequence[Array], lengths: list[int], state: State = None) -> tuple[Array, State]:
        """The output (S, M, D) for inputs (S, M, D), and the state after them."""
        raise NotImplementedError


class EmbeddingKernel(Kernel):
    """Its input is the token ids (M,), its output (1, M, D): constant over the steps."""

    def __init__(self, node: Embedding):
        self.node = node

    def __call__(self, inputs: Sequence[NDArray], lengths: list[int], state: State = None) -> tuple[Array, State]:
        tokens, node = inputs[0], self.node
        positions = 0 if node.position is None else len(node.position)
        places = arithmetic.places(tokens, lengths, positions, node.separator, node.shared_words)
        current = arithmetic.embed(tokens, places, node.word, node.position)
        if node.neighbour is not None:
            current += arithmetic.beside(tokens, lengths, node.neighbour)
        return current[None], None


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

    def __call__(self, inputs: Sequence[Array], lengths: list[int], state: State = None) -> tuple[NDArray, State]:
        x = inputs[0]
        if self.product is None:
            return arithmetic.linear(x, self.weight, self.bias), None
        y = self.product(x.reshape(-1, x.shape[-1]).astype(np.uint8, copy=False))
        with arithmetic.whole_rows():
            if self.node.exponent is not None:
                y <<= self.node.exponent
            if self.node.bias is not None:
                y += self.node.bias
        return y.reshape(*x.shape[:-1], -1), None


class LayerNormKernel(Kernel):
    def __init__(self, node: LayerNorm):
        self.gain, self.bias = node.gain.astype(np.float64), node.bias.astype(np.float64)
        self.epsilon, self.groups = node.epsilon, node.groups
        self.dtype = arithmetic.gemm_dtype(arithmetic.norm_bound(node.gain, node.bias, node.groups))

    def __call__(self, inputs: Sequence[Array], lengths: list[int], state: State = None) -> tuple[Array, State]:
        x = inputs[0].reshape(-1, len(self.gain))
        y = x if self.in_place and x.dtype == self.dtype else np.empty(x.shape, self.dtype)
        for rows in row_blocks(*x.shape):
            y[rows] = arithmetic.layer_norm(x[rows], self.gain, self.bias, self.epsilon, self.groups)
        return y.reshape(inputs[0].shape), None


class LIFKernel(Kernel):
    """`steps` is T: how often a constant current is applied in one call. Spikes are uint8."""

    def __init__(self, node: LIF, steps: int, input_bound: int):
        self.node, self.steps = node, steps
        self.stride = arithmetic.drive_bound(input_bound, node.threshold, node.bias)
        dtype = arithmetic.gemm_dtype(self.stride)
        self.threshold, self.bias = node.threshold.astype(dtype), node.bias.astype(dtype)

    def __call__(self, inputs: Sequence[Array], lengths: list[int], state: State = None) -> tuple[NDArray, Membranes]:
        current, shape = inputs[0], inputs[0].shape[1:]
        if isinstance(state, Membranes):
            state = Membranes(state.membrane.copy(), state.spikes.copy(), state.seen)
        else:
            state = Membranes(np.zeros(shape, np.float64), np.zeros(shape, np.float32), 0)
        steps = self.steps if len(current) == 1 else len(current)
        train = np.empty((steps, *shape), np.uint8)
        node = self.node
        reach = [(state.seen + t + 1) * self.stride for t in range(steps)]
        for rows in row_blocks(*shape):
            membrane, spikes = state.membrane[rows], state.spikes[rows]
            for t in range(steps):
                step, clip = current[min(t, len(current) - 1), rows], reach[t] > arithmetic.STATE_MAX
                first = state.seen + t == 0
                arithmetic.lif_step(
                    step, membrane, spikes, self.threshold, node.decay, self.bias, node.reset, clip, first
                )
                train[t, rows] = spikes
        return train, Membranes(state.membrane, state.spikes, state.seen + steps)


class FirstStepKernel(Kernel):
    """LIF neurons of which nobody asks for more than the first step from rest: a comparison, and no state."""

    def __init__(self, node: LIF):
        # Currents lie within ±2^24 where they are carried by float32: a threshold beyond is as good as there.
        least = arithmetic.least_current(node.threshold, node.bias)
        whole = least.astype(np.int32)
        self.least = {
            np.dtype(np.uint8): whole,  # spikes that neurons read without weights
            np.dtype(np.int32): whole,
            np.dtype(np.float32): np.clip(least, -(2**24), 2**24).astype(np.float32),
            np.dtype(np.float64): least.astype(np.float64),
        }

    def __call__(self, inputs: Sequence[Array], lengths: list[int], state: State = None) -> tuple[NDArray, State]:
        current = inputs[0][:1]
        train = np.empty(current.shape, np.bool_)
        with arithmetic.whole_rows():
            np.greater_equal(current, self.least[current.dtype], out=train)
        return train.view(np.uint8), None


class AttentionKernel(Kernel):
    def __init__(self, node: Attention):
        self.heads = node.heads

    def __call__(self, inputs: Sequence[Array], lengths: list[int], state: State = None) -> tuple[Array, State]:
        heads = arithmetic.heads_of(inputs[0], lengths, self.heads)
        return arithmetic.attention(heads, lengths), Met(heads)


class AddKernel(Kernel):
    def __call__(self, inputs: Sequence[Array], lengths: list[int], state: State = None) -> tuple[Array, State]:
        return sum(inputs[1:], inputs[0].astype(np.float32)), None


class AccumulateKernel(Kernel):
    def __init__(self, node: Accumulate):
        self.shift = node.shift

    def __call__(self, inputs: Sequence[Array], lengths: list[int], state: State = None) -> tuple[Array, State]:
        return arithmetic.accumulate(inputs, self.shift), None


class ReadoutKernel(Kernel):
    """Sums the steps that it is given; its output is the logits (B, labels) of the steps seen since rest."""

    def __init__(self, node: Readout):
        self.node = node

    def __call__(self, inputs: Sequence[Array], lengths: list[int], state: State = None) -> tuple[NDArray, Sums]:
        total, seen, node = arithmetic.token_sum(inputs[0], lengths), len(inputs[0]), self.node
        if isinstance(state, Sums):
            total, seen = state.total + total, state.seen + seen
        return arithmetic.readout(total, lengths, seen, node.weight, node.bias, node.shift), Sums(total, seen)


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


def make_kernels(nodes: Iterable[Node], bounds: Mapping[str, int], steps: int, once: bool = False) -> dict[str, Kernel]:
    """The kernels of nodes by their names.

    Args:
        bounds: the largest magnitude of every output that they read.
        steps: that a constant current is applied in one call.
        once: nobody asks for more than the first step from rest, nor for a membrane.
    """

    def made(node: Node) -> Kernel:
        if once and isinstance(node, LIF):
            return FirstStepKernel(node)
        return make_kernel(node, steps, max((bounds[source] for source in node.inputs), default=0))

    return {node.name: made(node) for node in nodes}
