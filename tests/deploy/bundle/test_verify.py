"""A team's own traces: what is wrong with them is found, and each planted fault is named."""

from dataclasses import replace

import numpy as np
import pytest

from deploy.bundle import golden
from deploy.bundle.diagnosis import Machine
from deploy.bundle.verify import Check, compare, summary
from export.ir.graph import LIF
from export.runtime.execute import execute
from export.runtime.kernels import LayerNormKernel
from spikebert.core.errors import InputError
from tests.random_graph import random_graph


def machine(node, current, strict=False, reset=None, rounding="zero", wraps=False):
    """A LIF in plain Python integers with a fault of one's choice: (T, M, D) → (T, M, D)."""
    steps, tokens, width = current.shape
    thresholds, biases = (np.broadcast_to(a, width).tolist() for a in (node.threshold, node.bias))
    train, kept = np.zeros(current.shape, np.uint8), 4096 - node.decay
    for m in range(tokens):
        for d in range(width):
            v = s = 0
            for t in range(steps):
                product = v * kept
                if rounding == "zero":
                    v = abs(product) // 4096 * (1 if product > 0 else -1)
                else:
                    v = product // 4096 if rounding == "down" else (product + 2048) // 4096
                if (reset or node.reset) == "zero":
                    v = 0 if s else v
                else:
                    v -= s * thresholds[d]
                v += 64 * int(current[t, m, d]) + biases[d]
                v = (v + 2**23) % 2**24 - 2**23 if wraps else max(1 - 2**23, min(2**23 - 1, v))
                s = int(v > thresholds[d] if strict else v >= thresholds[d])
                train[t, m, d] = s
    return train


def late(train):
    return np.concatenate([np.zeros_like(train[:1]), train[:-1]])


def sentences(count=12):
    rng = np.random.default_rng(5)
    return [rng.integers(0, 50, n) for n in rng.integers(2, 14, count)]


def verdicts(graph, theirs):
    return list(compare(graph, golden.compute(graph, sentences()), theirs))


def faulty(graph, layer, **fault):
    """The spikes of a layer, whose inputs are right, on a machine with that fault."""
    values = execute(graph, sentences())
    node = graph[layer]
    current = np.broadcast_to(values[node.inputs[0]], values[layer].shape)
    return machine(node, current, **fault)


@pytest.mark.parametrize("reset", ["subtract", "zero"])
def test_a_machine_without_fault_is_the_simulator(reset):
    graph = random_graph(norm="batch", reset=reset)
    values = execute(graph, sentences())
    for node in graph.neurons:
        current = np.broadcast_to(values[node.inputs[0]], values[node.name].shape)
        assert np.array_equal(machine(node, current), values[node.name])
        assert np.array_equal(Machine().run(node, current.astype(np.int64)), values[node.name])


@pytest.mark.parametrize(
    ("layer", "reset", "fault", "named"),
    [
        ("blocks.0.attention.lif", "subtract", {"strict": True}, "fires at v > threshold"),
        ("blocks.0.mlp.up.lif", "subtract", {"reset": "zero"}, "resets to zero; it must subtract"),
        ("blocks.0.mlp.up.lif", "zero", {"reset": "subtract"}, "it must reset to zero"),
        ("blocks.0.mlp.up.lif", "zero", {"rounding": "down"}, "the decay rounds down"),
        ("blocks.0.mlp.up.lif", "zero", {"rounding": "nearest"}, "the decay rounds to the nearest"),
        ("blocks.0.mlp.up.lif", "zero", {"wraps": True}, "wraps around at 24 bits"),
    ],
)
def test_a_planted_fault_of_the_neuron_is_named(layer, reset, fault, named):
    graph = random_graph(norm="batch", reset=reset, width=24)
    if "rounding" in fault:  # where thresholds are near the membranes, a rounding shows
        graph = with_neuron(graph, layer, threshold=np.array([1], np.int32), bias=np.array([-64], np.int32))
    if "wraps" in fault:
        graph = with_neuron(graph, layer, bias=np.array([-(2**22)], np.int32))
    (check,) = verdicts(graph, {layer: faulty(graph, layer, **fault)})
    assert f"layer {layer}" in check.fault
    assert named in check.fault


def with_neuron(graph, layer, **changes):
    return replace(graph, nodes=tuple(replace(n, **changes) if n.name == layer else n for n in graph))


def test_spikes_that_come_a_step_late_are_named():
    graph = random_graph(norm="batch", reset="zero")
    layer = "blocks.0.mlp.up.lif"
    (check,) = verdicts(graph, {layer: late(golden.compute(graph, sentences()).spikes[layer])})
    assert "one step late" in check.fault


def test_a_lost_last_bit_of_the_weights_is_named():
    graph = random_graph(norm="batch", reset="zero")
    layer, linear = "blocks.0.mlp.up.lif", "blocks.0.mlp.up.linear"
    even = with_neuron(graph, linear, weight=graph[linear].weight // 2 * 2)
    values = execute(graph, sentences())
    current = values[graph[linear].inputs[0]] @ even[linear].weight.T
    (check,) = verdicts(graph, {layer: machine(graph[layer], current)})
    assert "the last bit of the weights is lost (rounded down" in check.fault


def pairs():
    return [np.where(np.arange(len(tokens)) == len(tokens) // 2, 7, tokens % 9) for tokens in sentences()]


def embedded(graph, texts, neighbour, position):
    """The embedding (M, D) in plain loops. `position` is given a text and m, `neighbour` all texts and their m, too."""
    table, rows, start = graph.nodes[0], [], 0
    everything = np.concatenate(texts)
    for tokens in texts:
        for m in range(len(tokens)):
            row = table.word[tokens[m]].astype(int)
            row = row + position(tokens, m) + neighbour(tokens, m, everything, start + m)
            rows.append(row)
        start += len(tokens)
    return np.array(rows)


def halves(table, before, behind):
    zero, half = np.zeros(table.shape[1], int), table.shape[1] // 2
    return np.concatenate(
        [(zero if before is None else table[before])[:half], (zero if behind is None else table[behind])[half:]]
    )


@pytest.mark.parametrize("norm", ["batch", "layer"])
@pytest.mark.parametrize(
    "fault, named",
    [
        ("none left", "the table of neighbours is left out"),
        ("exchanged", "the halves of the neighbours are exchanged"),
        ("other texts", "a text's ends have neighbours in other texts"),
        ("no positions", "the positions are missing"),
        ("first text", "the second text has the positions of the first"),
        ("not marked", "the tokens of both texts have the positions of those of one text alone"),
        (None, None),
    ],
)
def test_a_planted_fault_of_the_embedding_is_named(norm, fault, named):
    graph = random_graph(norm=norm, reset="zero", neighbours=True, separator=7, shared_words=1)
    table, texts = graph.nodes[0], pairs()

    def neighbour(tokens, m, everything, place):
        if fault == "none left":
            return 0
        if fault == "other texts":
            tokens, m = everything, place
        before = tokens[m - 1] if m > 0 else None
        behind = tokens[m + 1] if m + 1 < len(tokens) else None
        return halves(table.neighbour, *((behind, before) if fault == "exchanged" else (before, behind)))

    def position(tokens, m):
        first = tokens.tolist().index(7)
        second, other = m > first, tokens[: first + 1] if m > first else tokens[first + 1 :]
        both = tokens[m] in other and fault != "not marked"
        row = m + 16 * (second and fault != "first text") + 32 * both
        return 0 if fault == "no positions" else table.position[row]

    current = embedded(graph, texts, neighbour, position)[None].astype(np.float32)
    if norm == "layer":
        current = LayerNormKernel(graph["embeddings.norm"])([current], [])[0]
    layer = graph["embeddings.lif"]
    theirs = {layer.name: machine(layer, np.broadcast_to(current, (graph.time_steps, *current.shape[1:])))}
    (check,) = compare(graph, golden.compute(graph, texts), theirs)
    assert check.fault is None if named is None else named in check.fault


def test_equal_layers_are_equal_and_what_lies_behind_a_fault_is_blamed_on_it():
    graph = random_graph(norm="batch", reset="zero")
    right = golden.compute(graph, sentences()).spikes
    wrong = dict(right)
    for name in ("blocks.0.mlp.up.lif", "blocks.0.mlp.down.lif"):
        wrong[name] = late(right[name])
    faults = {check.what: check.fault for check in verdicts(graph, wrong)}
    assert faults["their embeddings.lif"] is None
    assert "sample 0" in faults["their blocks.0.mlp.up.lif"]
    assert faults["their blocks.0.mlp.down.lif"].endswith("behind blocks.0.mlp.up.lif")


def test_noise_has_no_known_cause():
    graph = random_graph(norm="batch", reset="zero")
    spikes = golden.compute(graph, sentences()).spikes["embeddings.lif"].copy()
    spikes[1, 3, 5] ^= 1
    (check,) = verdicts(graph, {"embeddings.lif": spikes})
    assert "No single known cause" in check.fault
    assert "step 1" in check.fault
    assert f"; 1 of {spikes.size:,}" in check.fault


def test_at_a_flipped_spike_our_membrane_and_threshold_stand_beside_it():
    graph = random_graph(norm="batch", reset="zero")
    spikes = golden.compute(graph, sentences()).spikes["embeddings.lif"].copy()
    spikes[0, 3, 5] ^= 1
    (check,) = verdicts(graph, {"embeddings.lif": spikes})
    values = execute(graph, sentences())
    token = 3 - len(sentences()[0]) if len(sentences()[0]) <= 3 else 3
    v = 64 * int(values["embeddings.word"][0, 3, 5]) + int(graph["embeddings.lif"].bias[5])
    threshold = int(graph["embeddings.lif"].threshold[0])
    assert f"token {token}, neuron 5: " in check.fault
    assert f"our membrane there is {v:,}, the threshold {threshold:,}. " in check.fault


def test_a_fault_is_told_whatever_its_layer_is_called():
    assert str(Check("embeddings.files", "3 spikes differ")) == "embeddings.files: 3 spikes differ"
    assert [str(Check("Lava")), str(Check("3 files", good="ok"))] == ["Lava: equal", "3 files: ok"]


def test_the_last_line_sums_up_the_checks():
    assert summary([Check("a"), Check("Lava")]) == "all 2 checks passed"
    assert summary([Check("a"), Check("b")]) == "all 2 checks passed, without Lava"
    assert summary([Check("a"), Check("b", "differs"), Check("c", "x")]) == "2 of 3 checks failed: b, c"


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        ({"nonsense": np.zeros((1, 1, 1))}, "is no layer"),
        ({"embeddings.lif": np.zeros((4, 3, 12))}, r"\(4, 3, 12\)"),
        ({}, "holds no layer"),
        ({"embeddings.lif": np.array([{}])}, "not an .npz file of plain arrays"),
    ],
)
def test_traces_that_cannot_be_are_refused(tmp_path, arrays, told):
    graph = random_graph()
    np.savez(tmp_path / "theirs.npz", **arrays)
    with pytest.raises(InputError, match=told):
        golden.read_traces(tmp_path / "theirs.npz", graph, golden.compute(graph, sentences(2)))


def test_the_lengths_in_a_file_of_our_own_spikes_must_be_those_of_the_golden_texts(tmp_path):
    graph, path = random_graph(), tmp_path / "theirs.npz"
    stored = golden.compute(graph, sentences(2))
    np.savez(path, lengths=stored.lengths, **stored.spikes)
    assert list(golden.read_traces(path, graph, stored)) == list(stored.spikes)
    np.savez(path, lengths=stored.lengths[::-1] + 1, **stored.spikes)
    with pytest.raises(InputError, match="lengths are not those of the golden texts"):
        golden.read_traces(path, graph, stored)


def test_a_truncated_file_of_traces_is_refused(tmp_path):
    graph = random_graph()
    np.savez(tmp_path / "theirs.npz", **{"embeddings.lif": np.zeros((4, 3, 12))})
    content = (tmp_path / "theirs.npz").read_bytes()
    for end in (0, 10, len(content) // 2):
        (tmp_path / "theirs.npz").write_bytes(content[:end])
        with pytest.raises(InputError, match=r"theirs\.npz"):
            golden.read_traces(tmp_path / "theirs.npz", graph, golden.compute(graph, sentences(2)))


def test_every_layer_is_a_neuron_layer():
    graph = random_graph()
    assert [n.name for n in graph if isinstance(n, LIF)] == list(golden.compute(graph, sentences(2)).spikes)
