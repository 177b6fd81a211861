"""The accounts: hand-made sums, a plain recount of recorded spikes, and the reference against the counts."""

from dataclasses import replace

import numpy as np
import pytest

from simulate.counts_schema import AttentionCount, EmbeddingCount, LayerCount, LinearCount, Origin, PerSample, Shape
from simulate.energy import bert, events, graded, loihi1, matched, memory, paper
from simulate.energy.account import Account, Comparison, Term
from simulate.energy.accountings import compare
from simulate.energy.costs import STATUSES, costs
from simulate.energy.record import RunRecord, read_run
from tests.simulate.example_run import example_run


def shape(**sizes):
    given = dict(time_steps=4, max_tokens=8, vocabulary=9, hidden_size=2, intermediate_size=3, blocks=1, heads=1)
    texts = dict(file="m.nir", sha256="", labels=["a", "b"], norm="layer", reset="subtract", weight_bits=8, metadata={})
    return Shape(**{**given, **texts, **sizes})


def record(lengths, operations, **sizes):
    return RunRecord(
        samples=len(lengths),
        tokens=sum(lengths),
        lengths=lengths,
        accuracy=None,
        correct=None,
        majority=None,
        folder=None,
        model=shape(**sizes),
        origin=Origin(backend="fast", data="dev.tsv", command="", seconds=0.0, versions={}),
        layers=[LayerCount("embeddings.lif", 2, 6, [0, 0, 0, 0], 0, 0.0, 24, 0, 0)],
        per_sample=PerSample(spikes=[], synaptic_operations=[], attention_pairs_first=[], attention_memory_first=[]),
        operations=operations,
    )


# Two texts of 1 and 2 tokens, D = 2, T = 4: 3 tokens, 24 inputs of the Linear, 72 of Q, K and V.
BY_HAND = record(
    [1, 2],
    [
        EmbeddingCount("embeddings.word", 2, 6),
        LinearCount("blocks.0.attention.qkv.linear", 2, 3, 24, 5, 7, 21, [21, 0, 0, 0], 0, 18),
        AttentionCount("blocks.0.attention.coincidences", 2, 1, 24, 72, 18, [3], [4], [2], [7], [5], 20),
    ],
)


def picojoules(parts):
    """{name: pJ} of an account's parts."""
    return {name: part.picojoules for name, part in parts.items()}


def test_the_paper_by_hand():
    account = paper.account(BY_HAND)
    # The embedding looks up 3 · 2 values; 4 · 7/24 · 18 = 21 accumulations; 4 · 18/72 · 20 = 20.
    assert [term.operations for term in account.terms] == [6, 21, 20]
    assert account.picojoules == pytest.approx(6 * 4.6 + 41 * 0.9)


def test_events_by_hand():
    account = events.account(BY_HAND)
    assert {term.name: term.operations for term in account.terms} == {
        "blocks.0.attention.qkv.linear": 21,
        "blocks.0.attention.coincidences": 7,  # 3 + 4 pairs first, 2 + 7 memory first
    }
    assert account.picojoules == pytest.approx(28 * 0.9)


def test_all_arithmetic_by_hand():
    account = graded.account(BY_HAND)
    # The Linear: 7 spikes at 0.9 are cheaper than 5 events at 4.6. All 24 updates compare and add; 18 multiply, too.
    assert picojoules(account.by_kind()) == pytest.approx(
        {"embedding": 6 * 0.9, "attention": 7 * 0.9, "projections": 21 * 0.9, "neurons": 30 * 0.9 + 18 * 4.6}
    )
    # In integers: 0.1 an addition, 3.2 where a state is multiplied.
    assert picojoules(matched.account(BY_HAND).by_kind()) == pytest.approx(
        {"embedding": 0.6, "attention": 0.7, "projections": 2.1, "neurons": 30 * 0.1 + 18 * 3.2}
    )


def test_a_leak_of_a_quarter_is_a_shift_and_an_addition_and_one_step_has_none():
    layer = BY_HAND.layers[0]
    cost = costs()
    quarter = graded.neurons(replace(layer, decay=1024), cost["E_AC"], cost["E_MAC"])
    assert [(term.operations, term.cost.name) for term in quarter] == [(48 + 18, "E_AC")]
    half = graded.neurons(replace(layer, decay=2048), cost["E_AC"], cost["E_MAC"])
    assert [(term.operations, term.cost.name) for term in half] == [(48, "E_AC")]
    single = graded.neurons(replace(layer, updates=6, decay=410), cost["E_AC"], cost["E_MAC"])
    assert [(term.operations, term.cost.name) for term in single] == [(12, "E_AC")]


def test_a_graded_event_is_multiplied_where_that_is_cheaper():
    large = LinearCount("blocks.0.mlp.up.linear", 2, 3, 24, 5, 50, 150, [150], 0, 18)
    term = graded.linear(large, "MLP", costs()["E_AC"], costs()["E_MAC"])
    assert (term.operations, term.cost.name) == (15, "E_MAC")  # 15 · 4.6 < 150 · 0.9


def test_memory_by_hand():
    traffic = memory.account(BY_HAND).by_kind()["traffic"].picojoules
    # With what they move, 5 events at 4.6 + 12.5 pJ are cheaper than 7 spikes at 0.9 + 12.5.
    weights, accumulators = 15 * 8 / 64 * 20, (15 + 7) * 10
    states, rows = 18 * 48 / 64 * 10, 6 * 8 / 64 * 1300
    assert traffic == pytest.approx(weights + accumulators + states + rows)


def test_loihi_by_hand():
    assert loihi1.account(BY_HAND).picojoules == pytest.approx(28 * 23.6 + 24 * 81)


def test_the_break_even_rate_makes_both_sides_cost_the_same():
    cost = costs()["E_AC"]
    spiking = Account("", "", "", "", "", "", (Term("a", "MLP", 30, cost), Term("b", "neurons", 10, cost, fixed=True)))
    reference = Account("", "", "", "", "", "", (Term("a", "MLP", 100, cost),))
    # Three times the spikes: 90 + 10 operations.
    assert Comparison(spiking, reference).break_even(rate=0.2) == pytest.approx(0.6)
    assert Comparison(spiking, Account("", "", "", "", "", "", ())).break_even(0.2) is None


def test_a_total_spans_the_ranges_of_its_prices():
    found, single = loihi1.account(BY_HAND).span, events.account(BY_HAND)
    assert (found.low, found.high) == pytest.approx((28 * 23.6 + 24 * 72.8, 28 * 35.5 + 24 * 81))
    assert single.span.low == single.span.high == single.picojoules  # 45 nm prices have no range


def test_a_price_with_a_range_is_the_same_on_both_sides():
    dram, add = costs()["E_DRAM"], costs()["E_AC"]
    spiking = Account("", "", "", "", "", "", (Term("a", "traffic", 1, dram, fixed=True), Term("b", "MLP", 1000, add)))
    compared = Comparison(spiking, Account("", "", "", "", "", "", (Term("a", "traffic", 3, dram),)))
    found, rates = compared.ratio_span, compared.break_even_span(0.2)
    assert (found.low, found.high) == pytest.approx(((2600 + 900) / 7800, (1300 + 900) / 3900))
    assert (rates.low, rates.high) == pytest.approx((0.2 * 2600 / 900, 0.2 * 5200 / 900))


def test_the_break_even_begins_at_zero_where_a_silent_network_may_cost_more():
    dram, add = costs()["E_DRAM"], costs()["E_AC"]
    spiking = Account("", "", "", "", "", "", (Term("a", "traffic", 1, dram, fixed=True), Term("b", "MLP", 1000, add)))
    rates = Comparison(spiking, Account("", "", "", "", "", "", (Term("b", "MLP", 2000, add),))).break_even_span(0.2)
    assert (rates.low, rates.high) == pytest.approx((0, 0.2 * 500 / 900))


def test_bert_base_at_256_tokens_by_hand():
    run = record([256], [], hidden_size=768, intermediate_size=3072, blocks=12, heads=12)
    # 12 blocks of 256 · (4 · 768² + 2 · 768 · 3072) + 2 · 256² · 768
    assert bert.account(run).operations == 22_951_231_488
    assert bert.account(run).picojoules == pytest.approx(22_951_231_488 * 4.6)


@pytest.fixture(scope="module", params=["layer", "batch"])
def run_folder(request, tmp_path_factory):
    return example_run(tmp_path_factory.mktemp(request.param), norm=request.param)


def test_the_total_is_the_sum_of_the_terms_and_of_the_kinds(run_folder):
    for make in (paper.account, events.account, bert.account):
        account = make(read_run(run_folder))
        assert account.picojoules == pytest.approx(sum(t.operations * t.cost.picojoules for t in account.terms))
        assert account.picojoules == pytest.approx(sum(picojoules(account.by_kind()).values()))


def test_the_reference_does_once_what_each_spiking_node_does_at_every_step(run_folder):
    run = read_run(run_folder)
    dense = {operation.name: operation.dense_macs for operation in [*run.linears(), *run.attentions()]}
    assert {term.name: term.operations for term in bert.account(run).terms} == dense


def test_the_sops_of_the_paper_are_the_accumulations_of_a_linear(run_folder):
    run = read_run(run_folder)
    for linear in run.linears():
        assert paper.linear_sops(linear, run.model.time_steps) == pytest.approx(linear.synaptic_operations)


def test_a_plain_loop_over_the_recorded_spikes_counts_the_same_events(run_folder):
    run, spikes = read_run(run_folder), np.load(run_folder / "spikes.npz")
    stream = spikes["embeddings.lif"].astype(int)  # (T, M, D)
    expected = {}
    for i in range(run.model.blocks):
        attention, mlp = f"blocks.{i}.attention", f"blocks.{i}.mlp"
        expected[f"{attention}.qkv.linear"] = accumulations(stream, spikes[f"{attention}.qkv.lif"])
        expected[f"{attention}.output.linear"] = accumulations(spikes[f"{attention}.lif"], stream)
        stream = stream + spikes[f"{attention}.output.lif"]
        expected[f"{mlp}.up.linear"] = accumulations(stream, spikes[f"{mlp}.up.lif"])
        expected[f"{mlp}.down.linear"] = accumulations(spikes[f"{mlp}.up.lif"], stream)
        stream = stream + spikes[f"{mlp}.down.lif"]
    counted = {term.name: term.operations for term in events.account(run).terms if term.kind != "attention"}
    assert counted == expected


def accumulations(inputs, outputs):
    """One for every unit of every input and every output neuron, counted one by one."""
    count = 0
    for value in inputs.ravel():
        for _ in range(int(value)):
            count += outputs.shape[-1]
    return count


def test_every_price_is_above_zero_and_names_its_source_its_status_and_its_range():
    for cost in costs().values():
        assert 0 < cost.low <= cost.picojoules <= cost.high
        assert cost.status in STATUSES
        assert cost.operation
        assert cost.source


def test_a_price_of_several_operations_is_the_sum_of_theirs():
    compound = [cost for cost in costs().values() if cost.parts]
    assert [cost.name for cost in compound] == ["E_AC", "E_MAC", "E_MAC8", "E_MAC32"]
    for cost in compound:
        assert cost.picojoules == pytest.approx(sum(costs()[part].picojoules for part in cost.parts))


def test_every_account_is_the_sum_of_terms_of_the_runs_own_nodes(run_folder):
    run = read_run(run_folder)
    names = {operation.name for operation in run.operations} | {layer.name for layer in run.layers}
    for comparison in compare(run):
        account = comparison.spiking
        assert {term.name for term in account.terms} <= names
        for parts in (account.by_kind(), account.by_node()):
            assert sum(picojoules(parts).values()) == pytest.approx(account.picojoules)
            assert sum(part.span.high for part in parts.values()) == pytest.approx(account.span.high)
        assert comparison.ratio > 0
