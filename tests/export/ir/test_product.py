"""Products on 8-bit hardware are the products of mathematics."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from export.ir.product import INPUT_MAX, WEIGHT_MAX, IntegerProduct, matmul
from tests.export import naive


@given(st.data())
def test_a_product_equals_the_naive_product(data):
    inputs, outputs, rows = (data.draw(st.integers(1, most)) for most in (20, 9, 5))
    weight = data.draw(hnp.arrays(np.int8, (outputs, inputs), elements=st.integers(-WEIGHT_MAX, WEIGHT_MAX)))
    x = data.draw(hnp.arrays(np.uint8, (rows, inputs), elements=st.integers(0, INPUT_MAX)))
    y = IntegerProduct(weight)(x)
    assert y.dtype == np.int32
    assert y.tolist() == [naive.linear(row.tolist(), weight.tolist(), None) for row in x]


@pytest.mark.parametrize("outputs", [1, 16, 17, 24, 31, 32, 33, 48, 63, 300])
@pytest.mark.parametrize("rows", [1, 31, 32, 33, 64, 500])
def test_a_product_of_any_size_is_whole(outputs, rows):  # ONNX Runtime's AMX kernel left some values unwritten
    drawn = np.random.default_rng(outputs + rows)
    weight = drawn.integers(-WEIGHT_MAX, WEIGHT_MAX + 1, (outputs, 65)).astype(np.int8)
    x = drawn.integers(0, INPUT_MAX + 1, (rows, 65)).astype(np.uint8)
    assert np.array_equal(IntegerProduct(weight)(x), x.astype(np.int64) @ weight.T.astype(np.int64))


@pytest.mark.parametrize("sign", [-1, 1])
def test_the_largest_sums_do_not_saturate(sign):
    weight = np.full((3, 3072), sign * WEIGHT_MAX, np.int8)
    y = IntegerProduct(weight)(np.full((2, 3072), INPUT_MAX, np.uint8))
    assert (y == sign * 3072 * INPUT_MAX * WEIGHT_MAX).all()


@pytest.mark.parametrize("transposed", ["", "a", "b"])
@given(st.data())
def test_products_of_counts_equal_those_of_integers(transposed, data):
    rows, inner, columns = (data.draw(st.integers(1, 5)) for _ in range(3))
    counts = st.integers(-(2**10), 2**10)
    a = data.draw(hnp.arrays(np.int64, (2, 3, rows, inner), elements=counts))
    b = data.draw(hnp.arrays(np.int64, (2, 3, inner, columns), elements=counts))
    left, right = a.swapaxes(-1, -2) if transposed == "a" else a, b.swapaxes(-1, -2) if transposed == "b" else b
    y = matmul(*(np.ascontiguousarray(x, np.float32) for x in (left, right)), transposed)
    assert y.dtype == np.float32
    assert np.array_equal(y, a @ b)
