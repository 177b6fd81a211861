"""A mapping for SANA-FE: every neuron on its core, the spikes of the run in their steps, files that hold together."""

import json
from dataclasses import replace

import numpy as np
import pytest
import yaml

from deploy.chips.chip import read_chip
from deploy.chips.costs import HIGH, LOW, costs_at
from deploy.chips.mapping import map_graph
from deploy.chips.sanafe import run as script
from deploy.chips.sanafe import write as sanafe
from deploy.chips.sanafe.network import FROM_HOST, WEIGHTS, network_of
from deploy.cli import main
from export.ir import nir
from simulate.energy.record import read_run
from spikebert.core.errors import InputError
from tests.random_graph import random_graph
from tests.simulate.example_run import example_run

LOIHI1, LOIHI2 = read_chip("loihi1"), read_chip("loihi2")
SMALL = replace(LOIHI2, neurons_per_core=24)  # layers on several cores
MEMBRANE = {"norm": "batch", "reset": "zero", "residual": "membrane"}
SHAPES = {
    "spikes": {"norm": "layer"},
    "membrane": MEMBRANE,
    "attention alone": {**MEMBRANE, "attention_only": True},
}


@pytest.fixture(scope="module", params=SHAPES)
def folder(request, tmp_path_factory):
    return example_run(tmp_path_factory.mktemp(request.param), **SHAPES[request.param])


@pytest.fixture(scope="module")
def mapped(folder):
    run = read_run(folder)
    graph = nir.read(folder.parent / "model.nir")
    mapping = map_graph(graph, SMALL, "4", "token-serial", run)
    return mapping, run, sanafe.prepare(mapping, run)


def body(mapping, network, name):
    place = [cut.population.name for cut in mapping.cuts].index(name)
    return next(group for group in network.groups.values() if group.name.startswith(f"p{place}_"))


def test_each_layer_fires_as_it_did_in_the_run(mapped):
    mapping, run, network = mapped
    for layer in run.layers:
        assert body(mapping, network, layer.name).trains.sum() == layer.spikes, layer.name


def test_a_text_takes_the_steps_of_the_estimate(mapped):
    mapping, run, network = mapped
    length = round(mapping.activity.tokens)
    alone = network_of(mapping, sanafe.read_spikes(mapping, run), [length])
    assert alone.steps == mapping.estimate.runtime.steps
    assert network.texts == 3 and network.steps == sum(
        network_of(mapping, sanafe.read_spikes(mapping, run), [n]).steps for n in run.lengths
    )


def test_a_layer_fires_one_step_after_the_layer_that_it_reads(mapped):
    mapping, _, network = mapped
    named = [cut.population.name for cut in mapping.cuts]
    for name, later in (("blocks.1.mlp.up.lif", 1), ("blocks.1.attention.qkv.lif", 1), ("blocks.0.attention.lif", 1)):
        if name not in named:  # a block of attention alone
            continue
        population = next(cut.population for cut in mapping.cuts if cut.population.name == name)
        read = body(mapping, network, population.inputs[0].source).trains
        begin = read.any(1).nonzero()[0][0]
        assert not body(mapping, network, name).trains[: begin + later].any()


def test_neurons_lie_on_the_cores_of_the_mapping(mapped):
    mapping, _, network = mapped
    mesh, placement = mapping.placement.mesh, mapping.placement
    rows = mesh.rows * -(-placement.chips // mesh.chip_columns)
    for i, core in enumerate(mapping.cores):
        places = body(mapping, network, core.population.name).places[slice(*core.rows)]
        tile = placement.x[i] * rows + placement.y[i]
        assert (places == [tile, placement.slot[i] % mesh.cores_per_tile]).all()


def test_synapses_with_weights_are_read_as_often_as_the_run_counted(mapped):
    mapping, run, network = mapped
    counted = sum(op.input_events * op.outputs for op in run.linears())
    assert network.operations()[WEIGHTS] == counted
    assert sanafe.operations_by_kind(mapping)[WEIGHTS] == pytest.approx(counted / run.samples)


def test_messages_are_those_of_the_estimate_where_all_neurons_fire_alike(mapped):
    mapping, _, _ = mapped
    worst = map_graph(mapping.graph, SMALL, "4", "token-serial", tokens=8)
    steps = mapping.graph.time_steps
    spikes = {lif.name: np.ones((steps, 8, lif.width), np.uint8) for lif in mapping.graph.neurons}
    hops = worst.estimate.hops
    assert network_of(worst, spikes, [8]).messages() == pytest.approx(hops.messages - hops.to_host)


def counted(soma):
    """A unit `kind[0..n-1]` of the file: its kind and n."""
    kind, _, numbers = soma["name"][:-1].partition("[")
    return kind, int(numbers.partition("..")[2]) + 1


def architecture(folder, end):
    return yaml.safe_load((folder / f"architecture-{end}.yaml").read_text("utf-8"))["architecture"]


def test_the_files_hold_together(mapped, tmp_path):
    mapping, _, network = mapped
    sanafe.write(mapping, network, tmp_path / "sanafe")
    assert {p.name for p in (tmp_path / "sanafe").iterdir() if not p.name.startswith(".")} == set(sanafe.FILES)
    written = yaml.safe_load((tmp_path / "sanafe/network.yaml").read_text("utf-8"))
    chip = architecture(tmp_path / "sanafe", LOW)
    units = {  # {tile.core: how many of each kind of neuron it holds}
        f"{t}.{c}": dict(map(counted, core["soma"]))
        for t, tile in enumerate(chip["tile"])
        for c, core in enumerate(tile["core"])
    }
    groups = {group["name"]: group["neurons"] for group in written["network"]["groups"]}
    assert {name: len(neurons) for name, neurons in groups.items()} == {
        name: len(group.places) for name, group in network.groups.items()
    }
    seen = set()
    for line in written["mappings"]:
        (parts,) = line.values()
        place, soma = parts[0]["core"], parts[1]["soma"]
        kind, _, number = soma[:-1].partition("[")
        assert int(number) < units[str(place)][kind]
        seen.add((str(place), soma))
    assert len(seen) == len(written["mappings"]) == sum(map(len, groups.values()))
    for edge in written["network"]["edges"]:
        ((ends, parts),) = edge.items()
        source, _, target = ends.partition(" -> ")
        given = {key: value for part in parts for key, value in part.items()}
        wanted = len(given.get("source_target_pairs", [])) or len(groups[source]) * len(groups[target])
        assert len(given["weight"]) == wanted and not any(given["weight"])


def test_the_chip_has_the_numbers_of_its_file_at_both_ends(mapped, tmp_path):
    mapping, _, network = mapped
    sanafe.write(mapping, network, tmp_path / "sanafe")
    found = {}
    for end in (LOW, HIGH):
        chip, costs = architecture(tmp_path / "sanafe", end), costs_at(SMALL, end)
        core = chip["tile"][0]["core"][0]
        prices = [core["synapse"][0], core["axon_out"][0], core["soma"][0]]
        found[end] = [chip["attributes"]["latency_sync"], *(price["attributes"] for price in prices)]
        assert found[end][0] == pytest.approx(costs["barrier_ns"] * 1e-9)
        assert found[end][1]["energy_process_spike"] == pytest.approx(costs["synapse_pj"] * 1e-12)
        assert found[end][2]["energy_message_out"] == pytest.approx(costs["spike_pj"] * 1e-12)
        assert len(chip["tile"]) == chip["attributes"]["width"] * chip["attributes"]["height"]
    assert found[LOW][0] < found[HIGH][0]


def test_energy_and_time_of_the_other_simulator_stand_from_low_to_high(mapped):
    mapping, _, network = mapped
    named = ("messages", "operations", "hops_east_west", "hops_north_south")
    counts = dict.fromkeys((*named, *(f"{hops}_from_host" for hops in named[2:])), 3)
    energies = dict.fromkeys(("synapse", "soma", "network"), 3e-6)
    found = {
        end: counts
        | {key: value * factor for key, value in energies.items()}
        | {"seconds": 6e-6 * factor, "longest": 0}
        for end, factor in ((LOW, 1.0), (HIGH, 1234.0))
    }
    table = {name: (ours, theirs) for name, ours, theirs in script.rows(sanafe.figures(mapping, network), found)}
    assert table["energy of synapses, µJ"][1] == "1.00 to 1,230"
    assert table["time of a text, µs"][1] == "2.00 to 2,470"
    assert " to " in table["time of a text, µs"][0] and table["longest step, µs"][1] == "0"
    assert table["messages to cores"][1] == "1.0"


def test_a_chip_that_leaves_attention_to_the_host_has_a_network_too(tmp_path):
    run = read_run(example_run(tmp_path, norm="batch", reset="zero"))
    mapping = map_graph(nir.read(tmp_path / "model.nir"), LOIHI1, "1", "token-serial", run)
    network = sanafe.prepare(mapping, run)
    sent = [name for name in network.groups if name.startswith("host_blocks_0_attention_lif")]
    assert sent and network.operations()[FROM_HOST] > 0


def test_unrolled_is_refused_by_name(tmp_path):
    run = read_run(example_run(tmp_path))
    mapping = map_graph(random_graph(), LOIHI2, strategy="unrolled")
    with pytest.raises(InputError, match="unrolled: its weights are there once a token"):
        network_of(mapping, {}, list(run.lengths))


def test_more_connections_than_sanafe_holds_are_refused_with_their_number(mapped, monkeypatch):
    mapping, run, network = mapped
    count = sum(len(network.pairs(each)) for each in network.connections)
    monkeypatch.setattr("deploy.chips.sanafe.network.MOST", count - 1)
    with pytest.raises(InputError, match=f"{count:,} connections"):
        sanafe.prepare(mapping, run)


def test_the_command_writes_both_folders(folder, tmp_path, capsys):
    model = str(folder.parent / "model.nir")
    arguments = ["map", model, "--strategy", "token-serial", "-o", str(tmp_path / "map")]
    assert main([*arguments, "--counts", str(folder), "--sanafe", str(tmp_path / "sanafe")]) == 0
    assert "run.py" in capsys.readouterr().out
    figures = json.loads((tmp_path / "sanafe/estimate.json").read_text("utf-8"))
    assert figures["texts"] == 3 and (tmp_path / "map/mapping.json").exists()


def test_what_is_missing_is_one_line(folder, tmp_path, capsys):
    model, out = str(folder.parent / "model.nir"), str(tmp_path / "map")
    arguments = ["map", model, "--strategy", "token-serial", "-o", out, "--sanafe"]
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "counts.json").write_bytes((folder / "counts.json").read_bytes())
    for given, told in (
        ([str(tmp_path / "sanafe")], "--sanafe: needs the spikes of a run"),
        ([out, "--counts", str(folder)], "is the folder of -o, too"),
        ([str(tmp_path / "sanafe"), "--counts", str(bare)], "simulate with --spikes"),
    ):
        assert main([*arguments, *given]) == 2
        said = capsys.readouterr().err
        assert told in said and said.count("\n") == 1
    assert not (tmp_path / "sanafe").exists() and not (tmp_path / "map").exists()


def test_other_spikes_than_were_counted_are_refused(folder, tmp_path):
    run = read_run(folder)
    mapping = map_graph(nir.read(folder.parent / "model.nir"), LOIHI2, strategy="token-serial", run=run)
    layers = [replace(layer, spikes=layer.spikes + (i == 0)) for i, layer in enumerate(run.layers)]
    with pytest.raises(InputError, match=r"other spikes than counts\.json has"):
        sanafe.read_spikes(mapping, replace(run, layers=layers))
