"""Where a model decides for a class, when F1 is what it is measured by."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spikebert.data.metrics import ACCURACY, Metric
from spikebert.data.rows import Row
from spikebert.model.checkpoint import TrainedModel
from spikebert.training.deciding import LEAST, decide, threshold, undecided
from spikebert.training.examples import examples_for
from tests.spikebert.model.test_model import TOKENIZER, small_model

F1 = Metric("f1", "b")
ROWS = [Row("ab"[i % 2], " ".join(("good", "bad", "film")[: 1 + i % 3])) for i in range(90)]


@pytest.fixture
def trained():
    torch.manual_seed(0)
    model = small_model(hidden_size=48).eval()
    torch.nn.init.normal_(model.readout.head.weight, std=2.0)
    return TrainedModel(model, TOKENIZER, ["a", "b"], {})


def probabilities(trained):
    """(N,): of the class b."""
    found = []
    for example in examples_for(trained, ROWS):
        tokens = torch.tensor([example.tokens])
        with torch.no_grad():
            found.append(trained.model(tokens, torch.ones_like(tokens)).logits[0].double().softmax(-1)[1].item())
    return np.array(found)


def expected_f1(probabilities, at):
    called = probabilities >= at
    return 2 * probabilities[called].sum() / (called.sum() + probabilities.sum())


@given(st.lists(st.floats(0.01, 0.99), min_size=1, max_size=300))
def test_no_other_threshold_expects_a_greater_f1(values):
    values = np.array(values)
    best = max(expected_f1(values, at) for at in values)
    at = threshold(values)
    assert at == pytest.approx(best / 2)
    assert expected_f1(values, at - 1e-12) == pytest.approx(best)


def test_the_threshold_is_one_half_where_no_text_is_in_doubt():
    assert threshold(np.array([1.0, 0.0, 1.0])) == 0.5
    assert threshold(np.zeros(3)) == LEAST


def test_the_greater_logit_decides_where_the_threshold_lay(trained):
    before = probabilities(trained)
    at = decide(trained, ROWS, F1)["decides"]["at"]
    after = probabilities(trained)
    assert at == pytest.approx(threshold(before)) and at < 0.5
    assert np.array_equal(after > 0.5, before > at)
    assert np.allclose(np.log(after / (1 - after)), np.log(before / (1 - before)) - math.log(at / (1 - at)), atol=1e-5)


def test_nothing_is_decided_anew_for_another_metric(trained):
    before = trained.model.readout.head.bias.clone()
    assert decide(trained, ROWS, ACCURACY) == {}
    assert torch.equal(trained.model.readout.head.bias, before)


def test_what_was_decided_is_taken_back(trained):
    before = probabilities(trained)
    trained.training.update(decide(trained, ROWS, F1))
    undecided(trained)
    assert np.allclose(probabilities(trained), before, atol=1e-6)


@pytest.mark.parametrize("noted", [None, "b", {"label": "b"}, {"label": "b", "at": 1.0}, {"label": [], "at": 0.4}])
def test_a_record_that_notes_no_decision_is_passed_over(trained, noted):
    before = trained.model.readout.head.bias.clone()
    trained.training["decides"] = noted
    undecided(trained)
    assert torch.equal(trained.model.readout.head.bias, before)
