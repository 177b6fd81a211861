"""The examples run, with the commands that a reader would type."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from export import nir
from simulate.fast import FastSimulator
from simulate.text import encode

ROOT = Path(__file__).parents[1]
HERE = Path(sys.executable).parent


def run(*command):
    """What a command prints, which must end well."""
    path = {"PATH": f"{HERE}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **path}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler here")
def test_a_hardware_teams_first_hour_ends_with_the_fault_of_its_machine(tmp_path):
    printed = run("sh", "examples/first_hour.sh", str(tmp_path))
    assert "Lava: equal" in printed
    assert "spikes and all logits equal" in printed
    assert "Likely cause: one step late" in printed.splitlines()[-1]


def test_a_chip_of_ones_own_is_too_small_until_there_are_two(tmp_path):
    printed = run("sh", "examples/own_chip.sh", str(tmp_path))
    assert "2 × my-chip" in printed
    assert (tmp_path / "own-chip" / "mapping.json").is_file()


def test_data_of_ones_own_become_a_report(tmp_path):
    printed = run("sh", "examples/own_data.sh", "examples/own_data/weather.tsv", str(tmp_path))
    assert "240 texts on fast: accuracy" in printed
    assert (tmp_path / "report.html").stat().st_size > 10_000


def test_a_process_of_ones_own_hears_the_spikes_of_the_last_layer():
    model, text = "examples/tweets/model.nir", "what a lovely morning"
    printed = run(sys.executable, "examples/own_process/attach.py", model, text)
    heard = [int(line.split("\t")[1]) for line in printed.splitlines() if "\t" in line]
    graph = nir.read(ROOT / model)
    spikes = FastSimulator(graph).run(encode(graph, [text], "text"), record=True).spikes
    assert spikes is not None
    assert heard == spikes[graph.neurons[-1].name].sum((0, 2)).tolist()
