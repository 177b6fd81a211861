"""Higher thresholds for fewer spikes: a knob on the integer graph, after training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from export.ir.arithmetic import STATE_MAX
from export.ir.graph import INPUT_SHIFT, Graph, NeuronLayer
from export.ir.validate import validate
from spikebert.core.errors import InputError


def scale_thresholds(graph: Graph, factor: float) -> Graph:
    """The graph with the thresholds of all neurons times `factor`.

    A threshold on Loihi's grid, 64 · vth + 1, stays on it. An InputError names a layer whose threshold would leave the
    24-bit state, or vanish.
    """
    if not factor > 0:
        raise InputError(f"{factor:g}: must be above 0", field="threshold_scale")
    metadata = {**graph.metadata, "threshold_scale": factor * scale_of(graph.metadata)}
    nodes = tuple(_scaled(node, factor) if isinstance(node, NeuronLayer) else node for node in graph)
    return validate(replace(graph, nodes=nodes, metadata=metadata))


def scale_of(metadata: Mapping[str, Any]) -> float:
    """What a model's provenance says that its thresholds were scaled by: 1 where it says nothing, or no number."""
    scale = metadata.get("threshold_scale")
    return float(scale) if isinstance(scale, int | float) else 1.0


def _scaled(node: NeuronLayer, factor: float) -> NeuronLayer:
    unit = 2**INPUT_SHIFT
    on_grid = bool((node.threshold % unit == 1).all())
    scaled = node.threshold.astype(np.float64) * factor
    scaled = np.rint((scaled - 1) / unit) * unit + 1 if on_grid else np.rint(scaled)
    if scaled.min() < 1 or scaled.max() > STATE_MAX:
        raise InputError(
            f"layer {node.name}: thresholds of {scaled.min():.6g} to {scaled.max():.6g} do not fit 1 to {STATE_MAX}"
        )
    return replace(node, threshold=scaled.astype(np.int32))
