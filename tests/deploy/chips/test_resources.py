"""The resources of a model follow from its shapes."""

from dataclasses import dataclass, replace
from typing import ClassVar

import pytest

from deploy.chips.chip import chip_names, read_chip
from deploy.chips.populations import populations
from deploy.chips.resources import resources
from export.ir.graph import LIF, NeuronLayer
from spikebert.core.errors import InputError
from tests.random_graph import random_graph


def test_weights_neurons_and_state_follow_from_the_shapes():
    needs = {n.layer: n for n in resources(random_graph(width=12, hidden=24))}
    assert needs["blocks.0.mlp.up.linear"].synapses == 12 * 24
    assert needs["blocks.0.mlp.up.linear"].weight_bytes == 12 * 24
    assert needs["blocks.0.mlp.up.lif"].neurons == 24
    assert needs["blocks.0.mlp.up.lif"].state_bytes == 24 * 3
    assert needs["embeddings.word"].weight_bytes == 50 * 12 + 16 * 12 * 2


def test_a_table_of_neighbours_is_as_large_as_that_of_words_and_the_hosts_alone():
    plain, beside = (resources(random_graph(width=12, neighbours=each)) for each in (False, True))
    assert beside[0].weight_bytes == plain[0].weight_bytes + 50 * 12
    assert beside[1:] == plain[1:]


@dataclass(frozen=True, eq=False)
class Synaptic(NeuronLayer):
    """A neuron whose current decays, too."""

    states: ClassVar[int] = 2


def of_two_states(graph):
    nodes = tuple(Synaptic(node.name, node.inputs, **node.fields) if isinstance(node, LIF) else node for node in graph)
    return replace(graph, nodes=nodes)


def test_neurons_of_two_states_take_twice_the_memory_of_one():
    graph = random_graph()
    one, two = ({n.layer: n.state_bytes for n in resources(g)} for g in (graph, of_two_states(graph)))
    assert two == {name: 2 * held for name, held in one.items()}


@pytest.mark.parametrize("chip", chip_names())
def test_neurons_of_which_a_chip_has_no_price_are_not_mapped_as_lif(chip):
    with pytest.raises(InputError, match=f"these are Synaptic neurons, and what {chip} spends and takes for an update"):
        populations(of_two_states(random_graph(norm="batch", reset="zero")), read_chip(chip), "unrolled", 8)


def test_a_core_holds_the_membrane_of_a_neuron_and_the_sum_of_what_arrives():
    chip, graph = read_chip("loihi2"), random_graph()
    found = populations(graph, chip, "unrolled", 8)
    held = {p.layer: p.state_bits // 8 for p in found if p.role == "neurons"}
    kept = {n.layer: n.state_bytes // n.neurons for n in resources(graph) if n.neurons}
    assert set(kept.values()) == {3}
    assert {held[name] - kept[name] for name in held} == {3}
