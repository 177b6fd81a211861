"""Products of small integers on a processor's 8-bit dot products, by ONNX Runtime: several times the speed of float32.

NumPy has none: it multiplies integers one by one, and floating-point numbers with whatever kernels its BLAS takes this
processor for.
"""

from __future__ import annotations

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

# A processor without 8-bit dot products adds two products at a time in 16 bits, which saturate: 2 · 128 · 127 < 2^15.
INPUT_MAX = 128
WEIGHT_MAX = 127


class IntegerProduct:
    """`y = W x`, exact: (M, D_in) uint8 of at most INPUT_MAX → (M, D_out) int32, if no sum can leave int32.

    It runs on the thread that calls it, and several may.
    """

    def __init__(self, weight: NDArray[np.int8]):
        """`weight` (D_out, D_in), within ±WEIGHT_MAX."""
        outputs, inputs = weight.shape
        graph = helper.make_graph(
            [helper.make_node("MatMulInteger", ["x", "w"], ["y"])],
            "product",
            [helper.make_tensor_value_info("x", TensorProto.UINT8, ["M", inputs])],
            [helper.make_tensor_value_info("y", TensorProto.INT32, ["M", outputs])],
            [numpy_helper.from_array(np.ascontiguousarray(weight.T), "w")],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])

    def __call__(self, x: NDArray[np.uint8]) -> NDArray[np.int32]:
        (y,) = self.session.run(None, {"x": x})
        return y  # type: ignore[return-value]
