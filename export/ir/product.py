"""Exact products by ONNX Runtime, which picks its kernels by the instructions that this processor has.

NumPy multiplies integers one by one, and floating-point numbers with whatever kernels its BLAS takes the processor for:
on one that it does not know, those of twenty years ago. Spikes times weights go through 8-bit dot products, several
times the speed of float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

# A processor without 8-bit dot products adds two products at a time in 16 bits, which saturate: 2 · 128 · 127 < 2^15.
INPUT_MAX = 128
WEIGHT_MAX = 127
# On a processor with AMX, ONNX Runtime 1.23 leaves a part of 17 to 31 outputs unwritten, of 32 rows or more.
# Its pull request 27671, of March 2026, corrects that kernel.
UNSAFE_OUTPUTS = range(17, 32)


class IntegerProduct:
    """`y = W x`, exact: (M, D_in) uint8 of at most INPUT_MAX → (M, D_out) int32, if no sum can leave int32.

    It runs on the thread that calls it, and several may.
    """

    def __init__(self, weight: NDArray[np.int8]):
        """`weight` (D_out, D_in), within ±WEIGHT_MAX."""
        self.outputs = len(weight)
        weight = safe(weight)
        self.session = _session(
            helper.make_node("MatMulInteger", ["x", "w"], ["y"]),
            [helper.make_tensor_value_info("x", TensorProto.UINT8, ["M", weight.shape[1]])],
            helper.make_tensor_value_info("y", TensorProto.INT32, ["M", weight.shape[0]]),
            [numpy_helper.from_array(np.ascontiguousarray(weight.T), "w")],
        )

    def __call__(self, x: NDArray[np.uint8]) -> NDArray[np.int32]:
        (y,) = self.session.run(None, {"x": x})
        return np.ascontiguousarray(y[:, : self.outputs])  # type: ignore[call-overload, index]


def safe(weight: NDArray[np.int8]) -> NDArray[np.int8]:
    """(D_out, D_in), with outputs of zeros besides where every ONNX Runtime would not compute those of `weight`."""
    more = UNSAFE_OUTPUTS.stop - len(weight) if len(weight) in UNSAFE_OUTPUTS else 0
    return np.pad(weight, ((0, more), (0, 0)))


def matmul(a: NDArray[np.float32], b: NDArray[np.float32], transposed: str = "") -> NDArray[np.float32]:
    """`a @ b` with the same leading axes, (..., N, K) and (..., K, M) → (..., N, M); `transposed` "a" or "b" swaps the
    last two axes of that one first. Integers are exact while no sum reaches 2^24.
    """
    (y,) = _matmul(transposed).run(None, {"a": a, "b": b})
    return y  # type: ignore[return-value]


@cache
def _matmul(transposed: str) -> onnxruntime.InferenceSession:
    swap_a, swap_b = int(transposed == "a"), int(transposed == "b")
    a, b, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in "aby")
    node = helper.make_node("FusedMatMul", ["a", "b"], ["y"], domain="com.microsoft", transA=swap_a, transB=swap_b)
    return _session(node, [a, b], y)


def _session(node: NodeProto, inputs: list, output, constants: Sequence[TensorProto] = ()):
    """A node made ready to run on the thread that calls it."""
    graph = helper.make_graph([node], "product", inputs, [output], constants)
    operators = [helper.make_opsetid("", 13), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=operators, ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
