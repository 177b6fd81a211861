"""The first divergence of two runs is named in full."""

import numpy as np

from simulate.compare import agreement, first_divergence, of


def runs():
    a = {"first": np.zeros((3, 5, 4), np.uint8), "second": np.zeros((3, 5, 2), np.uint8)}
    return a, {name: train.copy() for name, train in a.items()}


def test_equal_runs_do_not_part():
    a, b = runs()
    assert first_divergence(a, b, [2, 3]) is None
    assert agreement(a, b) == {"first": 1.0, "second": 1.0}


def test_the_earliest_sample_comes_first_then_the_step_then_the_layer():
    a, b = runs()
    b["first"][0, 3, 1] = 1  # the second sample, at its first step
    b["second"][2, 1, 0] = 1  # the first sample, late
    b["first"][2, 0, 3] = 1  # the first sample, as late, in an earlier layer
    found = first_divergence(a, b, [2, 3])
    place = "sample 0, step 2, layer first, token 0, neuron 3: 1 instead of 0"
    assert str(found) == f"{place}; 2 of 60 (3.33%) spikes of the layer differ"


def test_one_of_very_many_is_told_as_one():
    assert of(1, 854_016) == "1 of 854,016"


def test_agreement_is_the_share_of_equal_elements():
    a, b = runs()
    b["second"][0, 0] = 1
    assert agreement(a, b)["second"] == 1 - 2 / 30
