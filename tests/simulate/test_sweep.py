"""Accuracy against energy: what texts cost that leave early, and under higher thresholds."""

import json

import numpy as np
import pytest

from simulate.cli import main
from simulate.energy import events
from simulate.energy.record import read_run
from simulate.fast import FastSimulator
from simulate.measure import Measure, predicted
from simulate.sweep import Point, front, run, sweep, table
from spikebert.core.errors import InputError
from spikebert.data.metrics import ACCURACY, SPEARMAN
from tests.random_graph import random_graph
from tests.simulate.example_run import example_run


def sentences():
    rng = np.random.default_rng(3)
    return [rng.integers(0, 50, n) for n in (4, 9, 1, 16)]


@pytest.mark.parametrize("norm", ["layer", "batch"])
def test_the_last_step_is_the_whole_run(norm):
    graph = random_graph(norm=norm)
    steps, whole = run(graph, sentences()), FastSimulator(graph).run(sentences())
    assert np.array_equal(steps.logits[-1], whole.logits)
    assert steps.spikes.sum() == sum(whole.counts[node.name].sum() for node in graph.neurons)


def test_energy_without_leaving_is_the_reports(tmp_path):
    folder = example_run(tmp_path)
    from export.ir.nir import read
    from simulate.text import encode

    graph = read(tmp_path / "model.nir")
    tokens = encode(graph, ["a good film", "a very bad film", "bad"], "texts")
    (point,) = sweep(graph, tokens, Measure(ACCURACY, np.zeros(3, int)), [1.0], [])
    record = read_run(folder)
    account = events.account(record)
    # The account takes the cheaper order of an attention over the run, a text that of its own in each step.
    assert point.microjoules == pytest.approx(account.picojoules / 3 / 1e6, rel=0.05)
    assert point.microjoules <= account.picojoules / 3 / 1e6
    assert point.rate == pytest.approx(record.rate)
    assert point.steps == 4


def test_a_smaller_margin_never_takes_more_steps():
    graph = random_graph(norm="batch", reset="zero")
    points = sweep(graph, sentences(), Measure(ACCURACY, np.zeros(4, int)), [1.0], [1e9, 1.0, 0.0])
    assert [p.steps for p in points] == sorted((p.steps for p in points), reverse=True)
    assert points[1].microjoules == points[0].microjoules
    assert points[-1].steps == 1


def test_the_front_is_what_no_other_beats():
    points = [Point(1, None, a, 4, e, 0.1) for a, e in [(0.8, 10), (0.9, 20), (0.85, 30), (0.8, 12), (0.95, 40)]]
    assert [(p.score, p.microjoules) for p in front(points)] == [(0.8, 10), (0.9, 20), (0.95, 40)]


def test_a_regression_is_swept_by_its_correlation_and_has_no_margins():
    graph = random_graph(norm="batch", reset="zero", labels=0)
    measure = Measure(SPEARMAN, predicted(graph, FastSimulator(graph).run(sentences()).logits))
    points = sweep(graph, sentences(), measure, [1.0, 1.5], [])
    assert points[0].score == pytest.approx(1) and len(points) == 2
    assert "| Spearman correlation |" in table(points, SPEARMAN)
    with pytest.raises(InputError, match="is ahead of no other"):
        sweep(graph, sentences(), measure, [1.0], [0.5])


def test_a_correlation_that_is_not_defined_is_told(caplog):
    graph = random_graph(norm="batch", reset="zero", labels=0)
    measure = Measure(SPEARMAN, np.ones(len(sentences())))
    with caplog.at_level("INFO"):
        assert [point.score for point in sweep(graph, sentences(), measure, [1.0, 1.5], [])] == [0, 0]
    assert "Spearman correlation: is not defined at 2 of 2 factors of the thresholds" in caplog.text


def test_the_command_prints_a_table_and_writes_points_and_figure(tmp_path, capsys):
    example_run(tmp_path)
    arguments = ["sweep", str(tmp_path / "model.nir"), "--data", str(tmp_path / "dev.tsv"), "--factors", "1", "1.5"]
    capsys.readouterr()
    assert main([*arguments, "--margins", "1", "-o", str(tmp_path / "points.json")]) == 0
    assert capsys.readouterr().out.count("| × 1") == 4
    assert len(json.loads((tmp_path / "points.json").read_text())) == 4
    assert main([*arguments, "-o", str(tmp_path / "points.svg")]) == 0
    assert (tmp_path / "points.svg").read_text().startswith("<?xml")
    assert main([*arguments, "-o", str(tmp_path / "points.txt")]) == 2
