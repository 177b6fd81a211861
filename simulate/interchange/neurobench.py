"""The metrics of a run under NeuroBench's names, as its `Benchmark.save_benchmark_results` writes them.

Definitions are those of NeuroBench 2.3.0, `neurobench/metrics/`. docs/interop.md tells where what is counted differs.
`SynapticOperationsByLayer` is ours: NeuroBench has layers for the sparsity of activations alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from export.ir.graph import Add, Graph, Linear, Readout
from simulate.counts import Tally, layer_of

if TYPE_CHECKING:
    from simulate.run import Run

Operations = dict[str, float]  # by the names of NeuroBench's SynapticOperations


def write(run: Run, path: Path) -> None:
    path.write_text(json.dumps(results(run), indent=4, ensure_ascii=False), "utf-8")


def results(run: Run) -> dict[str, Any]:
    """{metric: value}; texts without labels have no ClassificationAccuracy."""
    tally = Tally(run.graph, run.result, [len(tokens) for tokens in run.sentences])
    layers = [layer_of(node, tally) for node in run.graph.neurons]
    by_layer = _operations(run.graph, run.spikes, tally)
    kinds = ("Effective_MACs", "Effective_ACs", "Dense")
    return {
        **_static(run.graph),
        **({} if run.accuracy is None else {"ClassificationAccuracy": run.accuracy}),
        "ActivationSparsity": 1 - sum(layer.spikes for layer in layers) / sum(layer.updates for layer in layers),
        "ActivationSparsityByLayer": {layer.name: 1 - layer.rate for layer in layers},
        "SynapticOperations": {kind: sum(found[kind] for found in by_layer.values()) for kind in kinds},
        "SynapticOperationsByLayer": by_layer,
    }


def _static(graph: Graph) -> dict[str, Any]:
    """What the model is, before any text: its bytes, its numbers, and the share of its weights that are 0.

    A scale says what an integer is worth and takes part in no arithmetic, so it is not counted.
    """
    arrays = [array for node in graph for name, array in node.arrays.items() if name != "scale"]
    weights = [node.weight for node in graph if isinstance(node, (Linear, Readout))]
    zeros = sum(int((weight == 0).sum()) for weight in weights)
    return {
        "Footprint": sum(array.nbytes for array in arrays),
        "ParameterCount": sum(array.size for array in arrays),
        "ConnectionSparsity": round(zeros / sum(weight.size for weight in weights), 4),
    }


def _operations(graph: Graph, spikes: Mapping[str, NDArray[np.uint8]], tally: Tally) -> dict[str, Operations]:
    """The mean operations a text of each Linear and of the readout, biases left out.

    Effective ones meet neither an input nor a weight of zero. A Linear that was given a value above 1 is one of
    multiply-accumulates; the readout is another, and is taken to have no input of zero.
    """
    samples, found = len(tally.lengths), {}
    values: dict[str, NDArray] = dict(spikes)
    for node in graph:
        if isinstance(node, Add):
            first, *others = (values[source] for source in node.inputs)
            values[node.name] = sum(others, first.astype(np.int32))
        elif isinstance(node, Linear):
            inputs = values[node.inputs[0]]  # (T, M, D)
            events = (inputs != 0).sum((0, 1), dtype=np.int64)
            effective = int(events @ np.count_nonzero(node.weight, axis=0))
            kind = "Effective_MACs" if (inputs > 1).any() else "Effective_ACs"
            found[node.name] = _each(samples, tally.elements(node.weight.size), **{kind: effective})
        elif isinstance(node, Readout):
            effective = int(np.count_nonzero(node.weight)) * samples
            found[node.name] = _each(samples, node.weight.size * samples, Effective_MACs=effective)
    return found


def _each(samples: int, dense: int, Effective_MACs: int = 0, Effective_ACs: int = 0) -> Operations:
    """A text's share of each."""
    sums = {"Effective_MACs": Effective_MACs, "Effective_ACs": Effective_ACs, "Dense": dense}
    return {kind: total / samples for kind, total in sums.items()}
