"""A peer counts the same: NeuroBench's SynapticOperations on the layers and spikes of a small exported network."""

import numpy as np
import pytest

from export.ir.graph import Linear
from simulate.counts import counts_of
from simulate.fast import FastSimulator
from tests.random_graph import random_graph


def peer_counts(weight, spikes):
    """Synaptic operations of a torch Linear on spikes (M, D_in), watched by NeuroBench's own hooks."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("neurobench")
    from neurobench.metrics.workload import SynapticOperations
    from neurobench.models import TorchModel

    layer = torch.nn.Linear(*weight.shape[::-1], bias=False)
    layer.weight.data = torch.tensor(weight, dtype=torch.float32)
    model = TorchModel(torch.nn.Sequential(layer))
    model.register_hooks()
    data = torch.tensor(spikes, dtype=torch.float32)
    counted = SynapticOperations()(model, model(data), (data, None))
    return {kind: round(value * len(data)) for kind, value in counted.items()}  # it gives means over the rows


def test_synaptic_operations_are_those_of_neurobench():
    graph, rng = random_graph(norm="batch", reset="zero"), np.random.default_rng(5)
    sentences = [rng.integers(0, 50, n) for n in (4, 9)]
    result = FastSimulator(graph).run(sentences, record=True)
    counts = counts_of(graph, result, [len(tokens) for tokens in sentences])
    ours = {op["name"]: op for op in counts["operations"] if op["kind"] == "linear"}
    binary = [n for n in graph if isinstance(n, Linear) and n.inputs[0] in result.spikes]
    assert len(binary) == 5  # the first QKV, both attention outputs and both MLP downs
    for node in binary:
        rows = result.spikes[node.inputs[0]].reshape(-1, node.weight.shape[1])
        theirs = peer_counts(node.weight, rows)
        assert theirs["Effective_MACs"] == 0
        # The peer takes weights of zero off; ours are synapses all the same, so they are put back.
        of_zero = (rows.sum(0, dtype=int) * (node.weight == 0).sum(0)).sum()
        assert theirs["Effective_ACs"] + of_zero == ours[node.name]["synaptic_operations"]
        assert theirs["Dense"] == 4 * ours[node.name]["dense_macs"]  # T = 4 steps


def test_where_the_peer_differs_it_is_in_graded_inputs():
    # It counts an input of 3 as one multiply-accumulate, as `input_events` does; ours are three accumulations.
    weight = np.ones((5, 4), np.int8)
    theirs = peer_counts(weight, np.array([[3, 0, 1, 1], [0, 2, 0, 0]]))
    assert (theirs["Effective_MACs"], theirs["Effective_ACs"]) == (4 * 5, 0)
