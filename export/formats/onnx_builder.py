"""What both ONNX exports share: a graph that is built value by value, and the model around it.

Inside, activity is (T, B, N, D), padded: token by token everything is computed on padding, too, and masked where tokens
meet (keys and values of attention, the mean of the readout). So no padding changes what comes out.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from export.formats.onnx_notes import Notes
from spikebert import __version__
from spikebert.core.errors import InputError, reason_of
from spikebert.core.files import write_atomically

OPSET, IR_VERSION = 17, 8  # LayerNormalization came with 17
LIMIT = 2**31  # bytes of a protobuf message


class Builder:
    """An ONNX graph in the making. Values are known by their names."""

    def __init__(self, steps: int) -> None:
        self.steps = steps  # T
        self.still: set[str] = set()  # values that are the same in all steps, and have no axis T
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: dict[str, onnx.TensorProto] = {}

    def __call__(self, operator: str, *inputs: str, name: str | None = None, **attributes: Any) -> str:
        """Add a node of one output, called `name`; gives that name."""
        name = name or f"{operator}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name

    def by_step(self, value: str) -> list[str]:
        """A current as T values (1, B, N, D)."""
        if value in self.still:
            return [self("Unsqueeze", value, self.ints(0))] * self.steps
        outputs = [f"{value}[{t}]_{len(self.nodes)}" for t in range(self.steps)]
        self.nodes.append(helper.make_node("Split", [value], outputs, axis=0))
        return outputs

    def rows(self, value: str, *last: int) -> str:
        """(…, D) → (…, *last): the leading axes, of which a still value has two and another three, stay."""
        return self("Reshape", value, self.ints(*[0] * (2 if value in self.still else 3), *last))

    def passes_on(self, node: str, source: str) -> None:
        """What is computed of a still value is still."""
        if source in self.still:
            self.still.add(node)

    def constant(self, value: Any, dtype: Any, name: str | None = None) -> str:
        """An array that is part of the model; small ones need no name, and equal ones are stored once."""
        array = np.ascontiguousarray(np.asarray(value, dtype).reshape(np.shape(value)))
        name = name or f"{array.dtype}:{array.tolist()}"
        if name not in self.initializers:
            self.initializers[name] = numpy_helper.from_array(array, name)
        return name

    def ints(self, *values: int) -> str:
        """An int64 vector, as shapes and axes are."""
        return self.constant(values, np.int64)

    def cast(self, value: str, dtype: int, name: str | None = None) -> str:
        return self("Cast", value, to=dtype, name=name)

    def model(self, logits: str, doc: str, notes: Notes) -> onnx.ModelProto:
        """The whole, with inputs `input_ids` and `attention_mask` (B, N) int64 and the output `logits`, checked."""
        inputs = [
            helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "tokens"])
            for name in ("input_ids", "attention_mask")
        ]
        output = helper.make_empty_tensor_value_info(logits)
        graph = helper.make_graph(self.nodes, "spikebert", inputs, [output], list(self.initializers.values()))
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="spikebert",
            producer_version=__version__,
            doc_string=doc,
        )
        helper.set_model_props(model, {k: v if isinstance(v, str) else json.dumps(v) for k, v in asdict(notes).items()})
        size = model.ByteSize()
        if size >= LIMIT:
            raise InputError(f"the ONNX model would take {size:,} bytes; a file holds {LIMIT:,}. Use --to nir")
        try:
            model = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
            onnx.checker.check_model(model, full_check=True)
        except (onnx.shape_inference.InferenceError, onnx.checker.ValidationError) as error:
            # Names of nodes come from the file, and may be those of an input or of the output here.
            raise InputError(f"no valid ONNX model comes of these nodes: {reason_of(error)}") from None
        return model


def save(model: onnx.ModelProto, path: Any) -> None:
    write_atomically(Path(path), lambda temporary: temporary.write_bytes(model.SerializeToString()))


class Tables(Protocol):
    """What the embedding of an integer graph and of a float one tell."""

    @property
    def name(self) -> str: ...
    @property
    def word(self) -> NDArray: ...
    @property
    def position(self) -> NDArray | None: ...
    @property
    def separator(self) -> int: ...
    @property
    def shared_words(self) -> int: ...
    @property
    def neighbour(self) -> NDArray | None: ...


def embed(b: Builder, node: Tables, words: Any, positions: Any, dtype: int) -> str:
    """`word[token] + position[place] + beside`, (B, N) ids → (B, N, D); see `arithmetic.places` and `.beside`.

    Args:
        words, positions: NumPy's types of the tables of words and of positions.
        dtype: ONNX's type of the sum.
    """
    b.still.add(node.name)
    terms = [b("Gather", b.constant(node.word, words, f"{node.name}/word"), "input_ids", axis=0)]
    if node.position is not None:
        table = b.constant(node.position, positions, f"{node.name}/position")
        if node.separator < 0:
            tokens = b("Shape", "input_ids", start=1, end=2)
            terms.append(b("Slice", table, b.ints(0), tokens, b.ints(0)))
        else:
            terms.append(b("Gather", table, _places(b, node), axis=0))
    if node.neighbour is not None:
        terms.append(_beside(b, node.name, node.neighbour, words))
    total = b.cast(terms[0], dtype, name=None if terms[1:] else node.name)
    for term in terms[1:]:
        total = b("Add", total, b.cast(term, dtype), name=node.name if term is terms[-1] else None)
    return total


def _beside(b: Builder, name: str, neighbour: NDArray, dtype: Any) -> str:
    """(B, N, D): what the tokens beside each token add. Padding is no token: nothing is behind a text's last one."""
    nothing = len(neighbour)  # the number of a row of zeros, behind the rows of all tokens
    table = np.pad(neighbour, ((0, 1), (0, 0)))
    ids = b("Where", b.cast("attention_mask", TensorProto.BOOL), "input_ids", b.ints(nothing))
    longer = b("Pad", ids, b.ints(0, 1, 0, 1), b.constant(nothing, np.int64))  # (B, N + 2)
    tokens = b("Shape", "input_ids", start=1, end=2)
    halves = []
    for side, half, start in zip(("before", "behind"), np.split(table, 2, axis=1), (0, 2), strict=True):
        rows = b.constant(half, dtype, f"{name}/neighbour/{side}")
        there = b("Slice", longer, b.ints(start), b("Add", tokens, b.ints(start)), b.ints(1))  # (B, N)
        halves.append(b("Gather", rows, there, axis=0))
    return b("Concat", *halves, axis=2)


def _places(b: Builder, node: Tables) -> str:
    """(B, N): the row of the position table for each token of pairs of texts."""
    assert node.position is not None
    part = len(node.position) // (4 if node.shared_words else 2)
    found = b.cast(b("Equal", "input_ids", b.ints(node.separator)), TensorProto.INT64)
    before = b("CumSum", found, b.ints(1), exclusive=1)  # (B, N): separators before each token
    second = b.cast(b("Greater", before, b.ints(0)), TensorProto.INT64)
    ones = b.cast(b("Equal", "input_ids", "input_ids"), TensorProto.INT64)
    places = b("Add", b("CumSum", ones, b.ints(1), exclusive=1), b("Mul", second, b.ints(part)))
    if not node.shared_words:
        return places
    return b("Add", places, b("Mul", _shared(b, second), b.ints(2 * part)))


def _shared(b: Builder, second: str) -> str:
    """(B, N): 1 where a token stands in the other text of its pair, too. Padding has no token of a text's own."""

    def alike(values: str) -> str:
        """(B, N, N): which are equal."""
        return b("Equal", b("Unsqueeze", values, b.ints(2)), b("Unsqueeze", values, b.ints(1)))

    there = b.cast(b("Unsqueeze", "attention_mask", b.ints(1)), TensorProto.BOOL)
    same = b("And", b("And", alike("input_ids"), b("Not", alike(second))), there)
    return b("ReduceMax", b.cast(same, TensorProto.INT64), axes=[2], keepdims=0)


def heads_of(b: Builder, qkv: str, heads: int, width: int) -> Sequence[str]:
    """(T, B, N, 3 D) → Q, K, V, each (T, B, heads, N, D / heads)."""
    split = b("Reshape", qkv, b.ints(0, 0, 0, 3 * heads, width // heads))
    by_head = b("Transpose", split, perm=[0, 1, 3, 2, 4])
    return [b("Slice", by_head, b.ints(i * heads), b.ints((i + 1) * heads), b.ints(2)) for i in range(3)]


def coincidences(b: Builder, qkv: str, heads: int, width: int, name: str) -> str:
    """`Q (Kᵀ V)`, (T, B, N, 3 D), nothing on padding → (T, B, N, D), in the type of its input."""
    q, k, v = heads_of(b, qkv, heads, width)
    counts = b("MatMul", q, b("MatMul", b("Transpose", k, perm=[0, 1, 2, 4, 3]), v))
    tokens_first = b("Transpose", counts, perm=[0, 1, 3, 2, 4])
    return b("Reshape", tokens_first, b.ints(0, 0, 0, width), name=name)
