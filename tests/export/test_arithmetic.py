"""Each function of the integer arithmetic against its naive twin, over the whole range of values."""

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from export import arithmetic
from export.graph import LIF
from export.kernels import make_kernel
from tests.export import naive

whole = st.integers


@given(hnp.arrays(np.int64, (5, 7), elements=whole(-127, 127)), hnp.arrays(np.int64, (3, 7), elements=whole(0, 25)))
def test_linear_equals_the_naive_product(weight, x):
    bias = np.arange(5) * 1000 - 2000
    y = arithmetic.linear(x.astype(np.float32), weight.astype(np.float32), bias.astype(np.float32))
    assert y.tolist() == [naive.linear(row.tolist(), weight.tolist(), bias.tolist()) for row in x]


def test_linear_is_exact_up_to_the_bound_of_its_carrier():
    columns = 2**24 // 127
    weight, x = np.full((1, columns), 127), np.ones((1, columns))
    bound = 127 * columns
    assert bound < 2**24
    carrier = arithmetic.gemm_dtype(bound)
    assert carrier is np.float32
    assert arithmetic.linear(x.astype(carrier), weight.astype(carrier)).item() == bound


def test_a_product_beyond_24_bits_is_carried_in_float64():
    assert arithmetic.gemm_dtype(2**24) is np.float64
    with pytest.raises(OverflowError, match="53 bits"):
        arithmetic.gemm_dtype(2**53)


@given(whole(1, 2**62 - 1))
@example(1)
@example(2**62 - 1)
@example(2**54 - 1)
@example(2**60 - 1)
@example(2**30)
@example(2**32 - 1)
def test_reciprocal_sqrt_equals_the_naive_one_and_keeps_its_error_bound(value):
    root, exponent = (int(a[0]) for a in arithmetic.reciprocal_sqrt(np.array([value])))
    assert (root, exponent) == naive.reciprocal_sqrt(value)
    assert abs(root * 2.0 ** -(31 + exponent) * math.sqrt(value) - 1) < 2**-14


@pytest.mark.parametrize("power", range(62))
def test_reciprocal_sqrt_is_right_beside_every_power_of_two(power):
    for value in {max(1, 2**power - 1), 2**power, 2**power + 1}:
        root, exponent = arithmetic.reciprocal_sqrt(np.array([value]))
        assert (int(root[0]), int(exponent[0])) == naive.reciprocal_sqrt(value)


@st.composite
def norm_inputs(draw):
    groups = draw(st.sampled_from([1, 3]))
    n = draw(whole(1, 9))
    largest = draw(st.sampled_from([1, 100, 2**14, 2**23, (2**31 - 1) // n]))
    largest = min(largest, math.isqrt((2**53 - 1) // n))
    x = draw(st.lists(whole(-largest, largest), min_size=groups * n, max_size=groups * n))
    gain = draw(st.lists(whole(-32767, 32767), min_size=groups * n, max_size=groups * n))
    bias = draw(st.lists(whole(-(2**20), 2**20), min_size=groups * n, max_size=groups * n))
    return x, gain, bias, draw(st.sampled_from([0, 1, 1000, 2**30])), groups


@given(norm_inputs())
def test_layer_norm_equals_the_naive_one_for_widths_that_are_no_power_of_two(inputs):
    x, gain, bias, epsilon, groups = inputs
    y = arithmetic.layer_norm(np.array([x], float), np.array(gain, float), np.array(bias, float), epsilon, groups)
    assert y[0].tolist() == naive.layer_norm(x, gain, bias, epsilon, groups)


def test_layer_norm_of_a_constant_row_is_its_bias():
    y = arithmetic.layer_norm(np.full((2, 6), 1234.0), np.full(6, 4096.0), np.arange(6.0), 0)
    assert y.tolist() == [list(range(6))] * 2


def test_layer_norm_is_close_to_the_real_one():
    x = np.random.default_rng(0).integers(-5000, 5000, (20, 96)).astype(float)
    y = arithmetic.layer_norm(x, np.full(96, 4096.0), np.zeros(96), 0) / 2**8
    real = (x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True)
    assert np.abs(y - real).max() < 1.5 / 2**8


neuron = st.fixed_dictionaries(
    {
        "threshold": st.sampled_from([1, 64, 65, 128, 16384, 2**23 - 1]),
        "decay": st.sampled_from([0, 1, 410, 2048, 4095, 4096]),
        "bias": whole(-300_000, 300_000),
        "reset": st.sampled_from(["subtract", "zero"]),
    }
)
currents = st.lists(st.one_of(whole(-5, 5), whole(-(2**18), 2**18)), min_size=1, max_size=8)


@given(currents, neuron)
@example([1, 0, 1, 1], {"threshold": 64, "decay": 0, "bias": 0, "reset": "subtract"})  # exactly at the threshold
@example([2**18, 2**18], {"threshold": 2**23 - 1, "decay": 0, "bias": 0, "reset": "zero"})  # saturates upwards
@example([-(2**18)] * 3 + [1], {"threshold": 64, "decay": 1, "bias": 0, "reset": "subtract"})  # and downwards
def test_lif_equals_the_naive_neuron_in_both_reset_modes(steps, parameters):
    membrane, spikes = np.zeros(1), np.zeros(1, np.float32)
    v = s = 0
    for current in steps:
        arithmetic.lif_step(
            np.array([current], np.float64),
            membrane,
            spikes,
            np.array([parameters["threshold"]], float),
            parameters["decay"],
            np.array([parameters["bias"]], float),
            parameters["reset"],
        )
        v, s = naive.lif_step(current, v, s, **parameters)
        assert (membrane[0], spikes[0]) == (v, s)


def test_a_negative_membrane_decays_toward_zero_and_not_below():
    node = LIF("n", ("x",), 1, np.array([64], np.int32), 410, np.zeros(1, np.int32), "subtract")
    kernel = make_kernel(node, 1, input_bound=1)
    membranes = []
    for current in (-1, 0, 0):
        kernel([np.full((1, 1, 1), float(current))], [1])
        membranes.append(kernel.membrane.item())
    assert membranes == [-64, -57, -51]  # 57.59 and 51.29, the magnitude truncated


def test_each_neuron_may_have_its_own_threshold():
    node = LIF("n", ("x",), 2, np.array([64, 128], np.int32), 0, np.zeros(2, np.int32), "zero")
    train = make_kernel(node, 3, input_bound=1)([np.ones((1, 1, 2))], [1])
    assert train[:, 0].tolist() == [[1, 0], [1, 1], [1, 0]]


@given(st.data())
def test_both_orders_of_attention_equal_the_naive_count(data):
    heads, width = data.draw(st.sampled_from([(1, 1), (2, 3), (1, 5)]))
    tokens = data.draw(whole(1, 8))  # more and fewer tokens than features
    qkv = data.draw(hnp.arrays(np.float32, (1, tokens, 3 * heads * width), elements=st.sampled_from([0.0, 1.0])))
    counts = arithmetic.coincidences(qkv, heads)
    rows = qkv[0].astype(int)
    assert counts[0].tolist() == naive.coincidences(*(p.tolist() for p in np.split(rows, 3, axis=1)), heads)


def test_attention_stays_within_each_sentence():
    qkv = np.random.default_rng(0).integers(0, 2, (4, 7, 12)).astype(np.float32)
    together = arithmetic.attention(qkv, [3, 1, 3], 2)
    alone = [arithmetic.coincidences(qkv[:, rows], 2) for rows in (slice(0, 3), slice(3, 4), slice(4, 7))]
    assert np.array_equal(together, np.concatenate(alone, axis=1))


@given(st.lists(whole(-(10**6), 10**6), min_size=2, max_size=2), whole(1, 300), whole(1, 16))
def test_readout_divides_downwards_also_below_zero(total, length, steps):
    weight, bias = np.array([[127, -3], [5, 1]], np.int8), np.array([7, -9], np.int32)
    logits = arithmetic.readout(np.array([total], float), [length], steps, weight, bias, 4)
    assert logits[0].tolist() == naive.readout(total, length, steps, weight.tolist(), bias.tolist(), 4)
