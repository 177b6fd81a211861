"""Layers cut by time: every point of the curve is faster than the last, fits, and loses no row."""

from dataclasses import replace
from itertools import pairwise

import pytest

from deploy.chips.chip import read_chip
from deploy.chips.mapping import map_graph
from deploy.cli import main
from export.ir import nir
from spikebert.core.errors import InputError
from tests.random_graph import random_graph

LOIHI2 = read_chip("loihi2")
# the times of Loihi 1, as a review worked out by hand what 128 cores would give
BY_HAND = replace(
    LOIHI2, synapse_ns=3.5, neuron_ns=8.4, barrier_ns=465.0, memory_ns=0.0, link_ns=0.0, synapse_memory_per_core=None
)


@pytest.mark.parametrize("strategy", ["unrolled", "token-serial"])
def test_each_point_of_the_curve_takes_more_cores_and_less_time(strategy):
    points = map_graph(random_graph(norm="batch", width=24), LOIHI2, strategy=strategy).curve
    assert len(points) > 3
    assert all(a.cores <= b.cores and a.nanoseconds >= b.nanoseconds for a, b in pairwise(points))
    assert points[-1].cores <= 128


@pytest.mark.parametrize("objective", ["latency", "energy"])
def test_a_cut_by_time_is_faster_needs_less_energy_and_holds_every_row_once(objective):
    graph = random_graph(norm="batch", width=24)
    least, best = (map_graph(graph, BY_HAND, "1", objective=o) for o in ("cores", objective))
    assert len(least.cores) < len(best.cores) <= 128
    assert best.estimate.runtime.latency.high < least.estimate.runtime.latency.high
    assert best.estimate.total_picojoules.high < least.estimate.total_picojoules.high
    for before, after in zip(least.cuts, best.cuts, strict=True):
        cells = [sum(core.cells for core in cut.cores()) for cut in (before, after)]
        assert cells[0] == cells[1] == before.population.rows * before.population.copies


def test_a_neuron_that_can_send_to_few_cores_keeps_its_readers_few():
    tight = replace(LOIHI2, output_axons_per_core=60)
    found = map_graph(random_graph(norm="batch", width=12), tight, "1", objective="latency")
    readers = {cut.population.name: -(-cut.population.rows // cut.rows) for cut in found.cuts}
    for cut in found.cuts:
        reached = sum(
            readers[other.population.name]
            for other in found.cuts
            for edge in other.population.inputs[:1]
            if edge.source == cut.population.name and not edge.grain
        )
        assert cut.rows * cut.copies * reached * cut.population.neurons <= 60


def test_rows_that_must_stay_together_do(tmp_path):
    found = map_graph(random_graph(norm="layer", width=12), LOIHI2, "1", objective="latency")
    assert all(cut.rows % cut.population.together == 0 or cut.rows == cut.population.rows for cut in found.cuts)


def test_the_command_takes_the_objective_and_names_it(tmp_path, capsys):
    nir.write(random_graph(norm="batch"), tmp_path / "model.nir")
    arguments = ["map", str(tmp_path / "model.nir"), "--objective", "latency", "-o", str(tmp_path / "map")]
    assert main(arguments) == 0
    assert "| cut for | latency |" in (tmp_path / "map" / "mapping.md").read_text("utf-8")
    with pytest.raises(InputError, match="needs"):
        map_graph(
            random_graph(width=120, blocks=5, max_tokens=64, norm="batch"), LOIHI2, "1", "unrolled", objective="energy"
        )
