"""The integer graph: exactly what the chip computes, as a handful of dataclasses of NumPy arrays.

Everything downstream is a reading of it: the `.nir` file stores it, the Lava processes and the fast simulator run it,
the mapping places it, the energy report counts it. Its arithmetic stands in `export.ir.arithmetic`.

Between nodes flow arrays (T, M, D): T time steps, M tokens of all sentences of a batch one after the other, without
padding, D features. A node's `scale` says what one integer unit of its output is worth in the float model; no
arithmetic uses it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, get_type_hints

import numpy as np

from spikebert.core.errors import InputError

STATE_BITS = 24  # width of a membrane, signed and saturating
DECAY_BITS = 12  # a decay d stands for the factor (2^12 - d) / 2^12
WEIGHT_EXPONENT_MAX = 3  # the exponent of an output's weights, where each output has its own
NO_MARGIN = -1  # of a Readout: every sentence takes all steps
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

    @property
    def stored(self) -> dict[str, Any]:
        """The fields that a file holds: not those without a value, or with the whole number that means none."""
        plain = {f.name: f.default for f in dataclasses.fields(self) if isinstance(f.default, int)}
        return {k: v for k, v in self.fields.items() if v is not None and not (k in plain and v == plain[k])}

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return False
        assert isinstance(other, Node)
        mine, theirs = self.fields, other.fields
        return (self.name, self.inputs) == (other.name, other.inputs) and all(
            _same(mine[key], theirs[key]) for key in mine
        )


@dataclass(frozen=True)
class Spec:
    """The dtype and the shape of an array field: in letters (equal letters, equal sizes), "1|D" for either size.

    since: the format version that the field came with, if its node type is older. Such a field may be None, and is then
        in no checksum.
    """

    dtype: type[np.generic]
    shape: tuple[str, ...]
    since: int = 1


def array_specs(node_type: type[Node]) -> dict[str, tuple[Spec, bool]]:
    """For each array field of a node type its Spec, and whether it may be None."""
    hints = get_type_hints(node_type, include_extras=True)
    return {
        name: (hint.__metadata__[0], hint.__origin__ is not np.ndarray)
        for name, hint in hints.items()
        if hasattr(hint, "__metadata__")
    }


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b)
    return type(a) is type(b) and a == b


@dataclass(frozen=True, eq=False)
class Embedding(Node):
    """`y[m] = word[token[m]] + position[place of m] + beside[m]`, the same in all T steps.

    See `arithmetic.places` and, for what the tokens beside each token add, `arithmetic.beside`.
    """

    word: Annotated[np.ndarray, Spec(np.int8, ("V", "D"))]
    position: Annotated[np.ndarray | None, Spec(np.int16, ("P", "D"))]  # in the unit of `word`; P is max_tokens
    scale: Annotated[np.ndarray, Spec(np.float64, ("1|D",))]
    separator: int = -1  # of sentence pairs: the token between the texts, and P is 2 max_tokens
    shared_words: int = 0  # 1: tokens of both texts have places of their own, and P is 4 max_tokens
    neighbour: Annotated[np.ndarray | None, Spec(np.int8, ("V", "D"), since=7)] = None  # in the unit of `word`; D even

    @property
    def width(self) -> int:
        return self.word.shape[1]

    @property
    def words(self) -> np.ndarray:
        """(V, D) or (2 V, D): all that is stored of words."""
        return self.word if self.neighbour is None else np.concatenate([self.word, self.neighbour])


@dataclass(frozen=True, eq=False)
class Linear(Node):
    """`y = 2^exponent · W x + b`; without exponents, `y = W x + b`."""

    weight: Annotated[np.ndarray, Spec(np.int8, ("D", "D_in"))]
    bias: Annotated[np.ndarray | None, Spec(np.int32, ("D",))]
    bits: int  # the weights lie in ±(2^(bits-1) - 1)
    scale: Annotated[np.ndarray, Spec(np.float64, ("1",))]
    exponent: Annotated[np.ndarray | None, Spec(np.int8, ("D",))] = None  # 0 to 3, a power of two for each output

    @property
    def width(self) -> int:
        return self.weight.shape[0]

    @property
    def synapses(self) -> np.ndarray:
        """(D, D_in): the weights with their exponents, int16 at least."""
        if self.exponent is None:
            return self.weight
        return self.weight.astype(np.int16) << self.exponent[:, None].astype(np.int16)


@dataclass(frozen=True, eq=False)
class LayerNorm(Node):
    """Integer layer normalisation of each of `groups` equal parts of the features; see `arithmetic.layer_norm`.

    The output is in units of 2^-8.
    """

    gain: Annotated[np.ndarray, Spec(np.int16, ("D",))]  # in units of 2^-12
    bias: Annotated[np.ndarray, Spec(np.int32, ("D",))]  # in units of 2^-8
    epsilon: int  # added to D² times the variance
    groups: int

    @property
    def width(self) -> int:
        return self.gain.shape[0]


@dataclass(frozen=True, eq=False)
class NeuronLayer(Node):
    """Neurons, one a feature, that put out 1 in the steps in which they fire, and 0 else: the base of every kind.

    It is no node type by itself. What asks "does it spike?" or "does it hold a membrane?" asks for this class; what
    needs the equation of a kind asks for that kind. A kind adds fields of its own behind these, and declares `states`:
    how many numbers of STATE_BITS a neuron keeps from step to step.
    """

    states: ClassVar[int]
    size: int  # D
    threshold: Annotated[np.ndarray, Spec(np.int32, ("1|D",))]  # in state units: fires at v >= threshold
    decay: int  # 12 bits
    bias: Annotated[np.ndarray, Spec(np.int32, ("1|D",))]  # in state units, added each step
    reset: str  # "subtract" or "zero"

    @property
    def width(self) -> int:
        return self.size


@dataclass(frozen=True, eq=False)
class LIF(NeuronLayer):
    """Leaky integrate-and-fire neurons; see `arithmetic.lif_step`. Starts every sample at rest (v = 0)."""

    states: ClassVar[int] = 1  # the membrane


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
class Accumulate(Node):
    """The residual stream of a model whose blocks add currents: `y = Σ 2^shift[i] · x_i`, signed, below 2^24.

    One unit of `y` is 2^-k of the float model's, the same in all these nodes of a graph.
    """

    size: int  # D
    shift: Annotated[np.ndarray, Spec(np.int8, ("inputs",))]  # at least 0, one for each input
    scale: Annotated[np.ndarray, Spec(np.float64, ("1",))]

    @property
    def width(self) -> int:
        return self.size


@dataclass(frozen=True, eq=False)
class Readout(Node):
    """Mean over steps and tokens, then the linear head: integer logits (B, labels); see `arithmetic.readout`.

    With a margin a sentence is done after the first step in which its best logit is so far ahead of the next; see
    `arithmetic.steps_taken`.
    """

    weight: Annotated[np.ndarray, Spec(np.int8, ("labels", "D_in"))]
    bias: Annotated[np.ndarray, Spec(np.int32, ("labels",))]
    shift: int  # fraction bits that the mean keeps
    scale: Annotated[np.ndarray, Spec(np.float64, ("1",))]  # the value of one logit unit
    margin: int = NO_MARGIN  # in logit units

    @property
    def width(self) -> int:
        return self.weight.shape[0]


NODE_TYPES: dict[str, type[Node]] = {
    t.__name__: t for t in (Embedding, Linear, LayerNorm, LIF, Attention, Add, Accumulate, Readout)
}


@dataclass(frozen=True)
class Graph:
    """Nodes in an order in which each stands after its inputs; the first is the Embedding, the last the Readout.

    labels: of the classes. A graph without labels predicts a number: its one logit times the Readout's scale.
    """

    nodes: tuple[Node, ...]
    time_steps: int
    max_tokens: int
    labels: tuple[str, ...]
    tokenizer: str  # the tokenizer as the JSON text of the `tokenizers` library
    metadata: dict[str, Any] = field(default_factory=dict)  # provenance: plain JSON values

    @property
    def regression(self) -> bool:
        """Whether it predicts a number, and no class."""
        return not self.labels

    @property
    def outputs(self) -> int:
        """How many logits a text has: one a label, or the one of a regression."""
        return max(1, len(self.labels))

    @property
    def training(self) -> dict[str, Any]:
        """What the metadata record of the training; empty where they record nothing, or no object."""
        record = self.metadata.get("training")
        return record if isinstance(record, dict) else {}

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    def __getitem__(self, name: str) -> Node:
        for node in self.nodes:
            if node.name == name:
                return node
        raise InputError(f"the graph has no node {name!r}")

    @property
    def neurons(self) -> tuple[NeuronLayer, ...]:
        """The spiking layers, in order."""
        return tuple(n for n in self.nodes if isinstance(n, NeuronLayer))

    def consumers(self) -> dict[str, list[str]]:
        """For each node, the nodes that read it."""
        readers: dict[str, list[str]] = {n.name: [] for n in self.nodes}
        for node in self.nodes:
            for source in node.inputs:
                readers[source].append(node.name)
        return readers
