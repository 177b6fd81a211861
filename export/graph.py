"""The integer graph: exactly what the chip computes, as a handful of dataclasses of NumPy arrays.

Everything downstream is a reading of it: the `.nir` file stores it, the Lava processes and the fast simulator run it,
the mapping places it, the energy report counts it. Its arithmetic stands in `export.arithmetic`.

Between nodes flow arrays (T, M, D): T time steps, M tokens of all sentences of a batch one after the other (no padding),
D features. A node's `scale` says what one integer unit of its output is worth in the float model; no arithmetic uses it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from spikebert.errors import InputError

STATE_BITS = 24  # width of a membrane, signed and saturating
DECAY_BITS = 12  # a decay d stands for the factor (2^12 - d) / 2^12
INPUT_SHIFT = 6  # a neuron's input is shifted left by this: Loihi aligns synaptic input to the state's upper bits


@dataclass(frozen=True, eq=False)
class Node:
    """A named node; `inputs` names the nodes that feed it."""

    name: str
    inputs: tuple[str, ...]

    @property
    def width(self) -> int:
        """Features D of the output."""
        raise NotImplementedError

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """The node's arrays by field name."""
        return {k: v for k, v in self.fields.items() if isinstance(v, np.ndarray)}

    @property
    def fields(self) -> dict[str, Any]:
        """Every field but the name and the inputs."""
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name not in ("name", "inputs")}

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return False
        assert isinstance(other, Node)
        mine, theirs = self.fields, other.fields
        return (self.name, self.inputs) == (other.name, other.inputs) and all(
            _same(mine[key], theirs[key]) for key in mine
        )


def array(dtype: type[np.generic], *shape: str, optional: bool = False) -> Any:
    """Declares an array field: its dtype and shape, in letters (equal letters, equal sizes) or numbers."""
    return field(metadata={"dtype": np.dtype(dtype), "shape": shape, "optional": optional})


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b)
    return type(a) is type(b) and a == b


@dataclass(frozen=True, eq=False)
class Embedding(Node):
    """`y[m] = word[token[m]] + position[place of m in its sentence]`, the same in all T steps."""

    word: np.ndarray = array(np.int8, "V", "D")
    position: np.ndarray | None = array(np.int16, "max_tokens", "D", optional=True)  # in the unit of `word`
    scale: np.ndarray = array(np.float64, "1|D")

    @property
    def width(self) -> int:
        return self.word.shape[1]


@dataclass(frozen=True, eq=False)
class Linear(Node):
    """`y = W x + b`."""

    weight: np.ndarray = array(np.int8, "D", "D_in")
    bias: np.ndarray | None = array(np.int32, "D", optional=True)
    bits: int  # the weights lie in ±(2^(bits-1) - 1)
    scale: np.ndarray = array(np.float64, "1|D")

    @property
    def width(self) -> int:
        return self.weight.shape[0]


@dataclass(frozen=True, eq=False)
class LayerNorm(Node):
    """Integer layer normalisation of each of `groups` equal parts of the features; see `arithmetic.layer_norm`.

    The output is in units of 2^-8.
    """

    gain: np.ndarray = array(np.int16, "D")  # in units of 2^-12
    bias: np.ndarray = array(np.int32, "D")  # in units of 2^-8
    epsilon: int  # added to D² times the variance
    groups: int

    @property
    def width(self) -> int:
        return self.gain.shape[0]


@dataclass(frozen=True, eq=False)
class LIF(Node):
    """Leaky integrate-and-fire neurons; see `arithmetic.lif_step`. Starts every sample at rest (v = 0)."""

    size: int  # D
    threshold: np.ndarray = array(np.int32, "1|D")  # in state units: fires at v >= threshold
    decay: int  # 12 bits
    bias: np.ndarray = array(np.int32, "1|D")  # in state units, added each step
    reset: str  # "subtract" or "zero"

    @property
    def width(self) -> int:
        return self.size


@dataclass(frozen=True, eq=False)
class Attention(Node):
    """`(Q K^T) V` within each sentence and head; the input holds Q, K, V side by side (3 D), the output counts (D)."""

    size: int  # D
    heads: int

    @property
    def width(self) -> int:
        return self.size


@dataclass(frozen=True, eq=False)
class Add(Node):
    """The residual stream: the sum of its inputs, a small non-negative integer (a graded spike)."""

    size: int  # D

    @property
    def width(self) -> int:
        return self.size


@dataclass(frozen=True, eq=False)
class Readout(Node):
    """Mean over steps and tokens, then the linear head: integer logits (B, labels); see `arithmetic.readout`."""

    weight: np.ndarray = array(np.int8, "labels", "D_in")
    bias: np.ndarray = array(np.int32, "labels")
    shift: int  # fraction bits that the mean keeps
    scale: np.ndarray = array(np.float64, "1")  # the value of one logit unit

    @property
    def width(self) -> int:
        return self.weight.shape[0]


NODE_TYPES: dict[str, type[Node]] = {
    t.__name__: t for t in (Embedding, Linear, LayerNorm, LIF, Attention, Add, Readout)
}


@dataclass(frozen=True)
class Graph:
    """Nodes in an order in which each stands after its inputs; the first is the Embedding, the last the Readout."""

    nodes: tuple[Node, ...]
    time_steps: int
    max_tokens: int
    labels: tuple[str, ...]
    tokenizer: str  # the tokenizer as the JSON text of the `tokenizers` library
    metadata: dict[str, Any] = field(default_factory=dict)  # provenance: plain JSON values

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    def __getitem__(self, name: str) -> Node:
        for node in self.nodes:
            if node.name == name:
                return node
        raise InputError(f"the graph has no node {name!r}")

    @property
    def neurons(self) -> tuple[LIF, ...]:
        """The spiking layers, in order."""
        return tuple(n for n in self.nodes if isinstance(n, LIF))

    def consumers(self) -> dict[str, list[str]]:
        """For each node, the nodes that read it."""
        readers: dict[str, list[str]] = {n.name: [] for n in self.nodes}
        for node in self.nodes:
            for source in node.inputs:
                readers[source].append(node.name)
        return readers
