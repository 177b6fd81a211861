"""The float graph: the trained network as NumPy arrays, the form that the lowering passes rewrite.

Its nodes mirror those of `export.ir.graph`, before quantisation: weights in float64, thresholds in the paper's units.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spikebert.core.errors import InputError


@dataclass(frozen=True, eq=False)
class FloatNode:
    name: str
    inputs: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class FloatEmbedding(FloatNode):
    """`y = word[token] + position[place] + beside + bias`; as in `arithmetic.places` and `arithmetic.beside`."""

    word: np.ndarray  # (V, D)
    position: np.ndarray | None  # (max_tokens, D), or (2 max_tokens, D) with a separator, 4 with shared_words
    bias: np.ndarray | None = None  # (D,)
    separator: int = -1
    shared_words: int = 0
    neighbour: np.ndarray | None = None  # (V, D)

    @property
    def words(self) -> np.ndarray:
        """(V, D) or (2 V, D): all that becomes 8-bit integers of one unit."""
        return self.word if self.neighbour is None else np.concatenate([self.word, self.neighbour])


@dataclass(frozen=True, eq=False)
class FloatLinear(FloatNode):
    """`y = W x + b`."""

    weight: np.ndarray  # (D_out, D_in)
    bias: np.ndarray | None  # (D_out,)


@dataclass(frozen=True, eq=False)
class FloatLayerNorm(FloatNode):
    gain: np.ndarray  # (D,)
    bias: np.ndarray  # (D,)
    epsilon: float
    groups: int


@dataclass(frozen=True, eq=False)
class FloatBatchNorm(FloatNode):
    """In evaluation: `y = factor · x + offset`."""

    factor: np.ndarray  # (D,)
    offset: np.ndarray  # (D,)


@dataclass(frozen=True, eq=False)
class FloatEntranceNorm(FloatBatchNorm):
    """A batch norm of a stream of currents before neurons; its factor is above 0."""


@dataclass(frozen=True, eq=False)
class FloatNeurons(FloatNode):
    """The base of every kind of neuron, as `export.ir.graph.NeuronLayer` is."""

    size: int
    beta: float
    threshold: float | np.ndarray  # of all neurons, or (D,)
    reset: str
    bias: np.ndarray | None = None  # (D,)


@dataclass(frozen=True, eq=False)
class FloatLIF(FloatNeurons):
    """Leaky integrate-and-fire neurons; see `spikebert.model.neuron.lif`."""


@dataclass(frozen=True, eq=False)
class FloatAttention(FloatNode):
    """`scale · (Q K^T) V`."""

    size: int
    heads: int
    scale: float


@dataclass(frozen=True, eq=False)
class FloatAdd(FloatNode):
    size: int


@dataclass(frozen=True, eq=False)
class FloatAccumulate(FloatNode):
    """The stream of a membrane residual: the sum of its inputs, which are currents."""

    size: int


@dataclass(frozen=True, eq=False)
class FloatReadout(FloatNode):
    """The head, behind the mean over steps and tokens."""

    weight: np.ndarray  # (labels, D)
    bias: np.ndarray  # (labels,)


FloatGraph = tuple[FloatNode, ...]


def verify(graph: FloatGraph) -> FloatGraph:
    """The graph, if each name stands once, each input before its reader, and the Readout at the end.

    Raises:
        ValueError: a pass has left something else, which no file and no user can mend.
    """
    before: set[str] = set()
    for node in graph:
        if node.name in before:
            raise ValueError(f"node {node.name}: the name stands twice")
        if not before.issuperset(node.inputs):
            raise ValueError(f"node {node.name}: reads {node.inputs}, not all of which stand before it")
        before.add(node.name)
    if not graph or not isinstance(graph[-1], FloatReadout):
        raise ValueError("the graph does not end with a readout")
    return graph


def require_finite(graph: FloatGraph) -> FloatGraph:
    """The graph; an InputError names the first layer with a value that is none, as a training that failed leaves it."""
    for node in graph:
        for field, value in vars(node).items():
            if isinstance(value, (float, np.ndarray)) and not np.isfinite(value).all():
                raise InputError(
                    f"layer {node.name}: {field} holds values that are not finite; its training failed, so train it "
                    "anew, with a lower learning rate"
                )
    return graph
