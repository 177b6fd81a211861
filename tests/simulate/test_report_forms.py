"""Estimates are written with three digits that count, from their least to their most."""

import pytest

from simulate.report import forms


@pytest.mark.parametrize(
    ("value", "text"),
    [(204680.74, "205,000"), (0.999999, "1.00"), (9.996, "10.0"), (0.01234, "0.0123"), (0, "0"), (176.44, "176")],
)
def test_an_estimate_has_three_digits(value, text):
    assert forms.three(value) == text


def test_a_range_has_one_unit_that_of_its_upper_end():
    assert forms.time_span(870_587, 9_381_819) == "0.871 to 9.38 ms"
    assert forms.energy_span(15.954e12, 23.9e12) == "16.0 to 23.9 J"
    assert forms.energy_span(0, 0) == "0 pJ"


def test_a_range_whose_ends_look_alike_is_one_number():
    assert forms.time_span(123.4, 123.1) == "123 ns"
