"""Predictions as lines for a program."""

import pytest

from simulate.predictions import decimals


@pytest.mark.parametrize(
    ("probability", "written"),
    [
        (0.25, "0.250000"),
        (0.9999994, "0.999999"),
        (0.99999996, "0.99999996"),
        (1 - 2e-16, "0.9999999999999998"),
        (4e-9, "0.000000004"),
        (1.0, "1.000000"),
        (0.0, "0.000000"),
    ],
)
def test_a_probability_below_1_is_never_written_as_1_nor_one_above_0_as_0(probability, written):
    assert f"{probability:.{decimals(probability)}f}" == written
