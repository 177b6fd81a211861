"""Whole graphs: one call for all steps, a call a step, and the naive interpreter give the same values everywhere."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export.ir.arithmetic import STATE_MAX
from export.ir.graph import LIF, Embedding, Graph, Linear
from export.ir.product import INPUT_MAX
from export.ir.ranges import output_bounds
from export.runtime import kernels
from export.runtime.execute import walk
from export.runtime.kernels import FirstStepKernel, LIFKernel, LinearKernel, Membranes, make_kernel, make_kernels
from tests.export import naive
from tests.random_graph import pairs_of_texts, random_graph

SHAPES = [
    dict(norm="layer", reset="subtract"),
    dict(norm="layer", reset="zero"),
    dict(norm="batch", reset="subtract"),
    dict(norm="batch", reset="zero"),
    dict(norm="layer", reset="subtract", exponents=True),
    dict(norm="layer", reset="subtract", steps=1, width=10, heads=1),
    dict(norm="batch", reset="zero", residual="membrane"),
    dict(norm="batch", reset="subtract", residual="membrane", exponents=True),
    dict(norm="batch", reset="zero", steps=1, width=9, heads=3),  # more tokens than features of a head
    dict(norm="layer", reset="subtract", neighbours=True),
    dict(norm="batch", reset="zero", steps=1, residual="membrane", neighbours=True),
    dict(norm="batch", reset="zero", steps=1, residual="membrane", attention_only=True),
    dict(norm="layer", attention_only=True),
]


def sentences(graph, lengths=(1, 6, 3), seed=0):
    rng = np.random.default_rng(seed)
    return [rng.integers(0, len(graph.nodes[0].word), n) for n in lengths]


def run(graph, batch, steps_a_call=None, ready=None):
    """The outputs of all nodes over all steps, (T, M, D), and the logits."""
    steps_a_call = steps_a_call or graph.time_steps
    ready = ready or make_kernels(graph, output_bounds(graph), steps_a_call)
    lengths, tokens = [len(s) for s in batch], np.concatenate(batch)
    calls, states = [], {}
    for _ in range(graph.time_steps // steps_a_call):
        values = {}
        for _visit in walk(graph, ready, values, lengths, states, tokens):
            pass
        calls.append(values)
    logits = [call.pop(graph.nodes[-1].name) for call in calls][-1]
    outputs = {name: np.concatenate([call[name] for call in calls]) for name in calls[0]}
    # A constant output stands for all steps.
    return {k: np.repeat(v, graph.time_steps // len(v), axis=0) for k, v in outputs.items()}, logits


def assert_equals_naive(graph: Graph, batch):
    outputs, logits = run(graph, batch)
    start = 0
    for index, tokens in enumerate(batch):
        expected_logits, expected = naive.run(graph, tokens.tolist())
        assert logits[index].tolist() == expected_logits
        assert expected.keys() == outputs.keys()
        for name, values in expected.items():
            assert outputs[name][:, start : start + len(tokens)].tolist() == values, name
        start += len(tokens)


def with_nodes(graph, change):
    return dataclasses.replace(graph, nodes=tuple(change(node) for node in graph))


@pytest.mark.parametrize("shape", SHAPES)
def test_every_value_equals_that_of_the_naive_interpreter(shape):
    graph = random_graph(seed=3, blocks=1, **shape)
    assert_equals_naive(graph, sentences(graph))


@given(
    st.integers(0, 10**6),
    st.sampled_from([(6, 2), (9, 3), (10, 1)]),
    st.sampled_from(["layer", "batch"]),
    st.sampled_from(["subtract", "zero"]),
    st.integers(1, 3),
    st.lists(st.integers(1, 5), min_size=1, max_size=3),
)
@settings(max_examples=20)
def test_random_graphs_equal_the_naive_interpreter(seed, shape, norm, reset, steps, lengths):
    width, heads = shape
    graph = random_graph(seed, width, heads, blocks=1, norm=norm, reset=reset, steps=steps, vocabulary=9)
    assert_equals_naive(graph, sentences(graph, lengths, seed))


def test_a_graph_without_positions_equals_the_naive_interpreter():
    graph = random_graph(seed=4, blocks=1)
    blind = with_nodes(graph, lambda n: dataclasses.replace(n, position=None) if isinstance(n, Embedding) else n)
    assert_equals_naive(blind, sentences(blind))


@pytest.mark.parametrize("neighbours", [False, True])
@pytest.mark.parametrize("shared_words", [0, 1])
@pytest.mark.parametrize("norm", ["layer", "batch"])
def test_a_graph_for_sentence_pairs_equals_the_naive_interpreter(norm, shared_words, neighbours):
    shape = dict(norm=norm, separator=7, shared_words=shared_words, neighbours=neighbours)
    graph = random_graph(seed=4, blocks=1, **shape)
    assert_equals_naive(graph, pairs_of_texts(7))


@pytest.mark.parametrize("decay", [0, 4095, 4096])
def test_thresholds_and_biases_of_each_neuron_equal_the_naive_interpreter(decay):
    rng = np.random.default_rng(decay)

    def vary(node):
        if not isinstance(node, LIF):
            return node
        threshold = rng.integers(1, 2 * node.threshold[0], node.size).astype(np.int32)
        bias = rng.integers(-9999, 9999, node.size).astype(np.int32)
        return dataclasses.replace(node, threshold=threshold, bias=bias, decay=decay)

    graph = with_nodes(random_graph(seed=6, blocks=1), vary)
    assert_equals_naive(graph, sentences(graph))


@pytest.mark.parametrize("shape", SHAPES)
def test_step_by_step_equals_all_steps_at_once(shape):
    graph = random_graph(**shape)
    batch = sentences(graph)
    at_once, logits = run(graph, batch)
    stepwise, logits_stepwise = run(graph, batch, steps_a_call=1)
    assert np.array_equal(logits, logits_stepwise)
    assert all(np.array_equal(at_once[name], stepwise[name]) for name in at_once)


@pytest.mark.parametrize("elements", [1, 30, 100])
def test_the_size_of_a_block_of_rows_changes_nothing(elements, monkeypatch):
    graph = random_graph()
    batch = sentences(graph)
    whole_outputs, logits = run(graph, batch)
    monkeypatch.setattr(kernels, "BLOCK", elements)
    outputs, logits_in_blocks = run(graph, batch)
    assert np.array_equal(logits, logits_in_blocks)
    assert all(np.array_equal(outputs[name], whole_outputs[name]) for name in outputs)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("steps_a_call", [None, 1])
def test_working_in_place_changes_no_spike(shape, steps_a_call):
    graph = random_graph(**shape)
    batch = sentences(graph)
    outputs, logits = run(graph, batch, steps_a_call)
    ready = make_kernels(graph, output_bounds(graph), steps_a_call or graph.time_steps)
    readers = graph.consumers()
    for node in graph:
        ready[node.name].in_place = all(readers[source] == [node.name] for source in node.inputs)
    in_place, logits_in_place = run(graph, batch, steps_a_call, ready)
    assert np.array_equal(logits, logits_in_place)
    for node in graph.neurons:
        assert np.array_equal(outputs[node.name], in_place[node.name]), node.name


def test_many_rows_give_what_few_give():
    # Enough rows for the products of three rows at a time.
    graph = random_graph(max_tokens=8)
    batch = sentences(graph, [8] * 20)
    outputs, logits = run(graph, batch)
    for index in (0, 7, 19):
        alone, logits_alone = run(graph, batch[index : index + 1])
        assert np.array_equal(logits[index], logits_alone[0])
        assert all(np.array_equal(outputs[k][:, 8 * index : 8 * index + 8], alone[k]) for k in alone)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_sentence_gives_the_same_in_whatever_batch_it_stands(shape):
    graph = random_graph(**shape)
    first, second, third = sentences(graph, (4, 1, 7))
    together, logits = run(graph, [third, first, second])
    alone, logits_alone = run(graph, [first])
    assert np.array_equal(logits[1], logits_alone[0])
    assert all(np.array_equal(together[name][:, 7:11], alone[name]) for name in alone)


@pytest.mark.parametrize("shape", SHAPES)
def test_kernels_know_nothing_of_the_sentences_before(shape):
    graph = random_graph(**shape)
    ready = make_kernels(graph, output_bounds(graph), graph.time_steps)
    fresh, logits = run(graph, sentences(graph), ready=ready)
    run(graph, sentences(graph, (5, 2), seed=1), ready=ready)  # another number of tokens, too
    again, logits_again = run(graph, sentences(graph), ready=ready)
    assert np.array_equal(logits, logits_again)
    assert all(np.array_equal(fresh[name], again[name]) for name in fresh)


def test_neurons_go_on_from_the_state_that_they_are_given_and_leave_it_as_it_is():
    node = LIF("n", ("x",), 1, np.array([128], np.int32), 0, np.zeros(1, np.int32), "subtract")
    kernel = make_kernel(node, 1, input_bound=1)
    spikes, states = [], [None]
    for _ in range(4):
        train, state = kernel([np.ones((1, 1, 1), np.float32)], [1], states[-1])
        spikes.append(train.item())
        states.append(state)
    assert spikes == [0, 1, 0, 1]
    assert [state.membrane.item() for state in states[1:]] == [64, 128, 64, 128]
    assert [state.seen for state in states[1:]] == [1, 2, 3, 4]


def test_no_output_changes_when_its_kernel_is_called_again():
    graph = random_graph()
    ready = make_kernels(graph, output_bounds(graph), graph.time_steps)
    outputs, _ = run(graph, sentences(graph), ready=ready)
    kept = {name: value.copy() for name, value in outputs.items()}
    run(graph, sentences(graph, seed=9), ready=ready)
    assert all(np.array_equal(kept[name], outputs[name]) for name in kept)


@pytest.mark.parametrize(("bound", "carrier"), [(2**17 - 1, np.float32), (2**17, np.float64)])
def test_a_product_takes_the_carrier_that_its_input_needs(bound, carrier):
    weight = np.full((1, 1), 127, np.int8)
    bias = np.array([2**24 - 1 - 127 * (2**17 - 1)], np.int32)
    node = Linear("l", ("x",), weight, bias, 8, np.ones(1))
    kernel = make_kernel(node, 1, bound)
    assert isinstance(kernel, LinearKernel)
    assert kernel.weight.dtype == carrier
    y, _ = kernel([np.full((1, 1, 1), bound, np.float64)], [1])
    assert y.item() == naive.linear([bound], weight.tolist(), bias.tolist())[0]


@pytest.mark.parametrize("exponents", [False, True])
@pytest.mark.parametrize("largest", [INPUT_MAX, INPUT_MAX + 1])
def test_a_product_of_8_bit_integers_equals_that_of_floating_point(largest, exponents):
    rng = np.random.default_rng(largest)
    weight = rng.choice([-127, 127, 3], (5, 600)).astype(np.int8)
    exponent = np.array([0, 1, 2, 3, 3], np.int8) if exponents else None
    node = Linear("l", ("x",), weight, rng.integers(-9999, 9999, 5).astype(np.int32), 8, np.ones(1), exponent)
    kernel = make_kernel(node, 1, largest)
    assert isinstance(kernel, LinearKernel)
    assert (kernel.product is not None) == (largest == INPUT_MAX)
    x = rng.choice([0, 1, largest], (2, 7, 600)).astype(np.float32)
    assert node.bias is not None
    expected = x.astype(np.int64) @ node.synapses.T.astype(np.int64) + node.bias
    assert np.array_equal(kernel([x], [7])[0], expected)


@given(st.integers(0, 2**19), st.integers(1, 2**23 - 1), st.integers(-(2**31), 2**31 - 1))
def test_neurons_take_the_carrier_that_their_drive_needs(bound, threshold, bias):
    node = LIF("n", ("x",), 2, np.array([threshold], np.int32), 410, np.array([bias], np.int32), "subtract")
    kernel = make_kernel(node, 3, bound)
    assert isinstance(kernel, LIFKernel)
    train, state = kernel([np.array([[[bound, -bound]]], np.float32)], [1])
    assert isinstance(state, Membranes)
    for d, current in enumerate((bound, -bound)):
        v = s = 0
        for t in range(3):
            v, s = naive.lif_step(current, v, s, threshold, 410, bias, "subtract")
            assert train[t, 0, d] == s
        assert state.membrane[0, d] == v


@pytest.mark.parametrize("steps_a_call", [1, 6])
@pytest.mark.parametrize("short", [0, 1])
def test_a_membrane_saturates_in_the_first_step_in_which_it_can(steps_a_call, short):
    """The kernel does not look for saturation before: here the third step reaches the limit, or just not."""
    node = LIF("n", ("x",), 1, np.array([64], np.int32), 0, np.zeros(1, np.int32), "subtract")
    current = -(STATE_MAX // 3 // 64 + 1 - short)  # negative: it never fires
    kernel = make_kernel(node, steps_a_call, abs(current))
    assert isinstance(kernel, LIFKernel)
    v, state = 0, None
    for _ in range(6 // steps_a_call):
        _, state = kernel([np.full((steps_a_call, 1, 1), current, np.float32)], [1], state)
        for _ in range(steps_a_call):
            v, _ = naive.lif_step(current, v, 0, 64, 0, 0, "subtract")
        assert isinstance(state, Membranes)
        assert state.membrane.item() == v
    assert v == -STATE_MAX


@given(st.sampled_from([np.int32, np.float32, np.float64]), st.integers(0, 2**32 - 1))
@settings(max_examples=100, deadline=None)
def test_the_first_step_is_a_comparison_whatever_carries_the_current(carrier, seed):
    rng = np.random.default_rng(seed)
    width, bound = 300, 2**24 - 1
    threshold = rng.integers(1, STATE_MAX, width, endpoint=True).astype(np.int32)
    bias = rng.integers(-(2**31), 2**31, width).astype(np.int32)
    current = rng.integers(-bound, bound, (1, 7, width), endpoint=True)
    current[0, 0] = np.clip((threshold.astype(np.int64) - bias) // 64, -bound, bound)  # about where it fires
    node = LIF("n", ("x",), width, threshold, int(rng.integers(0, 4097)), bias, "zero")
    expected = LIFKernel(node, 1, bound)([current.astype(np.float64)], [7])[0]
    spikes, state = FirstStepKernel(node)([current.astype(carrier)], [7])
    assert np.array_equal(spikes, expected) and spikes.dtype == np.uint8 and state is None


def test_the_first_step_of_neurons_may_read_spikes_without_weights():
    threshold = np.array([64, 65, 1, 30], np.int32)
    node = LIF("n", ("x",), 4, threshold, 410, np.array([0, 0, -64, 40], np.int32), "zero")
    spikes = np.random.default_rng(0).integers(0, 2, (1, 9, 4)).astype(np.uint8)
    expected = LIFKernel(node, 1, 1)([spikes], [9])[0]
    assert np.array_equal(FirstStepKernel(node)([spikes], [9])[0], expected)
