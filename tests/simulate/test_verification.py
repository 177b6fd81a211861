"""The verdict on machines that differ: which spike, how the table tells it, and the exit code."""

import re
from dataclasses import replace

import numpy as np
import pytest

from export.ir import nir
from export.ir.graph import LIF, Readout
from export.runtime.execute import execute
from export.runtime.tally import tally
from simulate import lava
from simulate.cli import main as simulate
from simulate.compare import first_divergence
from simulate.fast import FastSimulator
from simulate.verification import Outcome, Verification, compare_backends
from tests.fuzz.originals import tokenizer
from tests.random_graph import random_graph

SENTENCES = [np.array([1, 2, 3]), np.array([4, 5, 6, 7])]


def machine(kind, **changes):
    """In Lava's place a machine that computes another graph: its nodes of that kind are not as the file has them."""

    def run(graph, sentences, granularity, record=False):
        nodes = tuple(replace(n, **{k: f(getattr(n, k)) for k, f in changes.items()}) if isinstance(n, kind) else n
                      for n in graph)  # fmt: skip
        return FastSimulator(replace(graph, nodes=nodes)).run(sentences, record)

    return run


def differing(graph, granularity="block"):
    """What the comparison says of Lava, a line for each kind of result, and all that it prints."""
    fast, other = compare_backends(graph, SENTENCES, [granularity])
    assert fast.equal and not other.equal
    return {line.partition(":")[0]: line for line in other.differences}, str(Verification([fast, other], None))


def test_a_neuron_with_another_decay_is_named_with_both_values(monkeypatch):
    monkeypatch.setattr(lava, "run", machine(LIF, decay=lambda decay: decay // 2))
    graph = random_graph()
    lines, printed = differing(graph)
    expected, found = (
        r.spikes or {} for r in (FastSimulator(graph).run(SENTENCES, True), lava.run(graph, SENTENCES, "", True))
    )
    place = first_divergence(expected, found, [3, 4])
    assert place is not None
    here = (place.step, 3 * place.sample + place.token, place.neuron)
    assert (expected[place.layer][here], found[place.layer][here]) == (place.expected, place.found)
    assert str(place) in lines["spikes"]
    assert f"lava-block differs in spikes: sample {place.sample}, step {place.step}, layer {place.layer}" in printed
    assert {"counts", "energy, events"} <= lines.keys()
    assert printed.endswith("DIFFERENT: lava-block, of fast, lava-block") and "equal in every spike" not in printed


def test_the_membrane_and_threshold_at_the_first_spike_that_differs_are_those_of_the_neuron(monkeypatch):
    graph = random_graph(norm="batch")
    bent = replace(graph["blocks.0.mlp.up.lif"], threshold=graph["blocks.0.mlp.up.lif"].threshold + 999)
    nodes = tuple(bent if n.name == bent.name else n for n in graph)
    other = FastSimulator(replace(graph, nodes=nodes)).run(SENTENCES, True)
    monkeypatch.setattr(lava, "run", lambda *_, **__: other)
    line = differing(graph)[0]["spikes"]
    sample, step, token, neuron = map(int, re.findall(r"(?:sample|step|token|neuron) (\d+)", line))
    drive = execute(graph, [SENTENCES[sample]])["blocks.0.mlp.up.linear"][:, token, neuron]
    v, threshold = 0, int(graph["blocks.0.mlp.up.lif"].threshold[0])
    bias = int(graph["blocks.0.mlp.up.lif"].bias[neuron])
    for t in range(step + 1):
        v = int(v * (4096 - 410) / 4096) - (threshold if t and v >= threshold else 0) + 64 * int(drive[t]) + bias
    assert line.endswith(f"our membrane there is {v:,}, the threshold {threshold:,}")


def changed(what, **parts):
    """In Lava's place the fast simulator, a part of whose result is another."""

    def run(graph, sentences, granularity, record=False):
        result = FastSimulator(graph).run(sentences, record)
        return replace(result, **{part: what(getattr(result, part)) for part in parts})

    return run


def test_equal_spikes_with_other_logits_are_told(monkeypatch):
    monkeypatch.setattr(lava, "run", machine(Readout, bias=lambda bias: bias + 1))
    lines, printed = differing(random_graph(), "layer")
    assert list(lines) == ["logits"]
    assert "lava-layer differs in logits: sample 0, label label0: " in printed
    assert "2 of 2 (100.00%) samples differ" in printed


def test_equal_spikes_with_another_prediction_are_told(monkeypatch):
    monkeypatch.setattr(lava, "run", machine(Readout, bias=lambda bias: np.array([0, 0, 10**6], np.int32)))
    lines, _ = differing(random_graph())
    assert re.search(r"predictions: sample \d: label2 instead of label\d; \d of 2", lines["predictions"])


@pytest.mark.parametrize(
    "key", ["blocks.0.attention.lif", "blocks.0.attention.coincidences:qk", "blocks.1.mlp.add:graded"]
)
def test_equal_spikes_that_are_counted_otherwise_are_told(monkeypatch, key):
    def wrapped(counts):
        counts = {name: rows.copy() for name, rows in counts.items()}
        counts[key][1, 2] += 1
        return counts

    monkeypatch.setattr(lava, "run", changed(wrapped, counts=wrapped))
    graph = random_graph()
    right = FastSimulator(graph).run(SENTENCES).counts[key]
    lines, printed = differing(graph)
    total = f"{right[:, 2].sum() + 1:,} instead of {right[:, 2].sum():,}"
    assert total in lines["counts"] and "step 2" in lines["counts"] and key.partition(":")[0] in lines["counts"]
    assert "spikes" not in lines and "DIFFERENT" in printed
    if ":" not in key:
        assert any(line.endswith(f"for {right[1, 2]:,} recorded spikes") for line in printed.splitlines())


def test_a_neuron_layer_that_is_silent_otherwise_is_told(monkeypatch):
    monkeypatch.setattr(lava, "run", changed(lambda fired: {k: 0 * v for k, v in fired.items()}, neurons=None))
    assert "embeddings.lif, dead: 12 instead of" in differing(random_graph())[0]["counts"]


def test_a_reference_that_miscounts_its_own_spikes_is_told(monkeypatch):
    monkeypatch.setattr("simulate.fast.tally", lambda node, *args: {k: v % 16 for k, v in tally(node, *args).items()})
    (fast,) = compare_backends(random_graph(), SENTENCES, [])
    assert not fast.equal
    assert re.search(r"fast differs in counts: layer .*: \d+ for \d+ recorded spikes", str(Verification([fast], None)))


def test_a_share_that_is_not_whole_is_never_shown_as_1():
    outcomes = [
        Outcome("fast", True, np.zeros(1, int), {"n": 1.0}),
        Outcome("float", False, np.zeros(1, int), {"n": 1 - 1e-9}),
    ]
    assert "0.999999" in str(Verification(outcomes, None))


@pytest.mark.needs("lava")
@pytest.mark.parametrize(("changes", "code"), [(dict(decay=lambda d: d), 0), (dict(decay=lambda d: d // 2), 1)])
def test_verify_ends_with_1_if_a_machine_differs_in_any_spike(monkeypatch, tmp_path, capsys, changes, code):
    monkeypatch.setattr(lava, "run", machine(LIF, **changes))
    nir.write(replace(random_graph(), tokenizer=tokenizer()), tmp_path / "model.nir")
    (tmp_path / "d.tsv").write_text("label0\ta good film\nlabel1\ta very bad film\n")
    assert simulate(["verify", str(tmp_path / "model.nir"), "--data", str(tmp_path / "d.tsv")]) == code
    assert ("lava-block differs in spikes" in capsys.readouterr().out) == bool(code)
