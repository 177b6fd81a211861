"""Estimates are written with three digits that count, from their least to their most."""

import pytest

from simulate.energy.span import Span
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


def test_a_column_of_ranges_says_a_unit_once_and_one_number_where_the_ends_read_alike():
    shares = [Span(0.678, 1.131), Span(0.04102, 0.04102), None]
    assert forms.spans(forms.percent)(shares) == ["67.8 to 113.1 %", "4.1 %", "–"]
    assert forms.spans(forms.short)([Span(140.7, 2320.04)]) == ["140.7 to 2,320.0"]


def test_a_share_with_a_range_has_three_digits_and_one_without_has_a_decimal():
    shares = [Span(8.901, 13.42), Span(0.4104, 0.4104), Span(1.4612, 1.4619), None]
    assert forms.shares(shares) == ["890 to 1,340 %", "41.0 %", "146 %", "–"]
    assert forms.whole_percent([13.42, 0.0248]) == ["1,340 %", "2 %"]
