"""Scaled thresholds: the grid, the limits, and fewer spikes."""

from dataclasses import replace

import numpy as np
import pytest

from export.cli import main
from export.ir.nir import read, write
from export.ir.thresholds import scale_thresholds
from simulate.fast import FastSimulator
from spikebert.core.errors import InputError
from tests.random_graph import random_graph


def test_higher_thresholds_give_fewer_spikes_and_stay_on_loihis_grid():
    graph = random_graph(norm="batch", reset="zero")
    scaled = scale_thresholds(graph, 1.37)
    sentences = [np.arange(n) for n in (3, 9)]
    before, after = (FastSimulator(g).run(sentences).counts["embeddings.lif"].sum() for g in (graph, scaled))
    assert after < before
    for old, new in zip(graph.neurons, scaled.neurons, strict=True):
        assert abs(new.threshold[0] - 1.37 * old.threshold[0]) <= 32
        assert (new.threshold % 64 == old.threshold % 64).all() or old.threshold[0] % 64 != 1


def test_factors_multiply_and_are_remembered():
    twice = scale_thresholds(scale_thresholds(random_graph(), 1.5), 2.0)
    assert twice.metadata["threshold_scale"] == 3.0


def test_a_provenance_without_a_number_is_of_thresholds_that_were_not_scaled():
    odd = replace(random_graph(), metadata={"threshold_scale": "x"})
    assert scale_thresholds(odd, 1.5).metadata["threshold_scale"] == 1.5


@pytest.mark.parametrize("factor", [0.0, -1.0, float("nan"), 1e-9, 1e9])
def test_factors_that_no_state_can_hold_are_refused(factor):
    with pytest.raises(InputError, match="threshold"):
        scale_thresholds(random_graph(), factor)


def test_an_exported_file_is_written_with_other_thresholds(tmp_path):
    write(random_graph(), tmp_path / "a.nir")
    assert main([str(tmp_path / "a.nir"), "--threshold-scale", "2", "-o", str(tmp_path / "b.nir")]) == 0
    a, b = read(tmp_path / "a.nir"), read(tmp_path / "b.nir")
    assert all((y.threshold == 2 * x.threshold).all() for x, y in zip(a.neurons, b.neurons, strict=True))


def test_loihi1_refuses_an_exported_file_that_its_neurons_cannot_run(tmp_path, capsys):
    write(random_graph(norm="batch", reset="subtract"), tmp_path / "a.nir")
    assert main([str(tmp_path / "a.nir"), "--chip", "loihi1", "-o", str(tmp_path / "b.nir")]) == 2
    assert "reset" in capsys.readouterr().err
    assert not (tmp_path / "b.nir").exists()
