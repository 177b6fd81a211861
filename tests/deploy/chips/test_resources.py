"""The resources of a model follow from its shapes."""

from deploy.chips.resources import resources
from tests.random_graph import random_graph


def test_weights_neurons_and_state_follow_from_the_shapes():
    needs = {n.layer: n for n in resources(random_graph(width=12, hidden=24))}
    assert needs["blocks.0.mlp.up.linear"].synapses == 12 * 24
    assert needs["blocks.0.mlp.up.linear"].weight_bytes == 12 * 24
    assert needs["blocks.0.mlp.up.lif"].neurons == 24
    assert needs["blocks.0.mlp.up.lif"].state_bytes == 24 * 3
    assert needs["embeddings.word"].weight_bytes == 50 * 12 + 16 * 12 * 2
