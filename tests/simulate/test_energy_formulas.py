"""The formulas that stand on the report's page, written out again on bare counts.json: they give every total."""

import json

import pytest

from simulate.energy.accountings import compare
from simulate.energy.costs import costs
from simulate.energy.record import read_run
from tests.simulate.example_run import example_run

E = {name: cost.picojoules for name, cost in costs().items()}
FLOAT = (E["E_AC"], E["E_MAC"], E["E_MAC"])  # ADD, MAC of a weight, MAC of a state
INTEGER = (E["E_ADD32"], E["E_MAC8"], E["E_MAC32"])


class Counts:
    """counts.json, and the sums that the formulas name."""

    def __init__(self, counts):
        model, self.operations = counts["model"], counts["operations"]
        self.d, self.i = model["hidden_size"], model["intermediate_size"]
        self.t, self.blocks, self.heads = model["time_steps"], model["blocks"], model["heads"]
        self.bits, self.samples, self.tokens = model["weight_bits"], counts["samples"], counts["tokens"]
        self.lengths, self.squares = counts["lengths"], sum(n * n for n in counts["lengths"])
        self.updates = sum(layer["updates"] for layer in counts["layers"])
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
    return E["E_MAC"] * c.tokens * c.d + E["E_AC"] * (linear + attention)


def events(c):
    return E["E_AC"] * (c.synapses + c.coincidences)


def arithmetic(c, add, mac, wide):
    linears = [min(op["input_magnitude"] * add, op["input_events"] * mac) * op["outputs"] for op in c.of("linear")]
    additions = c.sum("embedding") + c.sum("stream") + c.sum("readout", "input_elements")
    norms, readout = (add + 3 * wide) * c.sum("layer_norm"), mac * c.sum("readout", "dense_macs")
    return sum(linears) + add * c.coincidences + norms + (add + wide) * c.updates + add * additions + readout


def memory(c):
    accumulations = c.synapses + c.coincidences  # no Linear of these runs is cheaper by multiplications
    return (
        arithmetic(c, *FLOAT)
        + E["E_32KB"] * c.bits / 64 * c.synapses
        + E["E_8KB"] / 64 * (64 * accumulations + 48 * c.updates + 32 * c.spikes)
        + E["E_DRAM"] * c.bits / 64 * c.sum("embedding")
    )


def loihi1(c):
    operations = c.synapses + c.coincidences
    return E["E_LOIHI_SYNOP"] * operations + E["E_LOIHI_ACTIVE"] * c.updates + E["E_LOIHI_SPIKE"] * c.spikes


def bert(c):
    return E["E_MAC"] * c.macs


def bert_arithmetic(c, add, mac, wide):
    norms = (2 * c.blocks + 1) * c.tokens * c.d * (add + 3 * wide)
    return c.macs * mac + norms + 2 * c.blocks * c.tokens * c.d * add


def bert_memory(c):
    weights = c.blocks * (4 * c.d**2 + 2 * c.d * c.i)
    values = c.blocks * (c.tokens * (12 * c.d + 2 * c.i) + 4 * c.heads * c.squares)
    traffic = E["E_32KB"] * c.samples * weights + E["E_8KB"] * values + E["E_DRAM"] * c.tokens * c.d
    return bert_arithmetic(c, *FLOAT) + traffic * 32 / 64


FORMULAS = {
    "paper": (paper, bert),
    "events": (events, bert),
    "graded": (lambda c: arithmetic(c, *FLOAT), lambda c: bert_arithmetic(c, *FLOAT)),
    "matched": (lambda c: arithmetic(c, *INTEGER), lambda c: bert_arithmetic(c, *INTEGER)),
    "memory": (memory, bert_memory),
    "loihi1": (loihi1, bert),
}


@pytest.mark.parametrize("norm", ["layer", "batch"])
def test_every_account_and_its_reference_follow_from_the_file_by_the_formulas_of_the_page(tmp_path, norm):
    folder = example_run(tmp_path, norm=norm)
    counts = Counts(json.loads((folder / "counts.json").read_text("utf-8")))
    comparisons = compare(read_run(folder))
    assert [each.spiking.name for each in comparisons] == list(FORMULAS)
    for each in comparisons:
        spiking, reference = FORMULAS[each.spiking.name]
        assert each.spiking.picojoules == pytest.approx(spiking(counts), rel=1e-12), each.spiking.name
        assert each.reference.picojoules == pytest.approx(reference(counts), rel=1e-12), each.reference.name
