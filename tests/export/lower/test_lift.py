"""Lifting: integers become a float model again, and the same integers when it is lowered once more."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from export.lower.lift import lift
from export.lower.pipeline import lower
from simulate.fast import FastSimulator
from spikebert.training.calibration import calibrate
from spikebert.training.loop import Batch
from tests.export.lower.test_lower import model_with_character

SHAPES = {
    "spikes": dict(norm="batch", reset="zero"),
    "levels": dict(norm="batch", reset="zero", embedding_levels=3, time_steps=1),
    "subtract": dict(norm="batch", reset="subtract"),
    "layer norm": dict(norm="layer"),
    "layer norm, levels": dict(norm="layer", reset="zero", embedding_levels=3),
    "membrane": dict(norm="batch", reset="zero", residual="membrane", time_steps=1),
    "pairs": dict(norm="batch", reset="zero", separator=7),
    "pairs that share words": dict(norm="batch", reset="zero", separator=7, shared_words=True),
    "membrane, 4 steps": dict(norm="batch", reset="subtract", residual="membrane"),
    "neighbours": dict(norm="batch", reset="zero", neighbours=True),
    "neighbours, layer norm": dict(norm="layer", reset="subtract", neighbours=True),
    "neighbours, membrane": dict(norm="batch", reset="zero", residual="membrane", time_steps=1, neighbours=True),
    "attention alone": dict(norm="layer", attention_only=True),
    "attention alone, membrane": dict(norm="batch", reset="zero", residual="membrane", attention_only=True),
}


def texts(graph):
    rng = np.random.default_rng(0)
    return [rng.integers(0, len(graph.nodes[0].word), size) for size in (3, 9, 20)]


def assert_same(graph, again, of_logits=0.0):
    """Every spike of both, and every logit but for a share of it."""
    ours, theirs = (FastSimulator(each).run(texts(graph), record=True) for each in (graph, again))
    assert ours.spikes.keys() == theirs.spikes.keys()
    for name, train in ours.spikes.items():
        assert np.array_equal(train, theirs.spikes[name]), name
    np.testing.assert_allclose(ours.logits, theirs.logits, rtol=of_logits)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("bits, per_channel", [(8, False), (4, False), (8, True)])
def test_a_model_that_is_lifted_and_lowered_again_gives_the_same_spikes(shape, bits, per_channel):
    graph = lower(model_with_character(**shape), bits, per_channel)
    lifted = lift(graph)
    assert_same(graph, lower(lifted, bits, per_channel))


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_statistics_of_texts_change_no_spike(shape):
    graph = lower(model_with_character(**shape))
    lifted = lift(graph)
    tokens = torch.randint(0, lifted.model.config.vocab_size, (16, 12))
    calibrate(lifted.model, [Batch(tokens, torch.ones_like(tokens), torch.zeros(16, dtype=torch.long))])
    assert_same(graph, lower(lifted), of_logits=1e-6)  # a norm before the head is folded from float32


def test_a_record_of_a_training_that_is_no_object_is_left_behind():
    graph = lower(model_with_character(norm="batch"))
    assert lift(replace(graph, metadata={**graph.metadata, "training": "a text"})).training == {}
