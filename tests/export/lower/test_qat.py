"""Quantisation-aware training computes with the spikes of the integer model, and trains the float weights."""

import numpy as np
import pytest
import torch

from export.lower.pipeline import lower
from export.lower.qat import QuantisedModel
from simulate.fast import FastSimulator
from spikebert.model.recording import record_spikes
from tests.export.lower.test_lower import model_with_character

TOKENS = torch.arange(36).reshape(4, 9) % 40
MASK = torch.ones(4, 9, dtype=torch.long)
MASK[1, 4:] = 0


@pytest.mark.parametrize("norm", ["layer", "batch"])
@pytest.mark.parametrize(("bits", "levels"), [(4, 1), (8, 1), (8, 3)])
def test_its_forward_pass_is_the_exported_model_spike_for_spike(norm, bits, levels):
    trained = model_with_character(norm=norm, embedding_levels=levels)
    sentences = [t[m.bool()].numpy() for t, m in zip(TOKENS, MASK, strict=True)]
    graph = lower(trained, bits)
    expected = FastSimulator(graph).run(sentences, record=True)
    model = QuantisedModel(trained, bits)
    with record_spikes(model.model) as spikes:
        logits = model(TOKENS, MASK).logits.detach().numpy()
    for name, train in expected.spikes.items():
        assert np.array_equal(spikes[name].numpy(), train), name
    assert np.allclose(logits, expected.logits * graph.nodes[-1].scale, atol=0.02)


def test_a_stream_of_currents_is_trained_on_as_it_is_exported():
    trained = model_with_character(norm="batch", reset="zero", residual="membrane")
    sentences = [t[m.bool()].numpy() for t, m in zip(TOKENS, MASK, strict=True)]
    expected = FastSimulator(lower(trained, 4)).run(sentences, record=True)
    model = QuantisedModel(trained, 4)
    with record_spikes(model) as spikes:
        model(TOKENS, MASK)
    for name, train in expected.spikes.items():
        assert np.array_equal(spikes[f"model.{name}"].numpy(), train), name


def test_neighbours_are_trained_with_as_they_are_exported_and_stay_as_they_are():
    trained = model_with_character(norm="batch", reset="zero", residual="membrane", neighbours=True)
    sentences = [t[m.bool()].numpy() for t, m in zip(TOKENS, MASK, strict=True)]
    expected = FastSimulator(lower(trained, 4)).run(sentences, record=True)
    model = QuantisedModel(trained, 4)
    with record_spikes(model) as spikes:
        model(TOKENS, MASK).logits.sum().backward()
    for name, train in expected.spikes.items():
        assert np.array_equal(spikes[f"model.{name}"].detach().numpy(), train), name
    assert model.model.embeddings.neighbour.weight.grad is None


@pytest.mark.parametrize("norm", ["layer", "batch"])
def test_every_weight_but_the_embeddings_gets_a_gradient(norm):
    model = QuantisedModel(model_with_character(norm=norm), 4)
    model(TOKENS, MASK).logits.sum().backward()
    without = [n for n, p in model.named_parameters() if p.grad is None]
    assert without == ["model.embeddings.word.weight", "model.embeddings.position.weight"]


def test_what_is_finished_exports_to_what_was_trained():
    model = QuantisedModel(model_with_character(norm="batch"), 4)
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.01)
    model(TOKENS, MASK).logits.square().sum().backward()
    optimizer.step()
    trained_on = model.lowered()
    assert lower(model.finished(), 4) == trained_on
