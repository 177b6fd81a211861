"""Cutting into cores loses no row, respects every limit, and tells what cannot fit."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.chips.chip import read_chip
from deploy.chips.choices import STRATEGIES
from deploy.chips.partition import partition
from deploy.chips.populations import populations
from export.ir.ranges import output_bounds
from export.ir.validate import validate
from spikebert.core.errors import InputError
from tests.random_graph import random_graph

LOIHI1, LOIHI2 = read_chip("loihi1"), read_chip("loihi2")


def small_chip(**limits):
    return dataclasses.replace(LOIHI2, **limits)


def cores_of(graph, chip, strategy, tokens=16):
    return [core for cut in partition(populations(graph, chip, strategy, tokens), chip) for core in cut.cores()]


@settings(max_examples=40)
@given(
    strategy=st.sampled_from(STRATEGIES),
    norm=st.sampled_from(["layer", "batch"]),
    neurons=st.integers(36, 200),
    memory=st.integers(600, 5000),
    axons=st.sampled_from([None, 400, 900]),
)
def test_every_row_of_every_copy_lies_on_one_core_within_all_limits(strategy, norm, neurons, memory, axons):
    chip = small_chip(
        neurons_per_core=neurons, memory_per_core=memory, synapse_memory_per_core=500, input_axons_per_core=axons
    )
    try:
        cores = cores_of(random_graph(norm=norm), chip, strategy)
    except InputError as error:
        assert "layer " in str(error)
        return
    held = {}
    for core in cores:
        assert core.neurons <= neurons
        assert core.synapse_bytes <= 500
        assert core.synapse_bytes + core.state_bytes <= memory + 1  # each rounded up to bytes
        assert axons is None or core.input_axons <= axons
        cells = held.setdefault(core.population.name, np.zeros((core.population.rows, core.population.copies), int))
        cells[slice(*core.rows), slice(*core.copies)] += 1
    assert all((cells == 1).all() for cells in held.values())


def test_all_weights_lie_on_cores_once_a_copy():
    graph = random_graph(norm="batch")
    for strategy, copies in zip(STRATEGIES, (16, 1), strict=True):
        cores = cores_of(graph, LOIHI2, strategy)
        weights = sum(node.weight.size for node in graph if node.name.endswith(".linear"))
        sums = sum(node.size for node in graph if node.name.endswith(".add"))
        assert sum(core.synapse_bytes for core in cores) == (weights + sums) * copies


def test_a_layer_wider_than_a_core_has_axons_is_cut_by_columns():
    chip = small_chip(input_axons_per_core=30)
    found = populations(random_graph(norm="batch", hidden=48), chip, "token-serial", 16)
    names = [p.name for p in found if p.layer == "blocks.0.mlp.down.linear"]
    assert names == ["blocks.0.mlp.down.linear[0:30]", "blocks.0.mlp.down.linear[30:48]"]


def test_rows_that_share_their_axons_are_limited_by_their_weights_alone():
    chip = small_chip(input_axons_per_core=16, synapse_memory_per_core=12 * 30)
    cuts = partition(populations(random_graph(norm="batch", width=12, hidden=120), chip, "token-serial", 16), chip)
    cut = next(cut for cut in cuts if cut.population.layer == "blocks.0.mlp.up.lif")
    assert (cut.population.axons, cut.population.row_axons) == (12, 0)
    assert (cut.rows, cut.limit) == (30, "synapse_memory_per_core")


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (dict(norm="layer", reset="zero"), "layer embeddings.norm: a layer norm needs programmable neurons"),
        (dict(norm="batch", reset="subtract"), "layer embeddings.lif: loihi1 has fixed neurons"),
    ],
)
def test_what_fixed_neurons_cannot_do_is_refused_with_the_change_that_helps(graph, message):
    with pytest.raises(InputError, match=message):
        populations(random_graph(**graph), LOIHI1, "token-serial", 16)


def test_wide_weights_are_refused_with_the_bits_that_fit():
    with pytest.raises(
        InputError, match=r"linear: weights of 8 bits, and loihi2 holds 4; export its model.pt with --bits 4"
    ):
        populations(random_graph(norm="batch"), small_chip(weight_bits=4), "unrolled", 16)


def test_a_chip_of_narrower_membranes_is_refused():
    with pytest.raises(InputError, match="membranes of 24 bits, and loihi2 keeps 16; a chip of narrower membranes"):
        populations(random_graph(norm="batch"), small_chip(state_bits=16), "unrolled", 16)


def test_a_chip_of_binary_spikes_leaves_attention_to_the_host():
    graph = random_graph(norm="batch", reset="zero")
    names = {p.name for p in populations(graph, LOIHI1, "unrolled", 16)}
    assert "blocks.0.attention.lif" not in names
    assert "blocks.0.attention.output.lif" in names


def test_currents_that_wait_for_the_next_pass_have_a_sign():
    graph = random_graph(norm="batch", reset="zero", residual="membrane")
    waiting = {p.layer: p for p in populations(graph, LOIHI2, "token-serial", 16) if p.role == "buffer"}
    largest = output_bounds(graph)["blocks.0.mlp.add"]
    assert waiting["blocks.0.mlp.add"].state_bits == (1 + largest.bit_length()) * 16 * graph.time_steps
    assert waiting["blocks.0.attention.qkv.lif"].state_bits == 16 * graph.time_steps  # spikes have none


def test_a_stream_of_three_currents_is_refused_by_name():
    graph = random_graph(norm="batch", reset="zero", residual="membrane")
    stream = graph["blocks.1.mlp.add"]
    wider = dataclasses.replace(
        stream, inputs=(*stream.inputs, "blocks.0.mlp.down.linear"), shift=np.array([*stream.shift, 0], np.int8)
    )
    nodes = tuple(wider if node is stream else node for node in graph)
    with pytest.raises(InputError, match=r"^layer blocks\.1\.mlp\.add: to be mapped, a stream of currents must add"):
        populations(validate(dataclasses.replace(graph, nodes=nodes)), LOIHI2, "unrolled", 16)
