"""Texts that are done early: one definition, equal in everything on every backend, and kept in the model's file."""

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.bundle import binary, golden
from deploy.cli import main as deploy
from export.cli import main as export
from export.formats import netx, onnx_integer, stages
from export.ir import nir
from export.ir.arithmetic import steps_taken
from export.ir.early_exit import in_logits, margin_of, units, with_margin
from export.ir.graph import NO_MARGIN
from simulate import lava, sweep
from simulate.cli import main as simulate
from simulate.counts import counts_of
from simulate.energy.record import read_run
from simulate.fast import FastSimulator
from simulate.report.cli import main as report
from simulate.trace import trace
from spikebert.core.errors import InputError
from tests.random_graph import random_graph
from tests.simulate.example_run import example_run

SOURCE = Path(__file__).parents[2] / "deploy" / "bundle" / "reference.c"
MARGIN = "90000"
STOCK = {"norm": "batch", "reset": "zero"}
CURRENTS = {**STOCK, "residual": "membrane"}


def some_sentences():
    rng = np.random.default_rng(1)
    return [rng.integers(0, 50, n) for n in (4, 9, 1, 16, 7, 3)]


def leaving(**shape):
    """A graph with a margin that texts of `some_sentences` reach after different steps."""
    graph = random_graph(**shape)
    logits = np.sort(sweep.run(graph, some_sentences()).logits, axis=2)
    return with_margin(graph, str(np.quantile(logits[..., -1] - logits[..., -2], 0.6)))


@given(
    st.lists(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=3, max_size=3), min_size=1), st.integers(0, 2**63 - 1)
)
def test_a_text_is_done_after_the_first_step_that_puts_one_label_ahead(steps, margin):
    def ahead(logits):
        *_, second, first = sorted(logits)
        return first - second >= margin

    expected = next((t for t, logits in enumerate(steps, 1) if ahead(logits)), len(steps))
    assert steps_taken(np.array(steps)[:, None], margin).tolist() == [expected]


def test_a_margin_in_float_logits_is_the_least_whole_number_that_is_worth_it():
    assert [units(m, 0.25) for m in (0.0, 0.1, 0.25, 0.26, 1e300)] == [0, 1, 1, 2, 2**63 - 1]


@pytest.mark.parametrize("shape", [{}, STOCK, CURRENTS, {"levels": 2, "separator": 7}])
def test_the_fast_simulator_stops_where_the_steps_say_and_all_that_is_later_is_silent(shape):
    graph, sentences = leaving(**shape), some_sentences()
    by_step = sweep.run(graph, sentences)
    steps = steps_taken(by_step.logits, margin_of(graph))
    whole = FastSimulator(with_margin(graph, "never")).run(sentences, record=True)
    found = FastSimulator(graph).run(sentences, record=True)
    assert len({*steps.tolist()}) > 1
    assert found.steps is not None and np.array_equal(found.steps, steps)
    assert np.array_equal(found.logits, by_step.logits[steps - 1, np.arange(len(steps))])
    owner = np.repeat(np.arange(len(sentences)), [len(tokens) for tokens in sentences])
    for name, train in (whole.spikes or {}).items():
        for token, text in enumerate(owner):
            train[steps[text] :, token] = 0
        assert np.array_equal((found.spikes or {})[name], train)
        assert np.array_equal((found.neurons or {})[name], train.sum((0, 1)))
    for key, counted in whole.counts.items():
        assert np.array_equal(found.counts[key], counted * (np.arange(4) < steps[:, None]))


@pytest.mark.needs("lava")
@pytest.mark.parametrize(
    ("granularity", "shape"), [("block", {}), ("block", CURRENTS), ("layer", STOCK), ("stock", STOCK)]
)
def test_lava_gives_the_same_spikes_counts_logits_and_steps(granularity, shape):
    graph, sentences = leaving(blocks=1, **shape), some_sentences()
    expected = FastSimulator(graph).run(sentences, record=True)
    found = lava.run(graph, sentences, granularity, record=True, rows=20, deadline=300)
    assert np.array_equal(found.logits, expected.logits)
    assert np.array_equal(found.steps, expected.steps)
    for name, train in (expected.spikes or {}).items():
        assert np.array_equal((found.spikes or {})[name], train), name
    lengths = [len(tokens) for tokens in sentences]
    assert counts_of(graph, found, lengths) == counts_of(graph, expected, lengths)


@pytest.mark.parametrize("shape", [{}, STOCK])
def test_onnx_gives_the_same_logits(tmp_path, shape):
    graph, sentences = leaving(**shape), some_sentences()
    expected = FastSimulator(graph).run(sentences)
    assert len({*expected.steps.tolist()}) > 1
    onnx_integer.write(graph, tmp_path / "model.onnx")
    ids = np.zeros((len(sentences), 16), np.int64)
    mask = np.arange(16) < np.array([[len(tokens)] for tokens in sentences])
    ids[mask] = np.concatenate(sentences)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    (logits,) = session.run(None, {"input_ids": ids, "attention_mask": mask.astype(np.int64)})
    assert np.array_equal(logits, expected.logits)


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler here")
@pytest.mark.parametrize("shape", [{}, CURRENTS, {**STOCK, "separator": 7}])
def test_the_c_reference_gives_the_golden_vectors(tmp_path, shape):
    graph = leaving(**shape)
    found = golden.compute(graph, some_sentences())
    assert np.array_equal(found.steps, FastSimulator(graph).run(some_sentences()).steps)
    (tmp_path / "model.bin").write_bytes(binary.model_bytes(graph))
    (tmp_path / "golden.bin").write_bytes(binary.golden_bytes(graph, found))
    subprocess.run(["cc", "-std=c99", "-Wall", "-Wextra", "-Werror", "-o", tmp_path / "reference", SOURCE], check=True)
    files = [tmp_path / "model.bin", tmp_path / "golden.bin"]
    done = subprocess.run([tmp_path / "reference", *files], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_trace_ends_with_the_text():
    graph, sentences = leaving(), some_sentences()
    steps = FastSimulator(graph).run(sentences).steps
    graph = replace(graph, tokenizer=json.dumps({"model": {"type": "WordLevel", "vocab": {}, "unk_token": "?"}}))
    for number, (tokens, taken) in enumerate(zip(sentences, steps, strict=True), 1):
        found = trace(graph, tokens, number)
        assert {len(train) for train in (*found.spikes.values(), *found.membranes.values())} == {taken}


def test_the_margin_travels_in_the_file_and_never_takes_it_away(tmp_path, capsys):
    graph = random_graph()
    nir.write(graph, tmp_path / "plain.nir")
    plain, early, again = (str(tmp_path / f"{name}.nir") for name in ("plain", "early", "again"))
    assert export([plain, "--to", "nir", "--exit-margin", MARGIN, "-o", early]) == 0
    assert "early exit at 9e+04" in capsys.readouterr().out
    assert in_logits(nir.read(early)) == float(MARGIN)
    assert export([early, "--exit-margin", "never", "-o", again]) == 0
    assert nir.read(again) == graph and margin_of(nir.read(again)) == NO_MARGIN
    assert (nir.needed_version(graph), nir.needed_version(nir.read(early))) == (1, 4)


@pytest.mark.parametrize("margin", ["-1", "nan", "inf", "much", ""])
def test_a_margin_that_is_no_number_is_refused(margin):
    with pytest.raises(InputError, match="exit_margin"):
        with_margin(random_graph(), margin)


def test_a_model_of_one_label_has_no_margin(tmp_path):
    with pytest.raises(InputError, match="one label"):
        with_margin(random_graph(labels=1), "1")


@pytest.mark.parametrize("target", [stages, netx])
def test_a_format_whose_host_does_not_know_of_it_refuses_it_by_name(tmp_path, target):
    with pytest.raises(InputError, match="node readout: has an exit margin"):
        target.write(leaving(**STOCK), tmp_path / "out")


def early_run(tmp_path, *more):
    """(the model's file, a run of it at MARGIN, the same without)"""
    whole = example_run(tmp_path, norm="batch")
    arguments = [str(tmp_path / "model.nir"), "--data", str(tmp_path / "dev.tsv"), "--exit-margin", "60000"]
    assert simulate([*arguments, "--out", str(tmp_path / "early"), *more]) == 0
    return str(tmp_path / "model.nir"), tmp_path / "early", whole


def test_a_run_and_its_report_are_of_the_steps_that_were_taken(tmp_path, capsys):
    _, early, whole = early_run(tmp_path)
    assert "by the early exit" in capsys.readouterr().out
    found, full = read_run(early), read_run(whole)
    assert sum(found.steps) < 4 * found.samples == sum(full.steps)
    assert found.token_steps == sum(n * s for n, s in zip(found.lengths, found.steps, strict=True))
    assert [layer.updates for layer in found.layers] == [layer.width * found.token_steps for layer in found.layers]
    assert report([str(early), "-o", str(tmp_path / "early.md"), "--exit-margin", "60000"]) == 0
    assert "early exit" in (tmp_path / "early.md").read_text("utf-8")
    assert report([str(early), "-o", str(tmp_path / "x.md"), "--exit-margin", "never"]) == 2
    assert report([str(whole), "-o", str(tmp_path / "x.md"), "--exit-margin", "60000"]) == 2
    assert not (tmp_path / "x.md").exists()


def test_more_steps_than_there_are_contradict_the_file(tmp_path):
    _, early, _ = early_run(tmp_path)
    counts = json.loads((early / "counts.json").read_text("utf-8"))
    counts["per_sample"]["steps"][0] = 5
    (early / "counts.json").write_text(json.dumps(counts), "utf-8")
    with pytest.raises(InputError, match=r"per_sample\.steps"):
        read_run(early)


def test_a_mapping_waits_for_each_step_and_refuses_by_name_where_it_cannot(tmp_path, capsys):
    model, early, whole = early_run(tmp_path)
    out = ["-o", str(tmp_path / "map")]
    options = [model, "--exit-margin", "60000", "--system", "100"]
    assert deploy(["map", *options, "--counts", str(early), *out]) == 0
    mapping = json.loads((tmp_path / "map" / "mapping.json").read_text("utf-8"))
    run, estimate = read_run(early), mapping["estimate"]
    assert mapping["strategy"] == "unrolled"
    assert estimate["steps"] == -(-run.token_steps * estimate["depth"] // run.tokens)
    capsys.readouterr()
    for refused, word in (
        ([*options, "--counts", str(whole)], "counts at another --exit-margin"),
        ([model, "--counts", str(early)], "counts at another --exit-margin"),
        ([*options, "--strategy", "token-serial"], "token-serial"),
        ([*options, "--chip", "loihi1"], "loihi1"),
    ):
        assert deploy(["map", *refused, *out]) == 2
        assert word in capsys.readouterr().err


@pytest.mark.needs("lava")
def test_verify_holds_the_backends_to_each_other_at_the_margin(tmp_path, capsys):
    example_run(tmp_path, norm="batch", blocks=1)
    arguments = ["verify", str(tmp_path / "model.nir"), "--data", str(tmp_path / "dev.tsv"), "--exit-margin", "60000"]
    assert simulate([*arguments, "--granularity", "block"]) == 0
    assert "equal in every" in capsys.readouterr().out
    assert simulate([*arguments, "--against", str(tmp_path)]) == 2
    assert "--exit-margin never" in capsys.readouterr().err
