"""The counts against plain loops: a network run spike by spike and counted one event at a time, sharing nothing."""

import json
import re
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from export.ir import nir
from export.ir.arithmetic import attention, heads_of
from export.ir.graph import LIF, NeuronLayer
from simulate import lava
from simulate.cli import main as simulate
from simulate.counts import counts_of, shape_of
from simulate.counts_schema import KINDS, LayerCount, Origin, PerSample, Shape, Totals
from simulate.energy import graded
from simulate.energy.record import read_run
from simulate.fast import FastSimulator
from spikebert.core.errors import InputError
from tests.random_graph import random_graph
from tests.simulate.example_run import example_run

BLOCKS, WIDTH, HEADS, STEPS = 2, 12, 2, 4


def sentences():
    rng = np.random.default_rng(3)
    return [rng.integers(0, 50, n) for n in (5, 1, 7)]


def naive_counts(spikes, lengths):
    """{(what, node): {(sentence, step): count}} by walking over every recorded spike."""
    counted = {}

    def add(what, node, sentence, t, n):
        cell = counted.setdefault((what, node), {})
        cell[sentence, t] = cell.get((sentence, t), 0) + n

    start = 0
    for sentence, length in enumerate(lengths):
        for t in range(STEPS):

            def rows(name, t=t, start=start, length=length):
                return spikes[name][t, start : start + length].tolist()

            for name, train in spikes.items():
                for row in rows(name):
                    for value in row:
                        add("spikes", name, sentence, t, value)
                assert train.max() <= 1
            stream = rows("embeddings.lif")
            for i in range(BLOCKS):
                attention, mlp = f"blocks.{i}.attention", f"blocks.{i}.mlp"
                for key, n in naive_attention(rows(f"{attention}.qkv.lif")).items():
                    add(key, f"{attention}.coincidences", sentence, t, n)
                linears = [(stream, f"{attention}.qkv"), (rows(f"{attention}.lif"), f"{attention}.output")]
                stream = naive_sum(stream, rows(f"{attention}.output.lif"))
                naive_stream(stream, f"{attention}.add", sentence, t, add)
                linears += [(stream, f"{mlp}.up"), (rows(f"{mlp}.up.lif"), f"{mlp}.down")]
                stream = naive_sum(stream, rows(f"{mlp}.down.lif"))
                naive_stream(stream, f"{mlp}.add", sentence, t, add)
                for inputs, name in linears:
                    outputs = len(rows(f"{name}.lif")[0])
                    for row in inputs:
                        for value in row:
                            for _ in range(value):
                                for _ in range(outputs):
                                    add("synaptic_operations", f"{name}.linear", sentence, t, 1)
        start += length
    return counted


def naive_sum(a, b):
    return [[x + y for x, y in zip(*rows, strict=True)] for rows in zip(a, b, strict=True)]


def naive_stream(stream, name, sentence, t, add):
    for row in stream:
        for value in row:
            add("events", name, sentence, t, int(value > 0))
            add("graded", name, sentence, t, int(value > 1))
            add("magnitude", name, sentence, t, value)


def naive_attention(qkv):
    """Every meeting of two spikes, then of a spike with what has met."""
    count = dict.fromkeys(("qk", "qk_v", "kv", "q_kv", "triples"), 0)
    tokens, size = range(len(qkv)), WIDTH // HEADS
    for head in range(HEADS):
        q, k, v = ([row[part * WIDTH + head * size :][:size] for row in qkv] for part in range(3))
        for m in tokens:
            for n in tokens:
                pairs = sum(q[m][d] and k[n][d] for d in range(size))
                count["qk"] += pairs
                for e in range(size):
                    if v[n][e] and pairs:
                        count["qk_v"] += 1
                        count["triples"] += pairs
        for d in range(size):
            for e in range(size):
                met = sum(k[n][d] and v[n][e] for n in tokens)
                count["kv"] += met
                if met:
                    count["q_kv"] += sum(q[m][d] for m in tokens)
    return count


@pytest.fixture(scope="module", params=["layer", "batch"])
def run(request):
    graph = random_graph(width=WIDTH, heads=HEADS, blocks=BLOCKS, steps=STEPS, norm=request.param, reset="zero")
    result = FastSimulator(graph).run(sentences(), record=True)
    lengths = [len(tokens) for tokens in sentences()]
    return graph, result, lengths, naive_counts(result.spikes, lengths)


def per_step(cells):
    return [sum(n for (_, t), n in cells.items() if t == step) for step in range(STEPS)]


def per_sample(counted, *whats):
    """The sum over all nodes of what is counted, for each sentence."""
    chosen = [cells for (what, _), cells in counted.items() if what in whats]
    return [sum(n for cells in chosen for (s, _), n in cells.items() if s == sample) for sample in range(3)]


def test_every_count_of_every_step_is_that_of_plain_loops(run):
    graph, result, lengths, naive = run
    counts = counts_of(graph, result, lengths)
    found = {("spikes", layer["name"]): layer["spikes_per_step"] for layer in counts["layers"]}
    for operation in counts["operations"]:
        for field, values in operation.items():
            if field.endswith("_per_step"):
                found[field.removesuffix("_per_step"), operation["name"]] = values
    assert found == {key: per_step(cells) for key, cells in naive.items()}


def test_every_count_of_every_sample_is_that_of_plain_loops(run):
    graph, result, lengths, naive = run
    assert counts_of(graph, result, lengths)["per_sample"] == {
        "spikes": per_sample(naive, "spikes"),
        "synaptic_operations": per_sample(naive, "synaptic_operations"),
        "attention_pairs_first": per_sample(naive, "qk", "qk_v"),
        "attention_memory_first": per_sample(naive, "kv", "q_kv"),
    }


def test_the_output_of_attention_sums_to_the_triples(run):
    _, result, lengths, naive = run
    for name in ("blocks.0.attention", "blocks.1.attention"):
        spikes = result.spikes[f"{name}.qkv.lif"].astype(np.float32)
        output = attention(heads_of(spikes, lengths, HEADS), lengths)
        assert output.sum() == sum(naive["triples", f"{name}.coincidences"].values())


def test_each_spike_of_each_level_of_the_embedding_is_an_event_of_the_stream():
    graph = random_graph(levels=3)
    result = FastSimulator(graph).run(sentences(), record=True)
    operations = {o["name"]: o for o in counts_of(graph, result, [5, 1, 7])["operations"]}
    levels = [result.spikes[name] for name in ("embeddings.lif", "embeddings.levels.0.lif", "embeddings.levels.1.lif")]
    assert operations["blocks.0.attention.qkv.linear"]["input_magnitude"] == sum(int(t.sum()) for t in levels)


def test_a_stream_of_three_inputs_is_two_additions_an_element(tmp_path):
    folder = example_run(tmp_path, blocks=1, norm="batch")
    plain = read_run(folder)
    (first, second), model = plain.streams(), tmp_path / "model.nir"
    graph = nir.read(model)
    twice = [replace(n, inputs=(*n.inputs, n.inputs[-1])) if n.name == first.name else n for n in graph]
    nir.write(replace(graph, nodes=tuple(twice)), model)
    assert simulate([str(model), "--data", str(tmp_path / "dev.tsv"), "--out", str(tmp_path / "twice")]) == 0
    found, other = read_run(tmp_path / "twice").streams()
    assert (first.additions, found.additions) == (first.elements, 2 * first.elements)
    assert second.additions == other.additions == other.elements
    runs = [folder, tmp_path / "twice"]
    priced = [{term.name: term.operations for term in graded.account(read_run(run)).terms} for run in runs]
    assert [terms[first.name] for terms in priced] == [first.elements, 2 * first.elements]


def test_each_value_that_the_embedding_looks_up_is_counted_once_those_of_neighbours_too():
    elements = {}
    for neighbours in (False, True):
        graph = random_graph(neighbours=neighbours)
        counts = counts_of(graph, FastSimulator(graph).run(sentences()), [5, 1, 7])
        elements[neighbours] = counts["operations"][0]["elements"]
    halves_before = halves_behind = 4 + 0 + 6  # of each text all tokens but one have a token on that side
    assert elements[False] == 13 * WIDTH
    assert elements[True] == 13 * WIDTH + (halves_before + halves_behind) * WIDTH // 2


def test_dead_and_saturated_neurons_are_those_of_the_recorded_spikes(run):
    graph, result, lengths, _ = run
    for layer in counts_of(graph, result, lengths)["layers"]:
        rates = result.spikes[layer["name"]].mean((0, 1))
        assert layer["dead"] == sum(rate == 0 for rate in rates)
        assert layer["saturated"] == sum(rate >= 0.95 for rate in rates)


@pytest.mark.needs("lava")
@pytest.mark.parametrize("granularity", ["block", "layer", "stock"])
def test_lava_counts_what_the_fast_simulator_counts(granularity):
    graph = random_graph(width=384, blocks=1, norm="batch", reset="zero")
    lengths = [len(tokens) for tokens in sentences()]
    fast = FastSimulator(graph).run(sentences(), record=True)
    assert any(train.sum(2, dtype=int).max() > 256 for train in (fast.spikes or {}).values())  # of one token and step
    expected = counts_of(graph, fast, lengths)
    counts = counts_of(graph, lava.run(graph, sentences(), granularity, rows=8, deadline=120), lengths)
    if granularity != "stock":  # the other processes show no single neurons unless spikes are recorded
        for layer in expected["layers"]:
            layer.update(dead=None, saturated=None)
    assert counts == expected


def test_the_batches_do_not_change_the_counts(monkeypatch):
    graph, lengths = random_graph(), [len(tokens) for tokens in sentences()]
    together = counts_of(graph, FastSimulator(graph).run(sentences()), lengths)
    monkeypatch.setattr("simulate.fast.ROWS", 4)
    assert counts_of(graph, FastSimulator(graph).run(sentences()), lengths) == together


def test_the_page_of_the_schema_names_every_field(tmp_path):
    folder = example_run(tmp_path, blocks=1)
    text = (Path(__file__).parents[2] / "docs" / "counts.md").read_text("utf-8")
    counts = json.loads((folder / "counts.json").read_text("utf-8"))
    names = set(counts) | set(counts["model"]) | set(counts["run"]) | set(counts["per_sample"])
    for item in counts["layers"] + counts["operations"]:
        names |= set(item)
    assert [name for name in sorted(names) if f"`{name}`" not in text] == []
    assert read_run(folder).samples == 3


@pytest.mark.parametrize("norm", ["layer", "batch"])
def test_the_shape_is_read_from_the_nodes_and_not_from_their_names_or_the_provenance(norm):
    graph = random_graph(norm=norm, hidden=20)
    names = {node.name: f"n{i}" for i, node in enumerate(graph)}
    nodes = tuple(replace(n, name=names[n.name], inputs=tuple(names[i] for i in n.inputs)) for n in graph)
    shape = shape_of(replace(graph, nodes=nodes, metadata={}))
    assert shape.norm == norm
    assert shape.intermediate_size == 20


def test_the_page_tells_every_field_that_the_file_declares():
    page = (Path(__file__).parents[2] / "docs/counts.md").read_text("utf-8")
    told = set(re.findall(r"`(\w+)`", page))
    records = (Totals, Shape, Origin, PerSample, LayerCount, *KINDS.values())
    assert {field.name for record in records for field in fields(record)} - told == set()
    assert KINDS.keys() - told == set()


class Other(NeuronLayer):
    """A kind of neuron of which nothing says what an update costs."""


def test_neurons_whose_updates_have_no_price_are_not_counted_as_lif():
    graph = random_graph()
    result = FastSimulator(graph).run(sentences())
    nodes = (Other(node.name, node.inputs, **node.fields) if isinstance(node, LIF) else node for node in graph)
    with pytest.raises(InputError, match=r"layer embeddings.lif: these are Other neurons, and the accountings know"):
        counts_of(replace(graph, nodes=tuple(nodes)), result, [len(tokens) for tokens in sentences()])
