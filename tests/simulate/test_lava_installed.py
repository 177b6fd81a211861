"""What a person is told where Lava is not installed."""

import sys
from dataclasses import replace

import pytest

from deploy.cli import main as deploy
from export.ir import nir
from simulate.cli import main as simulate
from tests.fuzz.originals import tokenizer
from tests.random_graph import random_graph

INSTALL = "Lava is not installed; it takes Python 3.10 and: pip install 'spikebert[lava]'"


@pytest.fixture
def model(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "lava", None)
    nir.write(replace(random_graph(), tokenizer=tokenizer()), tmp_path / "model.nir")
    (tmp_path / "texts.tsv").write_text("label0\ta good film\nlabel1\ta very bad film\n", "utf-8")
    return tmp_path / "model.nir"


@pytest.mark.parametrize("granularity", ["block", "layer"])
def test_a_run_on_lava_says_in_one_line_what_to_install(model, capsys, granularity):
    lava = ["--backend", "lava", "--granularity", granularity]
    assert simulate([str(model), "--text", "a good film", *lava, "--out", str(model.parent / "run")]) == 2
    error = capsys.readouterr().err
    assert INSTALL in error and error.count("\n") == 1
    assert not (model.parent / "run").exists()


def test_verify_compares_what_is_there_and_says_that_lava_was_not(model, capsys):
    assert simulate(["verify", str(model), "--data", str(model.parent / "texts.tsv")]) == 0
    printed = capsys.readouterr()
    assert f"lava: left out: {INSTALL}" in printed.err
    assert printed.out.splitlines()[-1] == "compared without Lava"


def test_a_granularity_of_lava_that_was_asked_for_is_refused_in_one_line(model, capsys):
    data = ["--data", str(model.parent / "texts.tsv"), "--granularity", "layer"]
    assert simulate(["verify", str(model), *data]) == 2
    error = capsys.readouterr().err.splitlines()
    assert INSTALL in error[-1] and len([line for line in error if "error" in line]) == 1


def test_a_bundle_is_verified_without_lava_and_says_so(model, capsys):
    bundle = str(model.parent / "bundle")
    assert deploy(["bundle", str(model), "--data", str(model.parent / "texts.tsv"), "-o", bundle]) == 0
    assert deploy(["verify", bundle]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert f"Lava: left out: {INSTALL}" in printed
    assert printed[-1].endswith("checks passed, without Lava")
