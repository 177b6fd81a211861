"""A graph run whole on a few sentences, every value kept: for comparison and training, not for speed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from export.ir.arithmetic import Array
from export.ir.graph import Embedding, Graph
from export.ir.ranges import output_bounds
from export.runtime.kernels import make_kernel


def execute(graph: Graph, sentences: Sequence[np.ndarray]) -> dict[str, Array]:
    """The outputs of all nodes, (T, M, D) or (1, M, D) where constant over the steps; of the readout (B, labels)."""
    bounds, lengths = output_bounds(graph), [len(tokens) for tokens in sentences]
    values: dict[str, Array] = {}
    for node in graph:
        kernel = make_kernel(node, graph.time_steps, max((bounds[s] for s in node.inputs), default=0))
        inputs = [np.concatenate(sentences)] if isinstance(node, Embedding) else [values[s] for s in node.inputs]
        values[node.name] = kernel(inputs, lengths)
    return values
