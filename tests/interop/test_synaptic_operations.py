"""SpikingJelly's counter of synaptic operations on the matrix products of a small exported network.

syops, the other counter for spiking networks, wants neurons of a SpikingJelly that is no longer released, and prices a
layer by its mean rate: it counts no events.
"""

import json
import subprocess

import numpy as np
import pytest

from export.ir.graph import Attention, Linear
from simulate.counts import counts_of
from simulate.fast import FastSimulator
from tests.interop.test_stock_tools import PYTHON, ROOT
from tests.random_graph import random_graph

pytestmark = pytest.mark.skipif(not PYTHON.exists(), reason="no .venv-interop here; `make interop` builds it")
LENGTHS = (4, 9)


@pytest.fixture(scope="module")
def counted(tmp_path_factory):
    """(our operations by name, the peer's counts by product, the recorded spikes)."""
    graph, rng = random_graph(norm="batch", reset="zero"), np.random.default_rng(5)
    result = FastSimulator(graph).run([rng.integers(0, 50, n) for n in LENGTHS], record=True)
    products = {}
    for node in graph:
        if isinstance(node, Linear) and node.inputs[0] in result.spikes:
            products[node.name] = result.spikes[node.inputs[0]].reshape(-1, node.weight.shape[1]), node.weight.T
        if isinstance(node, Attention):
            products |= attention_products(node, result.spikes[node.inputs[0]])
    folder = tmp_path_factory.mktemp("synops")
    arrays = {f"{name}/a": a for name, (a, _) in products.items()} | {
        f"{name}/b": b for name, (_, b) in products.items()
    }
    np.savez(folder / "products.npz", **arrays)
    command = [PYTHON, ROOT / "interop" / "count_synops.py", folder / "products.npz", folder / "counts.json"]
    subprocess.run(list(map(str, command)), check=True, capture_output=True)
    ours = {op["name"]: op for op in counts_of(graph, result, list(LENGTHS))["operations"]}
    return ours, json.loads((folder / "counts.json").read_text("utf-8"))


def attention_products(node, qkv):
    """Each product of each head, step and text, by `node:kind:number`."""
    products, ends = {}, np.cumsum(LENGTHS)
    for text, (end, length) in enumerate(zip(ends, LENGTHS, strict=True)):
        for t, rows in enumerate(qkv[:, end - length : end]):
            parts = rows.reshape(length, 3, node.heads, -1).transpose(2, 1, 0, 3)  # (H, 3, N, D/H)
            for head, (q, k, v) in enumerate(parts):
                place = f"{text}.{t}.{head}"
                products |= {f"{node.name}:qk:{place}": (q, k.T), f"{node.name}:kv:{place}": (k.T, v)}
                products[f"{node.name}:qk_v:{place}"] = (q.astype(int) @ k.T.astype(int), v)
    return products


def of(counts, name, kind):
    return sum(n for key, n in counts.items() if key.startswith(f"{name}:{kind}:"))


def test_synaptic_operations_of_every_binary_linear_are_those_of_spikingjelly(counted):
    ours, theirs = counted
    linears = [name for name in theirs if ":" not in name]
    assert len(linears) == 5  # the first QKV, both attention outputs and both MLP downs
    assert {name: theirs[name] for name in linears} == {name: ours[name]["synaptic_operations"] for name in linears}


@pytest.mark.parametrize("kind", ["qk", "kv"])
def test_coincidences_of_two_spike_trains_are_those_of_spikingjelly(counted, kind):
    ours, theirs = counted
    for name in ("blocks.0.attention.coincidences", "blocks.1.attention.coincidences"):
        assert of(theirs, name, kind) == sum(ours[name][f"{kind}_per_step"]) > 0


def test_where_the_peer_differs_it_is_in_empty_places_of_the_attention_map(counted):
    # A V spike meets all tokens of the map there, also those where no Q and K met: ours counts what is not zero.
    ours, theirs = counted
    for name in ("blocks.0.attention.coincidences", "blocks.1.attention.coincidences"):
        assert of(theirs, name, "qk_v") > sum(ours[name]["qk_v_per_step"])
