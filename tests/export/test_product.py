"""Products on 8-bit hardware are the products of mathematics."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from export.product import INPUT_MAX, WEIGHT_MAX, IntegerProduct
from tests.export import naive


@settings(deadline=None)
@given(st.data())
def test_a_product_equals_the_naive_product(data):
    inputs, outputs, rows = (data.draw(st.integers(1, most)) for most in (20, 9, 5))
    weight = data.draw(hnp.arrays(np.int8, (outputs, inputs), elements=st.integers(-WEIGHT_MAX, WEIGHT_MAX)))
    x = data.draw(hnp.arrays(np.uint8, (rows, inputs), elements=st.integers(0, INPUT_MAX)))
    y = IntegerProduct(weight)(x)
    assert y.dtype == np.int32
    assert y.tolist() == [naive.linear(row.tolist(), weight.tolist(), None) for row in x]


@pytest.mark.parametrize("sign", [-1, 1])
def test_the_largest_sums_do_not_saturate(sign):
    weight = np.full((3, 3072), sign * WEIGHT_MAX, np.int8)
    y = IntegerProduct(weight)(np.full((2, 3072), INPUT_MAX, np.uint8))
    assert (y == sign * 3072 * INPUT_MAX * WEIGHT_MAX).all()
