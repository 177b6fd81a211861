"""A mapped graph: all spikes arrive, no two cores share a place, and what does not fit is told with what would help."""

import json
from dataclasses import replace

import numpy as np
import pytest

from deploy.chips.chip import read_chip
from deploy.chips.mapping import map_graph
from deploy.chips.mapping_report import as_markdown, record_of
from deploy.chips.placement import _assign
from deploy.cli import main
from export.ir import nir
from simulate.energy.record import read_run
from spikebert.core.errors import InputError
from tests.random_graph import random_graph
from tests.simulate.example_run import example_run

LOIHI1, LOIHI2 = read_chip("loihi1"), read_chip("loihi2")


def test_what_does_not_fit_is_told_where_the_other_strategy_is_no_way_out_either():
    """Attention holds all steps there, and a core of this chip not even one row of it."""
    graph = random_graph(norm="batch", max_tokens=2, steps=16, hidden=16)
    chip = replace(LOIHI2, memory_per_core=26, synapse_memory_per_core=None)
    with pytest.raises(InputError, match=r"^unrolled needs \d+ cores, and 1 × loihi2 has 128: .* with --system 3$"):
        map_graph(graph, chip, "1")


@pytest.mark.parametrize("strategy", ["unrolled", "token-serial"])
@pytest.mark.parametrize("norm", ["layer", "batch"])
def test_every_core_has_a_place_of_its_own(strategy, norm):
    mapping = map_graph(random_graph(norm=norm), LOIHI2, strategy=strategy)
    places = set(zip(mapping.placement.chip.tolist(), mapping.placement.slot.tolist(), strict=True))
    assert len(places) == len(mapping.cores)


@pytest.mark.parametrize("strategy", ["unrolled", "token-serial"])
@pytest.mark.parametrize("levels", [1, 3])
def test_what_a_core_receives_is_what_its_sources_send(strategy, levels):
    """With every neuron firing, each synapse of a core is used in each step: messages × rows = operations."""
    graph = random_graph(norm="batch", reset="zero", levels=levels)
    mapping = map_graph(graph, LOIHI1, strategy=strategy)
    received = np.zeros(len(mapping.cores))
    np.add.at(received, mapping.traffic.target, mapping.traffic.events)
    for linear in (n for n in graph if n.name.endswith(".linear")):
        neurons = linear.name.replace(".linear", ".lif")
        arrived = sum(
            received[i] * (core.rows[1] - core.rows[0])
            for i, core in enumerate(mapping.cores)
            if core.population.name == neurons
        )
        assert arrived == pytest.approx(mapping.activity.operations[linear.name]), linear.name


@pytest.mark.parametrize("strategy", ["unrolled", "token-serial"])
def test_a_stream_of_currents_lies_with_the_neurons_that_read_it(strategy):
    graph = random_graph(norm="batch", reset="zero", residual="membrane")
    mapping = map_graph(graph, LOIHI2, strategy=strategy)
    placed = {core.population.name for core in mapping.cores}
    assert {n.name for n in graph.neurons} <= placed
    assert "blocks.1.mlp.add" in placed  # the last sum, which no neuron reads
    received = np.zeros(len(mapping.cores))
    np.add.at(received, mapping.traffic.target, mapping.traffic.events)
    steps, width = graph.time_steps, 12
    for name, branch, before in (
        ("blocks.0.mlp.entrance.lif", "blocks.0.attention.output.linear", width),  # of the embedding: once a token
        ("blocks.1.mlp.add", "blocks.1.mlp.down.linear", steps * width),
    ):
        at = [i for i, core in enumerate(mapping.cores) if core.population.name == name]
        fan_in = graph[branch].weight.shape[1]
        assert sum(received[at]) == mapping.activity.tokens * (steps * fan_in * len(at) + before)


def test_a_chip_without_graded_spikes_has_no_stream_of_currents():
    graph = random_graph(norm="batch", reset="zero", residual="membrane")
    with pytest.raises(InputError, match=r"layer blocks\.0\.attention\.entrance\.lif: a stream of currents travels as"):
        map_graph(graph, LOIHI1)


def test_a_layer_on_many_small_cores_costs_the_same_operations():
    graph = random_graph(norm="batch")
    small = replace(LOIHI2, neurons_per_core=20)
    energies = [map_graph(graph, chip, "50", strategy="token-serial").estimate.operations for chip in (LOIHI2, small)]
    assert energies[0] == pytest.approx(energies[1])


def test_token_serial_takes_a_pass_for_each_attention_and_one_more():
    found = map_graph(random_graph(blocks=3), LOIHI2, strategy="token-serial", tokens=10).estimate.runtime
    assert found.steps - found.depth == 4 * 10 * 4
    assert [each.steps for each in found.passes] == [10 * 4] * 4


@pytest.mark.parametrize("strategy", ["unrolled", "token-serial"])
@pytest.mark.parametrize("blocks", [1, 3])
def test_an_attention_that_the_host_computes_takes_a_step_like_one_on_a_core(strategy, blocks):
    graph = random_graph(norm="batch", reset="zero", blocks=blocks)
    assert map_graph(graph, LOIHI1, strategy=strategy).estimate.runtime.depth == 1 + 5 * blocks
    assert map_graph(graph, LOIHI2, strategy="unrolled").estimate.runtime.depth == 1 + 5 * blocks


def test_the_assignment_is_never_worse_than_the_order():
    rng = np.random.default_rng(0)
    flow, place = rng.random((9, 9)), np.arange(9)
    distance = (abs(place[:, None] // 3 - place // 3) + abs(place[:, None] % 3 - place % 3)).astype(float)
    found = _assign(flow, distance)
    assert sorted(found) == list(range(9))
    assert (flow * distance[np.ix_(found, found)]).sum() <= (flow * distance).sum()


def test_too_small_a_system_names_layer_limit_and_changes():
    with pytest.raises(InputError) as error:
        map_graph(random_graph(width=120, blocks=5, max_tokens=64, norm="batch"), LOIHI2, "1", "unrolled")
    message = str(error.value)
    for part in ("unrolled needs", "layer blocks.", "memory_per_core", "--system", "token-serial", "--tokens"):
        assert part in message, message


def test_the_command_writes_report_page_and_picture(tmp_path, capsys):
    nir.write(random_graph(norm="batch"), tmp_path / "model.nir")
    assert main(["map", str(tmp_path / "model.nir"), "-o", str(tmp_path / "map")]) == 0
    content = json.loads((tmp_path / "map" / "mapping.json").read_text("utf-8"))
    assert content["cores_used"] == len(content["cores"])
    assert "token-serial" in (tmp_path / "map" / "mapping.md").read_text("utf-8") or content["strategy"] == "unrolled"
    assert (tmp_path / "map" / "floorplan.svg").read_text("utf-8").count("<title>") == len(content["cores"])


@pytest.mark.parametrize(
    ("compiled", "told"),
    [(128, "2 on 1 of 1 chip of 128 cores; up to 128 as a published compiler packs weights, on 1 chip |"),
     (129, "packs weights, on 2 chips |"),
     (2, "2 on 1 of 1 chip of 128 cores |")],
)  # fmt: skip
def test_the_report_tells_the_chips_of_both_counts_of_cores(compiled, told):
    mapping = map_graph(random_graph(norm="batch"), LOIHI2)
    record = replace(record_of(mapping), cores_used=2, cores_compiled=compiled)
    assert told in as_markdown(record, LOIHI2.memory_per_core, LOIHI2.neurons_per_core)


def test_measured_counts_are_the_traffic_and_those_of_another_model_are_refused(tmp_path, capsys):
    run = example_run(tmp_path, norm="batch")
    record = read_run(run)
    graph = nir.read(tmp_path / "model.nir")
    mapping = map_graph(graph, LOIHI2, strategy="token-serial", run=record)
    expected = sum(x.input_events * x.outputs for x in record.linears())
    expected += sum(x.memory_first for x in record.attentions())  # cores hold Kᵀ V
    assert mapping.estimate.operations == pytest.approx(expected / record.samples)
    energy = mapping.estimate.picojoules["synaptic operations"]
    assert (energy.low, energy.high) == pytest.approx(
        (mapping.estimate.operations * 23.6, mapping.estimate.operations * 35.5)
    )
    nir.write(random_graph(seed=1), tmp_path / "other.nir")
    arguments = ["map", str(tmp_path / "other.nir"), "--counts", str(run / "counts.json"), "-o", str(tmp_path / "map")]
    assert main(arguments) == 2
    assert "counts of another model" in capsys.readouterr().err


def test_auto_takes_the_strategy_that_the_chip_can_hold():
    graph = random_graph(norm="batch", width=48, max_tokens=16)
    tight = replace(LOIHI2, input_axons_per_core=600)
    with pytest.raises(InputError, match="input_axons_per_core"):
        map_graph(graph, tight, strategy="unrolled")
    assert map_graph(graph, tight).strategy == "token-serial"


def test_unrolled_the_longest_step_is_that_of_a_core_whose_token_is_there(tmp_path):
    run = read_run(example_run(tmp_path, norm="batch"))
    graph, one_each = nir.read(tmp_path / "model.nir"), replace(LOIHI2, neurons_per_core=24, neuron_ns=0.0, link_ns=0.0)
    longest = [
        map_graph(graph, one_each, "200", "unrolled", run, tokens).estimate.runtime.longest.nanoseconds.low
        for tokens in (max(run.lengths), graph.max_tokens)
    ]
    assert longest[0] == pytest.approx(longest[1])


def test_a_run_of_longer_texts_than_are_mapped_for_is_refused(tmp_path):
    run = read_run(example_run(tmp_path))
    with pytest.raises(InputError, match="has a text of 4"):
        map_graph(nir.read(tmp_path / "model.nir"), LOIHI2, run=run, tokens=2)


def test_the_costs_of_a_chips_own_file_are_taken():
    graph, mine = random_graph(), replace(LOIHI2, synapse_ns=1000.0, hop_x_pj=0.0, synapse_pj=2.36, neuron_pj=0.0)
    theirs, own = (map_graph(graph, chip, strategy="token-serial").estimate for chip in (LOIHI2, mine))
    assert own.runtime.longest.nanoseconds.low > 10 * theirs.runtime.longest.nanoseconds.low
    assert own.picojoules["hops"].high < theirs.picojoules["hops"].high
    assert own.picojoules["synaptic operations"].low == pytest.approx(theirs.picojoules["synaptic operations"].low / 10)
    assert own.picojoules["neuron updates"].high == 0


def test_the_line_of_the_command_says_whether_it_is_the_worst_case_and_counts_may_be_a_folder(tmp_path, capsys):
    run = example_run(tmp_path, norm="batch")
    capsys.readouterr()
    model, out = str(tmp_path / "model.nir"), ["-o", str(tmp_path / "map")]
    assert main(["map", model, *out]) == 0
    assert "worst case" in capsys.readouterr().out
    written = []
    for counts in (run, run / "counts.json"):
        assert main(["map", model, "--counts", str(counts), *out]) == 0
        assert "worst case" not in capsys.readouterr().out
        written.append((tmp_path / "map" / "mapping.json").read_bytes())
    assert written[0] == written[1]
    assert main(["map", model, "--counts", str(run / "predictions.tsv"), *out]) == 2
    assert main(["map", model, "--counts", str(tmp_path / "none"), *out]) == 2


def test_sums_of_a_layer_norm_must_fit_the_payload_of_a_spike():
    with pytest.raises(InputError, match=r"linear: values of \d+ bits, and a spike of loihi2 carries 4"):
        map_graph(random_graph(norm="layer"), replace(LOIHI2, graded_bits=4))


def test_neurons_alone_are_updated_and_not_the_sums_before_a_layer_norm():
    updates = [
        map_graph(random_graph(norm=norm), LOIHI2, strategy="token-serial").estimate.picojoules["neuron updates"].low
        for norm in ("layer", "batch")
    ]
    assert updates[0] == pytest.approx(updates[1])


def test_a_mapping_that_fails_leaves_nothing(tmp_path, capsys):
    nir.write(random_graph(reset="subtract"), tmp_path / "model.nir")
    assert main(["map", str(tmp_path / "model.nir"), "--chip", "loihi1", "-o", str(tmp_path / "map")]) == 2
    assert "train with --reset zero" in capsys.readouterr().err
    assert not (tmp_path / "map").exists()
