"""The door of the integer graph: what a file says is checked here once, so that all code behind it can rely on it."""

from __future__ import annotations

import reprlib
from collections import Counter
from functools import singledispatch

import numpy as np

from export.ir.graph import (
    DECAY_BITS,
    LIF,
    NO_MARGIN,
    WEIGHT_EXPONENT_MAX,
    Accumulate,
    Add,
    Attention,
    Embedding,
    Graph,
    LayerNorm,
    Linear,
    NeuronLayer,
    Node,
    Readout,
    array_specs,
)
from export.ir.ranges import check_ranges
from spikebert.core.errors import InputError
from spikebert.model.limits import STEPS_MAX, TOKENS_MAX

SHIFT_MAX = 16  # of an input of a stream of currents
NAME_MAX = 200  # characters
RESERVED = ("input", "output")  # what the file calls its own two nodes


def validate(graph: Graph) -> Graph:
    """The graph, if it is well formed and no number in it can leave its width; else an InputError names the node."""
    for what, value, most in (
        ("time_steps", graph.time_steps, STEPS_MAX),
        ("max_tokens", graph.max_tokens, TOKENS_MAX),
    ):
        if not 1 <= value <= most:
            raise InputError(f"{what} {value} is out of range: 1 to {most}")
    if not graph.nodes or not isinstance(graph.nodes[0], Embedding) or not isinstance(graph.nodes[-1], Readout):
        raise InputError("the graph must begin with an Embedding and end with a Readout")
    for node in graph.nodes[1:-1]:
        if isinstance(node, (Embedding, Readout)):
            raise InputError(f"node {node.name}: a second {type(node).__name__}, of which a graph has one")
    twice = next((label for label, times in Counter(graph.labels).items() if times > 1), None)
    if twice is not None:
        raise InputError(f"the label {reprlib.repr(twice)} stands twice")
    widths: dict[str, int] = {}
    spiking: set[str] = set()
    for node in graph:
        _check_name(node)
        if node.name in widths:
            raise InputError(f"node {node.name}: the name stands twice")
        for source in node.inputs:
            if source not in widths:
                raise InputError(f"node {node.name}: its input {source!r} does not stand before it")
            if isinstance(node, (Linear, Attention, Add)) and source not in spiking:
                raise InputError(
                    f"node {node.name}: {type(node).__name__} takes spikes, which {source!r} does not give"
                )
        if isinstance(node, (NeuronLayer, Add)):
            spiking.add(node.name)
        sizes = _check_arrays(node, graph)
        _check_node(node, [widths[source] for source in node.inputs], sizes)
        widths[node.name] = node.width
    if widths[graph.nodes[-1].name] != graph.outputs:
        raise InputError(f"the readout has {graph.nodes[-1].width} outputs for {len(graph.labels)} labels")
    check_ranges(graph)
    return graph


def _check_name(node: Node) -> None:
    """A name is a name in tables, pictures, HDF5 and archives of arrays: text of one line, and no path."""
    name = node.name
    if not name or not name.isprintable() or "/" in name or name.strip(".") == "" or len(name) > NAME_MAX:
        raise InputError(f"node {reprlib.repr(name)}: a name is 1 to {NAME_MAX} printable characters, without /")
    if name in RESERVED:
        raise InputError(f"node {name}: the file's own {name} has this name; give it another")


def _check_arrays(node: Node, graph: Graph) -> dict[str, int]:
    """Check the dtypes and shapes that the node type declares; gives the size of each letter."""
    sizes = {"max_tokens": graph.max_tokens, "1": 1}
    if hasattr(node, "size"):
        sizes["D"] = node.width
    for name, (spec, optional) in array_specs(type(node)).items():
        value = getattr(node, name)
        if value is None and optional:
            continue
        where = f"node {node.name}: {name}"
        if not isinstance(value, np.ndarray) or value.dtype != spec.dtype or value.ndim != len(spec.shape):
            found = f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else type(value).__name__
            raise InputError(f"{where} must be {np.dtype(spec.dtype)} ({', '.join(spec.shape)}), not {found}")
        for letters, size in zip(spec.shape, value.shape, strict=True):
            if size < 1 or size not in [sizes.setdefault(letter, size) for letter in letters.split("|")]:
                raise InputError(f"{where} has shape {value.shape}, which does not fit the node's other sizes")
        if value.dtype == np.float64 and not np.isfinite(value).all():
            raise InputError(f"{where} is not finite")
    return sizes


def _require(condition: bool, node: Node, what: str) -> None:
    if not condition:
        raise InputError(f"node {node.name}: {what}")


def _one_input(node: Node, inputs: list[int], width: int | None) -> None:
    _require(len(inputs) == 1, node, f"{type(node).__name__} has one input, not {len(inputs)}")
    _require(width is None or inputs[0] == width, node, f"its input has {inputs[0]} features, not {width}")


@singledispatch
def _check_node(node: Node, inputs: list[int], sizes: dict[str, int]) -> None:
    raise NotImplementedError(type(node).__name__)


@_check_node.register
def _(node: Embedding, inputs: list[int], sizes: dict[str, int]) -> None:
    _require(not inputs, node, "an Embedding has no inputs")
    pairs, rows = node.separator != -1, sizes["max_tokens"]
    if pairs:
        _require(0 <= node.separator < len(node.word), node, f"separator {node.separator} is none of its words")
        _require(node.position is not None, node, "sentence pairs need positions")
    known = (0, 1) if pairs else (0,)
    _require(node.shared_words in known, node, f"shared_words must be {' or '.join(map(str, known))}")
    if node.position is not None:
        wanted = rows * (1 if not pairs else 4 if node.shared_words else 2)
        _require(len(node.position) == wanted, node, f"position has {len(node.position)} rows, which must be {wanted}")
    halves = node.neighbour is None or node.width % 2 == 0
    _require(halves, node, f"neighbours need two halves of the features, of which there are {node.width}")


@_check_node.register
def _(node: Linear, inputs: list[int], sizes: dict[str, int]) -> None:
    _one_input(node, inputs, sizes["D_in"])
    _require(2 <= node.bits <= 8, node, f"bits must be 2 to 8, not {node.bits}")
    exponents = np.zeros(1) if node.exponent is None else node.exponent
    _require(
        exponents.min() >= 0 and exponents.max() <= WEIGHT_EXPONENT_MAX,
        node,
        f"exponents lie in 0 to {WEIGHT_EXPONENT_MAX}",
    )
    top = 2 ** (node.bits - 1) - 1
    _require(int(np.abs(node.weight.astype(np.int16)).max()) <= top, node, f"a weight lies outside ±{top}")


@_check_node.register
def _(node: LayerNorm, inputs: list[int], sizes: dict[str, int]) -> None:
    _one_input(node, inputs, node.width)
    _require(node.groups >= 1 and node.width % node.groups == 0, node, f"{node.groups} groups do not divide its width")
    _require(0 <= node.epsilon < 2**53, node, f"epsilon {node.epsilon} is out of range")


@_check_node.register
def _(node: LIF, inputs: list[int], sizes: dict[str, int]) -> None:
    _one_input(node, inputs, node.size)
    _require(bool((node.threshold > 0).all()), node, "a threshold must be above 0")
    _require(0 <= node.decay <= 2**DECAY_BITS, node, f"decay {node.decay} is not a 12-bit decay")
    _require(node.reset in ("subtract", "zero"), node, f"reset must be 'subtract' or 'zero', not {node.reset!r}")


@_check_node.register
def _(node: Attention, inputs: list[int], sizes: dict[str, int]) -> None:
    _one_input(node, inputs, 3 * node.size)
    _require(node.heads >= 1 and node.size % node.heads == 0, node, f"{node.heads} heads do not divide {node.size}")


@_check_node.register
def _(node: Add, inputs: list[int], sizes: dict[str, int]) -> None:
    _require(len(inputs) >= 2, node, "an Add has at least two inputs")
    _require(all(width == node.size for width in inputs), node, f"its inputs {inputs} are not all {node.size} wide")


@_check_node.register
def _(node: Accumulate, inputs: list[int], sizes: dict[str, int]) -> None:
    _require(len(inputs) >= 2, node, "an Accumulate has at least two inputs")
    _require(all(width == node.size for width in inputs), node, f"its inputs {inputs} are not all {node.size} wide")
    _require(len(node.shift) == len(inputs), node, f"{len(node.shift)} shifts for {len(inputs)} inputs")
    _require(node.shift.min() >= 0 and node.shift.max() <= SHIFT_MAX, node, f"its shifts must lie in 0 to {SHIFT_MAX}")


@_check_node.register
def _(node: Readout, inputs: list[int], sizes: dict[str, int]) -> None:
    _one_input(node, inputs, sizes["D_in"])
    _require(0 <= node.shift <= 16, node, f"shift {node.shift} is out of range")
    _require(NO_MARGIN <= node.margin < 2**63, node, f"margin {node.margin} is out of range")
    _require(node.margin == NO_MARGIN or node.width > 1, node, "a margin needs a second label to be ahead of")
