"""The formulas that stand on the report's page, written out again on bare counts.json: they give every total."""

import json
from pathlib import Path

import pytest

from simulate.counts_schema import LayerCount
from simulate.energy import dataflow, graded
from simulate.energy.account import CHIP, FLOAT32, INTEGERS, KINDS
from simulate.energy.accountings import compare
from simulate.energy.costs import costs
from simulate.energy.record import read_run
from simulate.report.plotting import KIND_COLOURS
from simulate.report.report import read_report
from simulate.run import Run
from tests.simulate.example_run import example_run

E = {name: cost.picojoules for name, cost in costs().items()}
FLOAT = (E["E_AC"], E["E_MAC"], E["E_MAC"])  # ADD, MAC of a weight, MAC of a state
INTEGER = (E["E_ADD32"], E["E_MAC8"], E["E_MAC32"])


class Counts:
    """counts.json, and the sums that the formulas name."""

    def __init__(self, counts):
        model, self.operations = counts["model"], counts["operations"]
        self.d = model["hidden_size"]
        self.i = model["intermediate_size"] or 4 * self.d  # without an MLP the BERT has the usual one
        self.t, self.blocks, self.heads = model["time_steps"], model["blocks"], model["heads"]
        self.bits, self.samples, self.tokens = model["weight_bits"], counts["samples"], counts["tokens"]
        self.lengths, self.squares = counts["lengths"], sum(n * n for n in counts["lengths"])
        self.updates = sum(layer["updates"] for layer in counts["layers"])
        self.leaks = sum(layer["updates"] - layer["neurons"] for layer in counts["layers"])
        self.decays = {layer["decay"] for layer in counts["layers"]}
        self.spikes = sum(layer["spikes"] for layer in counts["layers"])
        self.coincidences = sum(map(cheaper_order, self.of("attention")))
        self.synapses = sum(op["input_magnitude"] * op["outputs"] for op in self.of("linear"))
        self.macs = self.blocks * (self.tokens * (4 * self.d**2 + 2 * self.d * self.i) + self.squares * 2 * self.d)

    def of(self, kind):
        return [op for op in self.operations if op["kind"] == kind]

    def sum(self, kind, field="elements"):
        return sum(op[field] for op in self.of(kind))


def cheaper_order(attention):
    qk, qk_v, kv, q_kv = (sum(attention[f"{kind}_per_step"]) for kind in ("qk", "qk_v", "kv", "q_kv"))
    return min(qk + qk_v, kv + q_kv)


def paper(c):
    linear = sum(c.t * op["input_magnitude"] / op["input_elements"] * op["dense_macs"] for op in c.of("linear"))
    attention = sum(c.t * op["input_events"] / op["input_elements"] * op["dense_macs"] for op in c.of("attention"))
    return E["E_MAC"] * c.sum("embedding") + E["E_AC"] * (linear + attention)


def events(c):
    return E["E_AC"] * (c.synapses + c.coincidences)


def of_linears(c, add, mac, moved=0.0):
    """(pJ of the arithmetic, operations), each Linear as spikes or as graded events, whichever costs less to run."""
    ways = [[(op["input_magnitude"], add), (op["input_events"], mac)] for op in c.of("linear")]
    taken = [min(way, key=lambda each: each[0] * (each[1] + moved)) for way in ways]
    outputs = [op["outputs"] for op in c.of("linear")]
    energy = sum(n * price * out for (n, price), out in zip(taken, outputs, strict=True))
    return energy, sum(n * out for (n, _), out in zip(taken, outputs, strict=True))


def leak(c, add, wide):
    assert c.decays == {410}  # a decay of 0.9 is a multiplication
    return (wide - add) * c.leaks


def arithmetic(c, add, mac, wide, moved=0.0):
    linears, _ = of_linears(c, add, mac, moved)
    streams = sum(op["elements"] * (op.get("inputs", 2) - 1) for op in c.of("stream"))
    residual = streams + c.sum("currents", "additions")
    additions = c.sum("embedding") + residual + c.sum("readout", "input_elements")
    norms, readout = (add + 3 * wide) * c.sum("layer_norm"), mac * c.sum("readout", "dense_macs")
    neurons = 2 * add * c.updates + leak(c, add, wide)
    return linears + add * c.coincidences + norms + neurons + add * additions + readout


def memory(c):
    moved = E["E_32KB"] * c.bits / 64 + E["E_8KB"]
    _, synapses = of_linears(c, *FLOAT[:2], moved)
    return (
        arithmetic(c, *FLOAT, moved)
        + moved * synapses
        + E["E_8KB"] / 64 * (64 * c.coincidences + 48 * c.leaks + 32 * c.spikes + 96 * c.sum("currents"))
        + E["E_DRAM"] * 8 / 64 * c.sum("embedding")
    )


def loihi1(c):
    operations = c.synapses + c.coincidences
    return E["E_LOIHI_SYNOP"] * operations + E["E_LOIHI_ACTIVE"] * c.updates + E["E_LOIHI_SPIKE"] * c.spikes


def bert(c):
    return E["E_MAC"] * c.macs


def bert_arithmetic(c, add, mac, wide):
    norms = (2 * c.blocks + 1) * c.tokens * c.d * (add + 3 * wide)
    functions = c.heads * c.squares * (4 * wide + 2 * add) + c.tokens * c.i * (3 * wide + add)
    return c.macs * mac + norms + c.blocks * (2 * c.tokens * c.d * add + functions)


def bert_integers(c):
    scaled = c.blocks * (c.tokens * (6 * c.d + c.i) + c.heads * c.squares)
    return bert_arithmetic(c, *INTEGER) + scaled * E["E_MAC32"]


def bert_memory(c):
    weights = c.blocks * (4 * c.d**2 + 2 * c.d * c.i)
    values = c.blocks * (c.tokens * (12 * c.d + 2 * c.i) + 4 * c.heads * c.squares)
    traffic = E["E_32KB"] * c.samples * weights + E["E_8KB"] * values + E["E_DRAM"] * c.tokens * c.d
    return bert_arithmetic(c, *FLOAT) + traffic * 32 / 64


FORMULAS = {
    "paper": (paper, bert),
    "events": (events, bert),
    "graded": (lambda c: arithmetic(c, *FLOAT), lambda c: bert_arithmetic(c, *FLOAT)),
    "matched": (lambda c: arithmetic(c, *INTEGER), bert_integers),
    "memory": (memory, bert_memory),
    "loihi1": (loihi1, bert),
}


@pytest.mark.parametrize("norm", ["layer", "batch"])
def test_every_term_is_of_a_kind_that_the_report_shows(tmp_path, norm):
    for comparison in compare(read_run(example_run(tmp_path, norm=norm))):
        for account in (comparison.spiking, comparison.reference):
            for term in account.terms:
                assert term.kind in KINDS, f"{account.name}: {term.name} is {term.kind!r}, which KINDS must have"
            assert sum(part.picojoules for part in account.by_kind().values()) == pytest.approx(account.picojoules)


def test_every_kind_has_a_colour():
    assert set(KIND_COLOURS) == set(KINDS), "simulate/report/plotting.py: KIND_COLOURS must have each of KINDS"


def test_every_accounting_is_told_of_where_it_is_looked_for(tmp_path):
    page = (Path(__file__).parents[2] / "docs/energy.md").read_text("utf-8")
    for comparison in compare(read_run(example_run(tmp_path))):
        name = comparison.spiking.name
        assert name in FORMULAS, f"FORMULAS here must have the formula of {name}, written out again"
        assert f"\n| `{name}` |" in page, f"docs/energy.md: the table of accountings needs a row for {name}"
        assert comparison.spiking.prices in (FLOAT32, INTEGERS, CHIP), (
            f"simulate/energy: the prices of {name} must be FLOAT32, INTEGERS or CHIP: the report tells by them what "
            "stands beside BERT"
        )
        assert f'"{name}"' in (Run.energy.__doc__ or ""), (
            f"simulate/run.py: the docstring of Run.energy must name {name}"
        )


def test_an_account_whose_arithmetic_is_that_of_float32_is_paid_in_float32(tmp_path):
    for comparison in compare(read_run(example_run(tmp_path))):
        for account in (comparison.spiking, comparison.reference):
            in_floats = any(term.cost.name in ("E_AC", "E_MAC") for term in account.terms)
            assert in_floats == (account.prices == FLOAT32), f"{account.name}: its prices are not {account.prices}"


def test_the_page_names_the_accountings_whose_energy_has_a_range(tmp_path):
    page = (Path(__file__).parents[2] / "docs/energy.md").read_text("utf-8")
    named = page.partition("The accountings with a range are ")[2].partition(",")[0]
    found = [each.spiking for each in compare(read_run(example_run(tmp_path)))]
    ranged = [f"`{account.name}`" for account in found if account.span.low < account.span.high]
    assert named == " and ".join(ranged), (
        f"docs/energy.md: say that the accountings with a range are {' and '.join(ranged)}"
    )


MEMBRANE = {"norm": "batch", "residual": "membrane"}


@pytest.mark.parametrize(
    "shape",
    [
        {"norm": "layer"},
        {"norm": "batch"},
        {"norm": "batch", "neighbours": True},
        MEMBRANE,
        {**MEMBRANE, "attention_only": True},
    ],
)
def test_every_account_and_its_reference_follow_from_the_file_by_the_formulas_of_the_page(tmp_path, shape):
    folder = example_run(tmp_path, **shape)
    counts = Counts(json.loads((folder / "counts.json").read_text("utf-8")))
    comparisons = compare(read_run(folder))
    assert [each.spiking.name for each in comparisons] == list(FORMULAS)
    for each in comparisons:
        spiking, reference = FORMULAS[each.spiking.name]
        assert each.spiking.picojoules == pytest.approx(spiking(counts), rel=1e-12), each.spiking.name
        assert each.reference.picojoules == pytest.approx(reference(counts), rel=1e-12), each.reference.name


def test_words_are_read_in_8_bits_where_the_weights_have_fewer(tmp_path):
    folder = example_run(tmp_path)
    content = json.loads((folder / "counts.json").read_text("utf-8"))
    content["model"]["weight_bits"] = 4
    (folder / "counts.json").write_text(json.dumps(content), "utf-8")
    found = {each.spiking.name: each.spiking for each in compare(read_run(folder))}
    assert found["memory"].picojoules == pytest.approx(memory(Counts(content)), rel=1e-12)
    words = [term for term in found["memory"].terms if term.cost.name == "E_DRAM"]
    assert sum(term.operations for term in words) == Counts(content).sum("embedding") * 8 / 64


def test_neighbours_cost_an_addition_and_a_reading_of_each_of_their_values(tmp_path):
    found = []
    for neighbours in (False, True):
        folder = tmp_path / str(neighbours)
        folder.mkdir()
        run = read_run(example_run(folder, neighbours=neighbours))
        by_name = {each.spiking.name: each.spiking for each in compare(run)}
        named = {
            name: sum(term.picojoules for term in account.terms if term.name == "embeddings.word")
            for name, account in by_name.items()
        }
        found.append((named, (run.tokens - run.samples) * run.model.hidden_size))
    (plain, _), (beside, values) = found
    more = {name: beside[name] - plain[name] for name in plain}
    read = E["E_DRAM"] * 8 / 64
    wanted = {"paper": E["E_MAC"], "graded": E["E_AC"], "matched": E["E_ADD32"], "memory": E["E_AC"] + read}
    for name, energy in more.items():
        assert energy == pytest.approx(values * wanted.get(name, 0)), name


def shared(c, moved=0.0):
    """pJ of a run's arithmetic in integers, and of what is moved whatever the dataflow is."""
    states = E["E_8KB"] / 64 * (48 * c.leaks + 32 * c.spikes + 96 * c.sum("currents"))
    return arithmetic(c, *INTEGER, moved) + states + E["E_DRAM"] * 8 / 64 * c.sum("embedding")


def bert_shared(c):
    values = c.blocks * (c.tokens * (12 * c.d + 2 * c.i) + 4 * c.heads * c.squares)
    return bert_integers(c) + values * E["E_8KB"] / 8 + E["E_DRAM"] * c.tokens * c.d / 8


def test_both_sides_of_a_dataflow_follow_from_the_file(tmp_path):
    folder = example_run(tmp_path, norm="batch")
    c = Counts(json.loads((folder / "counts.json").read_text("utf-8")))
    weight, sums = E["E_32KB"] * c.bits / 64, E["E_8KB"]
    held = sum(op["inputs"] * op["outputs"] for op in c.of("linear"))
    whole = c.blocks * (4 * c.d**2 + 2 * c.d * c.i)

    def operations(moved):
        return of_linears(c, *INTEGER[:2], moved)[1]

    once = shared(c) + c.samples * held * weight, bert_shared(c) + c.samples * whole * E["E_32KB"] / 8
    each_weight = shared(c, weight) + operations(weight) * weight, bert_shared(c) + c.tokens * whole * E["E_32KB"] / 8
    no_reuse = (
        shared(c, weight + sums) + operations(weight + sums) * (weight + sums) + c.coincidences * sums,
        each_weight[1] + c.macs * sums,
    )
    batched = shared(c) + c.samples * held * weight / 32, bert_shared(c) + c.samples * whole * E["E_32KB"] / 8 / 32
    dram = once[0], bert_shared(c) + c.samples * whole * E["E_DRAM"] / 8
    wanted = [no_reuse, each_weight, once, batched, dram, (no_reuse[0], once[1])]
    found = dataflow.comparisons(read_run(folder))
    for each, (ours, theirs) in zip(found, wanted, strict=True):
        assert each.spiking.picojoules == pytest.approx(ours, rel=1e-12), each.spiking.title
        assert each.reference.picojoules == pytest.approx(theirs, rel=1e-12), each.reference.title


SHIFT, SHIFT_AND_ADDITION, MULTIPLICATION = 0, E["E_ADD32"], E["E_MAC32"] - E["E_ADD32"]


@pytest.mark.parametrize(
    "decay, leak",
    [
        (0, SHIFT),  # all of it stays
        (2048, SHIFT),  # 1/2
        (3072, SHIFT),  # 1/4
        (4096, SHIFT),  # nothing
        (1024, SHIFT_AND_ADDITION),  # 3/4
        (256, SHIFT_AND_ADDITION),  # 15/16
        (2304, SHIFT_AND_ADDITION),  # 7/16, a half less a sixteenth
        (2816, SHIFT_AND_ADDITION),  # 5/16, a quarter and a sixteenth
        (410, MULTIPLICATION),  # 0.9
    ],
)
def test_a_leak_is_a_shift_or_a_shift_and_an_addition_or_a_multiplication(decay, leak):
    layer = LayerCount("lif", 5, 20, [9, 9, 9], 27, 0.45, 60, 0, 0, decay)  # 20 neurons of all tokens, three steps
    terms = graded.neurons(layer, costs()["E_ADD32"], costs()["E_MAC32"])
    assert sum(term.picojoules for term in terms) == pytest.approx(2 * 60 * E["E_ADD32"] + 40 * leak)


def test_the_report_states_what_each_dataflow_pays(tmp_path):
    panels = read_report(example_run(tmp_path)).panels
    stated = [line for panel in panels if panel.key == "energy" for line in panel.formulas]
    for ours, theirs in dataflow.PAIRS:
        for flow in (ours, theirs):
            assert f"{flow.name}:  {flow.formula}" in stated
    assert dataflow.NO_REUSE.formula == "Q = E_32KB · bits / 64, S = E_8KB, W = 0"
    assert dataflow.DRAM.formula == "Q = 0, S = 0, W = E_DRAM · bits / 64"


def test_a_bert_of_as_few_bits_pays_for_them_alone(tmp_path):
    folder = example_run(tmp_path, norm="batch")
    c = Counts(json.loads((folder / "counts.json").read_text("utf-8")))
    found, bits = dataflow.narrow(read_run(folder)), dataflow.narrow_bits(c.t)
    saved = c.macs * E["E_MUL8"] * (1 - bits / 8)
    assert found.reference.picojoules == pytest.approx(bert_integers(c) - saved, rel=1e-12)


def test_a_narrow_product_costs_what_its_bits_or_its_partial_sums_do():
    price = dataflow.narrow_mac(3)
    assert (price.low, price.high) == pytest.approx((0.1 + 2 * 0.03, 0.1 + 0.2 * 3 / 8))
    for bits in range(2, 8):
        price = dataflow.narrow_mac(bits)
        assert E["E_ADD32"] < price.low <= price.picojoules <= price.high < 1.3 * price.low
    one, whole = dataflow.narrow_mac(1), dataflow.narrow_mac(9)
    assert one.low == one.high == E["E_ADD32"]
    assert whole.low == whole.high == pytest.approx(E["E_MAC8"])


def test_spikes_of_four_steps_say_what_three_bits_do():
    assert [dataflow.narrow_bits(steps) for steps in (1, 2, 3, 4, 7, 8)] == [1, 2, 2, 3, 3, 4]
