"""Each function of the integer arithmetic against its naive twin, over the whole range of values."""

import math
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from export.ir import arithmetic
from tests.export import naive

whole = st.integers
settings.register_profile("shared machine")  # an example may wait for a core
settings.load_profile("shared machine")


def around(*centres, reach=3):
    """Whole numbers beside the given ones: where rounding, ties and saturation happen."""
    return st.sampled_from(centres).flatmap(lambda c: whole(c - reach, c + reach))


# Embedding


@given(st.lists(whole(0, 4), min_size=1, max_size=6), st.booleans(), whole(0, 99))
def test_an_embedding_adds_the_position_in_its_own_sentence(tokens, positions, seed):
    rng = np.random.default_rng(seed)
    word = rng.integers(-127, 128, (5, 3)).astype(np.int8)
    position = rng.integers(-(2**15), 2**15, (6, 3)).astype(np.int16) if positions else None
    y = arithmetic.embed(np.array(tokens), np.arange(len(tokens)), word, position)
    assert y.tolist() == naive.embedding(tokens, word.tolist(), None if position is None else position.tolist())


@given(
    st.lists(st.lists(whole(0, 3), min_size=1, max_size=6), min_size=1, max_size=4),
    whole(-1, 4),
    whole(0, 1),
    whole(0, 99),
)
def test_each_text_of_a_pair_and_the_words_of_both_have_positions_of_their_own(sentences, separator, shared, seed):
    rng = np.random.default_rng(seed)
    word = rng.integers(-127, 128, (5, 3)).astype(np.int8)
    position = rng.integers(-(2**15), 2**15, (24 if shared else 12, 3)).astype(np.int16)
    tokens, lengths = np.concatenate(sentences), [len(s) for s in sentences]
    shared = shared if separator >= 0 else 0
    places = arithmetic.places(tokens, lengths, len(position), separator, shared)
    y = arithmetic.embed(tokens, places, word, position)
    one_by_one = [naive.embedding(s, word.tolist(), position.tolist(), separator, shared) for s in sentences]
    assert y.tolist() == [row for sentence in one_by_one for row in sentence]


@given(
    st.lists(st.lists(whole(0, 4), min_size=1, max_size=6), min_size=1, max_size=4),
    st.sampled_from([1, 2, 3, 150]),
    whole(-1, 5),
    whole(0, 99),
)
def test_neighbours_add_a_half_of_the_features_each_within_their_own_sentence(sentences, half, separator, seed):
    rng = np.random.default_rng(seed)
    word, neighbour = rng.integers(-128, 128, (2, 5, 2 * half)).astype(np.int8)
    position = rng.integers(-(2**15), 2**15, (12, 2 * half)).astype(np.int16)
    tokens, lengths = np.concatenate(sentences), [len(s) for s in sentences]
    places = arithmetic.places(tokens, lengths, len(position), separator, 0)
    y = arithmetic.embed(tokens, places, word, position) + arithmetic.beside(tokens, lengths, neighbour)
    tables = word.tolist(), position.tolist(), separator, 0, neighbour.tolist()
    assert y.tolist() == [row for sentence in sentences for row in naive.embedding(sentence, *tables)]


def test_a_first_token_has_nothing_before_it_and_a_last_one_nothing_behind_it():
    neighbour = np.array([[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]], np.int8)
    beside = arithmetic.beside(np.array([0, 1, 2, 2, 0, 1]), [3, 1, 2], neighbour)
    assert beside.tolist() == [
        [0, 0, 7, 8],
        [1, 2, 11, 12],
        [5, 6, 0, 0],  # the token that stands next in the batch is another sentence's
        [0, 0, 0, 0],
        [0, 0, 7, 8],
        [1, 2, 0, 0],
    ]


# Linear


@given(
    hnp.arrays(np.int64, (5, 7), elements=whole(-127, 127)),
    hnp.arrays(np.int64, (3, 7), elements=whole(-25, 25)),
    st.one_of(st.none(), hnp.arrays(np.int64, 5, elements=whole(-(2**20), 2**20))),
    st.sampled_from([np.float32, np.float64]),
)
def test_linear_equals_the_naive_product_in_both_carriers(weight, x, bias, carrier):
    given_bias = None if bias is None else bias.astype(carrier)
    y = arithmetic.linear(x.astype(np.float32), weight.astype(carrier), given_bias)
    assert y.dtype == carrier
    expected = [naive.linear(row.tolist(), weight.tolist(), None if bias is None else bias.tolist()) for row in x]
    assert y.tolist() == expected


@pytest.mark.parametrize(("bits", "carrier"), [(24, np.float32), (53, np.float64)])
@pytest.mark.parametrize("columns", [1, 2, 129, 1000])
def test_linear_is_exact_up_to_the_bound_of_its_carrier(bits, carrier, columns):
    # Partial sums climb to the bound and fall back to 1, whatever the order in which BLAS takes them.
    largest = (2**bits - 1) // (127 * columns)
    x = np.full((3, 2 * columns), largest)
    x[1] += np.arange(2 * columns) % 2 * -1 if largest > 1 else 0
    weight = np.repeat([[127, -127]], columns, axis=1).reshape(1, -1)
    half = weight * (weight > 0)  # the partial sum of the climb alone
    bias = np.array([2**bits - 1 - 127 * columns * largest])
    for w in (weight, half):
        assert arithmetic.gemm_dtype(127 * columns * largest + int(bias[0])) is carrier
        y = arithmetic.linear(x.astype(carrier), w.astype(carrier), bias.astype(carrier))
        assert y.tolist() == [naive.linear(row.tolist(), w.tolist(), bias.tolist()) for row in x]


def test_a_product_beyond_24_bits_is_carried_in_float64_and_beyond_53_refused():
    assert arithmetic.gemm_dtype(2**24 - 1) is np.float32
    assert arithmetic.gemm_dtype(2**24) is np.float64
    with pytest.raises(OverflowError, match="53 bits"):
        arithmetic.gemm_dtype(2**53)


# Layer normalisation


def root_of(value):
    root, exponent = arithmetic.reciprocal_sqrt(np.array([value]))
    return int(root[0]), int(exponent[0])


@given(st.one_of(whole(1, 2**63 - 1), whole(0, 62).flatmap(lambda e: whole(max(1, 2**e - 3), 2**e + 3))))
@example(2**62 - 1)
@example(2**63 - 1)
@settings(max_examples=1000)
def test_reciprocal_sqrt_equals_the_naive_one_and_keeps_its_error_bound(value):
    root, exponent = root_of(value)
    assert (root, exponent) == naive.reciprocal_sqrt(value)
    assert 2**15 <= root <= 2**16
    square = Fraction(root**2 * value, 4**31) / Fraction(4) ** exponent  # (1 + relative error)²
    assert (1 - Fraction(1, 2**15)) ** 2 < square <= (1 + Fraction(1, 2**31)) ** 2


@pytest.mark.parametrize("power", range(63))
def test_reciprocal_sqrt_is_right_beside_every_power_of_two(power):
    # float64 rounds 2^p - 1 up to 2^p from p = 54 on: the exponent must not follow it.
    for value in range(max(1, 2**power - 600), 2**power + 600, 37 if power > 11 else 1):
        assert root_of(value) == naive.reciprocal_sqrt(value)
    for value in (2**power - 1, 2**power, 2**power + 1):
        assert root_of(max(1, value)) == naive.reciprocal_sqrt(max(1, value))


@st.composite
def norm_inputs(draw):
    groups = draw(st.sampled_from([1, 3]))
    n = draw(whole(1, 9))
    largest = min(draw(st.sampled_from([1, 100, 2**14, 2**23, 2**31])), math.isqrt(2**63 - 2**53) // n)
    largest = min(largest, math.isqrt((2**53 - 1) // n))
    x = draw(st.lists(whole(-largest, largest), min_size=groups * n, max_size=groups * n))
    gain = draw(st.lists(whole(-(2**15), 2**15 - 1), min_size=groups * n, max_size=groups * n))
    bias = draw(st.lists(whole(-(2**31), 2**31 - 1), min_size=groups * n, max_size=groups * n))
    return x, gain, bias, draw(st.sampled_from([0, 1, 1000, 2**30, 2**53 - 1])), groups


def normalised(x, gain, bias, epsilon, groups=1):
    return arithmetic.layer_norm(np.array(x, float), np.array(gain, float), np.array(bias, float), epsilon, groups)


@given(norm_inputs())
@settings(max_examples=300)
def test_layer_norm_equals_the_naive_one_for_widths_that_are_no_power_of_two(inputs):
    x, gain, bias, epsilon, groups = inputs
    y = normalised([x], gain, bias, epsilon, groups)
    assert y[0].tolist() == naive.layer_norm(x, gain, bias, epsilon, groups)


@pytest.mark.parametrize("epsilon", [0, 2**42])
def test_layer_norm_is_exact_where_its_variance_is_near_63_bits(epsilon):
    largest = math.isqrt((2**53 - 1) // 1024)
    alternating = [largest, -largest] * 512
    one_off = [largest] * 1023 + [-largest]
    rng = np.random.default_rng(0)
    rows = [alternating, one_off, rng.integers(-largest, largest + 1, 1024).tolist()]
    assert 2**63 - 2**54 < (1024 * largest) ** 2 + epsilon < 2**63
    gain, bias = rng.integers(-(2**15), 2**15, 1024).tolist(), rng.integers(-99, 99, 1024).tolist()
    expected = [naive.layer_norm(row, gain, bias, epsilon) for row in rows]
    assert normalised(rows, gain, bias, epsilon).tolist() == expected


@given(whole(-(2**24), 2**24), st.sampled_from([0, 7]), st.sampled_from([1, 2, 6, 12]))
def test_layer_norm_of_a_constant_row_is_its_bias(value, epsilon, width):
    y = normalised([[value] * width] * 2, [4096] * width, list(range(width)), epsilon)
    assert y.tolist() == [list(range(width))] * 2


def test_layer_norm_does_not_depend_on_the_rows_beside():
    x = np.random.default_rng(0).integers(-5000, 5000, (4, 9, 96)).astype(float)
    gain, bias = np.arange(96) * 50, np.arange(96)
    together = normalised(x, gain, bias, 3, groups=3)
    assert np.array_equal(together[2, 5], normalised(x[2, 5], gain, bias, 3, groups=3))


def test_layer_norm_is_close_to_the_real_one():
    x = np.random.default_rng(0).integers(-5000, 5000, (20, 96)).astype(float)
    y = normalised(x, np.full(96, 4096), np.zeros(96), 0) / 2**8
    real = (x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True)
    assert np.abs(y - real).max() < 1.5 / 2**8


# Neurons

TOP = 2**23 - 1
thresholds = st.one_of(whole(1, TOP), st.sampled_from([1, 64, 65, 16384, TOP - 1, TOP]))
decays = st.one_of(whole(0, 4096), st.sampled_from([0, 1, 410, 4095, 4096]))
membranes = st.one_of(whole(-TOP, TOP), around(0, reach=70), st.sampled_from([-TOP, 1 - TOP, TOP - 1, TOP]))
currents = st.one_of(whole(-5, 5), whole(-(2**18), 2**18), whole(-(2**45), 2**45), around(-(2**17), 2**17))
biases = st.one_of(st.just(0), whole(-(2**31), 2**31 - 1))
resets = st.sampled_from(["subtract", "zero"])


def one_step(current, membrane, spike, threshold, decay, bias, reset):
    """(membranes, spikes) of one `lif_step` in the carrier that its inputs allow."""
    threshold, bias = np.array(threshold, np.int32), np.array(bias, np.int32)
    carrier = arithmetic.gemm_dtype(arithmetic.drive_bound(max(map(abs, current)), threshold, bias))
    v, s = np.array(membrane, np.float64), np.array(spike, np.float32)
    arguments = threshold.astype(carrier), decay, bias.astype(carrier), reset
    arithmetic.lif_step(np.array(current, np.float64), v, s, *arguments)
    return v.tolist(), s.tolist()


@given(
    st.lists(st.tuples(currents, membranes, whole(0, 1), thresholds, biases), min_size=1, max_size=5), decays, resets
)
@settings(max_examples=500)
def test_lif_equals_the_naive_neuron_from_every_state(neurons, decay, reset):
    current, membrane, spike, threshold, bias = zip(*neurons, strict=True)
    expected = [naive.lif_step(c, v, s, t, decay, b, reset) for c, v, s, t, b in neurons]
    v, s = one_step(current, membrane, spike, threshold, decay, bias, reset)
    assert list(zip(v, s, strict=True)) == expected


@given(st.lists(st.one_of(whole(-5, 5), whole(-(2**18), 2**18)), min_size=1, max_size=8), thresholds, decays, resets)
@example([1, 0, 1, 1], 64, 0, "subtract")  # exactly at the threshold
@example([2**18, 2**18], TOP, 0, "zero")  # saturates upwards
@example([-(2**18)] * 3 + [1], 64, 1, "subtract")  # and downwards
def test_lif_equals_the_naive_neuron_over_several_steps(steps, threshold, decay, reset):
    membrane, spikes = np.zeros(1), np.zeros(1, np.float32)
    v = s = 0
    for current in steps:
        given_threshold, no_bias = np.array([threshold], float), np.zeros(1)
        arithmetic.lif_step(np.array([current], float), membrane, spikes, given_threshold, decay, no_bias, reset)
        v, s = naive.lif_step(current, v, s, threshold, decay, 0, reset)
        assert (membrane[0], spikes[0]) == (v, s)


@given(currents, thresholds, biases, decays, resets)
@settings(max_examples=500)
def test_the_least_current_that_fires_from_rest_is_that_of_the_naive_neuron(current, threshold, bias, decay, reset):
    least = arithmetic.least_current(np.array([threshold], np.int32), np.array([bias], np.int32))[0]
    for x in (current, int(least), int(least) - 1):
        assert naive.lif_step(x, 0, 0, threshold, decay, bias, reset)[1] == (x >= least)


@given(whole(1, TOP), whole(0, 63), resets)
def test_a_neuron_fires_at_its_threshold_and_not_one_below(threshold, rest, reset):
    current, bias = divmod(threshold, 64)
    assert one_step([current], [0], [0], [threshold], 410, [bias], reset) == ([threshold], [1])
    assert one_step([current], [0], [0], [threshold], 410, [bias - 1], reset) == ([threshold - 1], [0])


@pytest.mark.parametrize("reset", ["subtract", "zero"])
def test_a_membrane_saturates_in_both_directions_and_comes_back(reset):
    huge = 2**45
    assert one_step([huge, -huge], [0, 0], [0, 0], [TOP], 0, [0], reset) == ([TOP, -TOP], [1, 0])
    # Saturated, it has forgotten by how much: the reset starts from the limit.
    after = TOP - TOP if reset == "subtract" else 0
    assert one_step([0, 1], [TOP, -TOP], [1, 0], [TOP], 0, [0], reset) == ([after, -TOP + 64], [0, 0])


@pytest.mark.parametrize(("decay", "expected"), [(0, -1000), (1, -999), (410, -899), (4095, 0), (4096, 0)])
def test_a_negative_membrane_decays_toward_zero(decay, expected):
    assert one_step([0], [-1000], [0], [1], decay, [0], "subtract")[0] == [expected]


def test_each_neuron_may_have_its_own_threshold_and_bias():
    assert one_step([1, 1, 1], [0] * 3, [0] * 3, [64, 65, 65], 0, [0, 0, 1], "zero")[1] == [1, 0, 1]


def test_a_drive_of_24_bits_is_carried_in_float32():
    threshold, bias = np.array([2**22], np.int32), np.array([-(2**21)], np.int32)
    room = 2**24 - 1 - 2**22 - 2**21
    carriers = [arithmetic.gemm_dtype(arithmetic.drive_bound(room // 64 + n, threshold, bias)) for n in (0, 1)]
    assert carriers == [np.float32, np.float64]


# Attention


@given(st.sampled_from([(1, 1), (2, 3), (1, 5), (3, 1)]), whole(1, 8), st.data())
def test_both_orders_of_attention_equal_the_naive_count(shape, tokens, data):
    heads, width = shape  # more and fewer tokens than features of a head: both associations are taken
    spikes = hnp.arrays(np.float32, (1, tokens, 3 * heads * width), elements=st.sampled_from([0.0, 1.0]))
    qkv = data.draw(spikes)
    query, key, value = (part.astype(int).tolist() for part in np.split(qkv[0], 3, axis=1))
    assert arithmetic.coincidences(qkv, heads)[0].tolist() == naive.coincidences(query, key, value, heads)


def test_attention_stays_within_each_sentence():
    qkv = np.random.default_rng(0).integers(0, 2, (4, 7, 12)).astype(np.float32)
    together = arithmetic.attention(arithmetic.heads_of(qkv, [3, 1, 3], 2), [3, 1, 3])
    alone = [arithmetic.coincidences(qkv[:, rows], 2) for rows in (slice(0, 3), slice(3, 4), slice(4, 7))]
    assert np.array_equal(together, np.concatenate(alone, axis=1))


@given(whole(1, 6), whole(0, 4), whole(0, 99))
def test_silent_tokens_change_no_count(tokens, silent, seed):
    """Rows without spikes, such as a padded batch would hold, add nothing to the others and get nothing."""
    qkv = np.random.default_rng(seed).integers(0, 2, (2, tokens, 12)).astype(np.float32)
    padded = np.concatenate([qkv, np.zeros((2, silent, 12), np.float32)], axis=1)
    counts = arithmetic.coincidences(padded, 2)
    assert np.array_equal(counts[:, :tokens], arithmetic.coincidences(qkv, 2))
    assert not counts[:, tokens:].any()


# Readout


@given(hnp.arrays(np.int64, (3, 6, 2), elements=whole(-(2**30), 2**30)), st.sampled_from([[6], [1, 5], [2, 3, 1]]))
def test_token_sums_stay_within_each_sentence(x, lengths):
    edges = np.cumsum([0, *lengths])
    expected = [x[:, a:b].sum((0, 1)).tolist() for a, b in pairwise(edges)]
    assert arithmetic.token_sum(x.astype(float), lengths).tolist() == expected


@given(
    st.lists(st.one_of(whole(-(2**38), 2**38), around(0)), min_size=2, max_size=2),
    whole(1, 300),
    whole(1, 16),
    whole(0, 16),
)
@example([-1, 1], 3, 1, 0)
def test_readout_divides_downwards_also_below_zero(total, length, steps, shift):
    weight, bias = np.array([[127, -3], [5, 1]], np.int8), np.array([7, -9], np.int32)
    logits = arithmetic.readout(np.array([total], float), [length], steps, weight, bias, shift)
    assert logits[0].tolist() == naive.readout(total, length, steps, weight.tolist(), bias.tolist(), shift)


@pytest.mark.parametrize(
    ("decay", "steps", "free"),
    [
        (1024, 4, True),
        (1024, 5, False),
        (2048, 7, True),
        (2048, 8, False),
        (410, 2, False),
        (410, 1, True),
        (0, 99, True),
        (4096, 99, True),
        (512, 3, True),
        (512, 4, False),
    ],
)
def test_some_decays_leave_no_remainder(decay, steps, free):
    assert arithmetic.leaves_no_remainder(decay, steps) == free


@given(st.sampled_from([0, 1024, 2048, 3072, 4096]), st.lists(whole(-(2**10), 2**10), min_size=4, max_size=4))
def test_where_a_decay_leaves_no_remainder_floating_point_gives_the_same_membrane(decay, currents):
    v, s, real = 0, 0, 0.0
    for current in currents:
        v, s = naive.lif_step(current, v, s, 2**20, decay, 0, "zero")
        real = real * (4096 - decay) / 4096 + current
        assert v == 64 * real
