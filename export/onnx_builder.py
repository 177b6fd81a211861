"""An ONNX model under construction: what the float model and the integer graph have in common.

All tensors between nodes are (T, B, N, D), padding included: T time steps in the leading axis, through which neurons go
step by step. Padded tokens emit no spikes and are in no mean, so that they change nothing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import DTypeLike
from onnx import TensorProto, helper, numpy_helper

from spikebert import __version__
from spikebert.errors import InputError
from spikebert.files import require_folder_of, write_atomically

Array = np.ndarray | np.generic

FORMAT = "spikebert-onnx"
FORMAT_VERSION = 1
OPSET, IR_VERSION = 17, 8  # of ONNX 1.12: the first with LayerNormalization
BYTES_MAX = 2**31 - 1  # of a protobuf message
IDS, MASK, LOGITS = "input_ids", "attention_mask", "logits"
SENTENCES: list[Any] = ["batch", "tokens"]  # the dynamic axes B and N


class Builder:
    """Collects ONNX nodes. Inputs of an operator are names of values, or arrays, which become constants."""

    def __init__(self, steps: int, dtype: DTypeLike):
        """`steps` is T; the values between nodes are of `dtype`."""
        self.steps, self.dtype = steps, np.dtype(dtype)
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.outputs: list[onnx.ValueInfoProto] = []
        self.scope = ""  # the node of the graph that is being built: it names what is made of it
        self.mask = self.op("Unsqueeze", self.op("Cast", MASK, to=TensorProto.BOOL), np.array([2]))  # (B, N, 1)

    def op(
        self, kind: str, *inputs: str | np.ndarray | np.generic, output: str | None = None, **attributes: Any
    ) -> str:
        """One operator with one output; gives the output's name."""
        (name,) = self._add(kind, inputs, [output or self._name(kind)], attributes)
        return name

    def split(self, value: str, parts: int, axis: int) -> list[str]:
        """Equal parts of an axis."""
        names = [self._name(f"part{i}") for i in range(parts)]
        return self._add("Split", (value,), names, {"axis": axis})

    def constant(self, array: Array) -> str:
        """The name of a constant, for one that is used more than once."""
        name = f"{self.scope}/constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array).reshape(np.shape(array)), name))
        return name

    def cast(self, value: str, dtype: DTypeLike) -> str:
        return self.op("Cast", value, to=helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def embedding(self, word: np.ndarray, position: np.ndarray | None) -> str:
        """`word[token] + position[place]`, the same in all steps."""
        y = self.cast(self.op("Gather", word, IDS), self.dtype)  # (B, N, D)
        if position is not None:
            tokens = self.op("Shape", IDS, start=1, end=2)
            places = self.op("Slice", position, np.array([0]), tokens)  # (N, D); fewer for a batch that is too wide
            y = self.op("Add", y, self.cast(places, self.dtype))
        return self.op("Expand", y, np.array([self.steps, 1, 1, 1]))

    def spikes(self, layer: str, width: int, steps: Sequence[str]) -> str:
        """The spikes of all steps (each (1, B, N, D) bool), none on padding; also an output of the model, uint8."""
        fired = self.op("And", self.op("Concat", *steps, axis=0), self.mask)
        self.op("Cast", fired, output=layer, to=TensorProto.UINT8)
        self.outputs.append(helper.make_tensor_value_info(layer, TensorProto.UINT8, [self.steps, *SENTENCES, width]))
        return self.cast(fired, self.dtype)

    def coincidences(self, qkv: str, heads: int, width: int) -> str:
        """`Q (K^T V)` per head: (T, B, N, 3 D) → (T, B, N, D), equal to `(Q K^T) V` in integers."""
        query, key, value = (
            self.op("Reshape", part, np.array([0, 0, 0, heads, width // heads])) for part in self.split(qkv, 3, axis=3)
        )
        query, value = (self.op("Transpose", part, perm=[0, 1, 3, 2, 4]) for part in (query, value))  # (T, B, H, N, ·)
        pairs = self.op("MatMul", self.op("Transpose", key, perm=[0, 1, 3, 4, 2]), value)
        counts = self.op("Transpose", self.op("MatMul", query, pairs), perm=[0, 1, 3, 2, 4])
        return self.op("Reshape", counts, np.array([0, 0, 0, width]))

    def sum_and_events(self, x: str) -> tuple[str, str]:
        """Σ over steps and tokens: (T, B, N, D) → (B, D); and T times the number of tokens: (B, 1).

        A sentence without tokens counts as one of a single token: nothing is ever divided by zero.
        """
        zero, one, steps = (np.array(value, self.dtype) for value in (0, 1, self.steps))
        total = self.op("ReduceSum", self.op("Where", self.mask, x, zero), np.array([0, 2]), keepdims=0)
        lengths = self.op("ReduceSum", self.cast(self.mask, self.dtype), np.array([1]), keepdims=0)
        return total, self.op("Mul", self.op("Max", lengths, one), steps)

    def finish(self, title: str, labels: Sequence[str], tokenizer: str, **metadata: Any) -> onnx.ModelProto:
        """The model, checked; `title` says what it computes. Its value LOGITS must have been made."""
        if sum(len(constant.raw_data) for constant in self.constants) > BYTES_MAX * 0.99:
            raise InputError("the model's weights are more than the 2 GB that an ONNX file holds")
        logits = helper.make_tensor_value_info(
            LOGITS, helper.np_dtype_to_tensor_dtype(self.dtype), ["batch", len(labels)]
        )
        inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, SENTENCES) for name in (IDS, MASK)]
        used = {name for node in self.nodes for name in node.input}  # with T = 1 nothing decays
        constants = [constant for constant in self.constants if constant.name in used]
        graph = helper.make_graph(self.nodes, "spikebert", inputs, [logits, *self.outputs], constants)
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="spikebert",
            producer_version=__version__,
            doc_string=title,
        )
        header = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "time_steps": self.steps,
            "labels": json.dumps(list(labels), ensure_ascii=False),
            "tokenizer": tokenizer,
            **metadata,
        }
        helper.set_model_props(model, {key: str(value) for key, value in header.items()})
        try:
            onnx.checker.check_model(model, full_check=True)
        except onnx.checker.ValidationError as error:  # names of nodes come from outside, and ONNX has rules for names
            raise InputError(f"no valid ONNX comes of this model: {str(error).splitlines()[0]}") from None
        return model

    def _name(self, what: str) -> str:
        return f"{self.scope}/{len(self.nodes)}.{what}"

    def _add(self, kind: str, inputs: Sequence[Any], outputs: list[str], attributes: dict[str, Any]) -> list[str]:
        names = [value if isinstance(value, str) else self.constant(value) for value in inputs]
        self.nodes.append(helper.make_node(kind, names, outputs, name=self._name(kind), **attributes))
        return outputs


def save(model: onnx.ModelProto, path: Path) -> None:
    """Write the file; it appears whole or not at all."""
    require_folder_of(path, "output file")
    write_atomically(path, lambda temporary: temporary.write_bytes(model.SerializeToString()))
