"""The parameters of NIR's own nodes: which there are, what they may be, and how wide a node they make."""

from __future__ import annotations

from typing import Any

import nir
import numpy as np
from numpy.typing import NDArray

from export.foreign.flatten import NodeDict
from spikebert.core.errors import InputError

Parameters = dict[str, NDArray[np.float64]]

# What a node must have, and what it may have with the value it then takes.
REQUIRED: dict[str, tuple[str, ...]] = {
    "Affine": ("weight", "bias"),
    "Linear": ("weight",),
    "Scale": ("scale",),
    "Threshold": ("threshold",),
    "Delay": ("delay",),
    "I": ("r",),
    "IF": ("r", "v_threshold"),
    "LI": ("tau", "r", "v_leak"),
    "LIF": ("tau", "r", "v_leak", "v_threshold"),
    "CubaLI": ("tau_syn", "tau_mem", "r", "v_leak"),
    "CubaLIF": ("tau_syn", "tau_mem", "r", "v_leak", "v_threshold"),
    "Input": (),
    "Output": (),
}
OPTIONAL: dict[str, dict[str, float]] = {
    "IF": {"v_reset": 0.0},
    "LIF": {"v_reset": 0.0},
    "CubaLI": {"w_in": 1.0},
    "CubaLIF": {"w_in": 1.0, "v_reset": 0.0},
}
POSITIVE = ("tau", "tau_syn", "tau_mem")


def parameters_of(name: str, kind: str, node: NodeDict) -> Parameters:
    """A node's parameters as float64: matrices (D, D_in), all others flat, of size D or 1.

    Raises:
        InputError: an unsupported class, a missing parameter, or one that is not finite numbers of a fitting shape.
    """
    if kind not in REQUIRED:
        raise InputError(f"node {name}: {kind} nodes are not supported; these are: {', '.join(REQUIRED)}, Flatten")
    optional = OPTIONAL.get(kind, {})
    given: dict[str, Any] = {**optional, **node}
    values: Parameters = {}
    for field in (*REQUIRED[kind], *optional):
        where = f"node {name}: {kind} parameter {field}"
        if field not in given:
            raise InputError(f"{where} is missing")
        values[field] = numbers(where, given[field], matrix=field == "weight")
        if field in POSITIVE and (values[field] <= 0).any():
            raise InputError(f"{where} must be above 0")
        if field == "delay" and (values[field] < 0).any():
            raise InputError(f"{where} must not be below 0")
    return values


def width_of(name: str, kind: str, node: NodeDict, values: Parameters, incoming: int | None) -> int:
    """The features D that a node gives, where `incoming` reach it (None: nothing does in the same step).

    An Input says it by itself; parameters of a single value hold for any width.
    """
    if kind == "Input":
        return int(np.prod(shape_of(f"node {name}: the shape", node.get("shape"))))
    if incoming is None:
        incoming = values["weight"].shape[1] if "weight" in values else max(v.size for v in values.values())
    if "weight" in values:
        outputs, inputs = values["weight"].shape
        if incoming != inputs:
            raise InputError(f"node {name}: {incoming} values reach its weight of shape ({outputs}, {inputs})")
        if values.get("bias", np.zeros(1)).size not in (1, outputs):
            raise InputError(f"node {name}: {values['bias'].size} biases for {outputs} outputs")
        return outputs
    for field, value in values.items():
        if value.size not in (1, incoming):
            raise InputError(f"node {name}: {incoming} values reach its {field} of {value.size}")
    return incoming


def node_of(kind: str, values: Parameters, width: int) -> nir.NIRNode:
    """The NIR node, each parameter spread to the node's width."""
    if kind in ("Input", "Output"):
        return getattr(nir, kind)(np.array([width]))
    full = {field: v if field == "weight" else np.broadcast_to(v, width).copy() for field, v in values.items()}
    return getattr(nir, kind)(**full)


def shape_of(where: str, value: Any) -> tuple[int, ...]:
    """A shape that a file states."""
    shape = numbers(where, value)
    if (shape < 1).any() or (shape % 1).any() or shape.prod() >= 2**31:
        raise InputError(f"{where} must be whole numbers from 1, not {np.array2string(shape, threshold=8)}")
    return tuple(shape.astype(int).tolist())


def numbers(where: str, value: Any, matrix: bool = False) -> NDArray[np.float64]:
    """A parameter as float64, flat unless it is a matrix."""
    if value is None or isinstance(value, (str, bytes, dict)):
        raise InputError(f"{where} is not numeric")
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise InputError(f"{where} must be numbers, not {array.dtype} of shape {array.shape}")
    if not array.size:
        raise InputError(f"{where} is empty: its shape is {array.shape}")
    if not np.isfinite(array).all():
        raise InputError(f"{where} is not finite")
    if matrix and array.ndim != 2:
        raise InputError(f"{where} must be a matrix, not of shape {array.shape}")
    return np.asarray(array, np.float64).reshape(array.shape if matrix else -1)
