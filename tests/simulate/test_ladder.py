"""The verdict on machines that differ: which spike, how the table tells it, and the exit code."""

from dataclasses import replace

import numpy as np
import pytest

from export import nir
from export.graph import LIF, Readout
from simulate import lava
from simulate.cli import main as simulate
from simulate.fast import FastSimulator
from simulate.ladder import climb, table
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


def test_a_neuron_with_another_decay_is_named_with_both_values(monkeypatch):
    monkeypatch.setattr(lava, "run", machine(LIF, decay=lambda decay: decay // 2))
    graph = random_graph()
    fast, other = climb(graph, SENTENCES, ["block"], tell=lambda line: None)
    assert fast.equal and not other.equal
    found = other.divergence
    assert found is not None
    spikes = [r.spikes or {} for r in (FastSimulator(graph).run(SENTENCES, True), lava.run(graph, SENTENCES, "", True))]
    tokens = 3 * found.sample + found.token
    assert [s[found.layer][found.step, tokens, found.neuron] for s in spikes] == [found.expected, found.found]
    printed = table([fast, other], None)
    assert f"lava-block parts from fast at sample {found.sample}, step {found.step}, layer {found.layer}" in printed
    assert "equal in every spike" not in printed


def test_equal_spikes_with_other_logits_are_told(monkeypatch):
    monkeypatch.setattr(lava, "run", machine(Readout, bias=lambda bias: bias + 1))
    rungs = climb(random_graph(), SENTENCES, ["layer"], tell=lambda line: None)
    assert rungs[1].divergence is None and not rungs[1].equal
    assert "lava-layer: the logits of 2 sentences differ from fast" in table(rungs, None)


@pytest.mark.parametrize(("changes", "code"), [(dict(decay=lambda d: d), 0), (dict(decay=lambda d: d // 2), 1)])
def test_verify_ends_with_1_if_a_machine_differs_in_any_spike(monkeypatch, tmp_path, capsys, changes, code):
    monkeypatch.setattr(lava, "run", machine(LIF, **changes))
    nir.write(replace(random_graph(), tokenizer=tokenizer()), tmp_path / "model.nir")
    (tmp_path / "d.tsv").write_text("label0\ta good film\nlabel1\ta very bad film\n")
    assert simulate(["verify", str(tmp_path / "model.nir"), "--data", str(tmp_path / "d.tsv")]) == code
    assert ("parts from fast" in capsys.readouterr().out) == bool(code)
