"""Biases on the grid of what neurons receive: the last step of lowering, over the integer graph."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from export.chains import stock_chains
from export.graph import INPUT_SHIFT, Graph


def align_biases(graph: Graph) -> Graph:
    """The graph with the biases of zero-reset neurons behind weights rounded to multiples of 2^INPUT_SHIFT.

    Such a bias is a whole number of weight units, as the threshold is that it is compared with; lava-dl's exchange
    format holds no finer one.
    """
    aligned = {layer.lif.name for chain in stock_chains(graph) for layer in chain if layer.lif.reset == "zero"}
    return replace(
        graph,
        nodes=tuple(
            replace(node, bias=_rounded(node.bias)) if node.name in aligned else node  # type: ignore[attr-defined]
            for node in graph
        ),
    )


def _rounded(bias: np.ndarray) -> np.ndarray:
    grid = 2**INPUT_SHIFT
    return (np.rint(bias / grid) * grid).astype(np.int32)
