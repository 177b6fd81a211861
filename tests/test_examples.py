"""The examples run, with the commands that a reader would type."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from export.ir import nir
from export.ir.licence import licence_of
from simulate.fast import FastSimulator
from simulate.text import encode

ROOT = Path(__file__).parents[1]
HERE = Path(sys.executable).parent


def run(*command, folder=ROOT):
    """What a command prints, which must end well."""
    path = {"PATH": f"{HERE}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=folder, env={**os.environ, **path}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def printed_commands(program):
    """The command lines of the tutorial's transcripts that begin with `$ program`, as they would be pasted."""
    transcripts = re.findall(r"```console\n(.*?)```", (ROOT / "docs/tutorial.md").read_text("utf-8"), re.DOTALL)
    lines = [line[2:] for text in transcripts for line in text.splitlines() if line.startswith(f"$ {program}")]
    assert lines
    return lines


@pytest.mark.parametrize(
    ("script", "words"),
    [("demo", ["--text 'a warm and funny film'", "--counts demo/run -o"]), ("train", ["--out demo/train"])],
)
def test_the_tutorial_shows_the_commands_of_the_scripts(script, words):
    script_text = (ROOT / "examples" / f"{script}.sh").read_text("utf-8").replace("\\\n", " ")
    steps = [line[5:] for line in script_text.splitlines() if line.startswith("step ")]
    names = {"$model": "examples/sst2/model.nir", "$data": "examples/sst2/films.tsv"}
    steps = [[names.get(word, word) for word in shlex.split(line)] for line in steps]
    shown = [line for line in printed_commands("spikebert") if shlex.split(line) in steps]
    assert len(shown) == len(steps)
    assert all(any(word in line for line in shown) for word in words)


def test_the_printed_commands_paste_as_they_stand(tmp_path):
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    (tmp_path / "demo").mkdir()
    shown = [line for line in printed_commands("spikebert") if "demo/train" not in line and "demo/model" not in line]
    for line in shown:
        few = " --limit 4" if "--data" in line else ""  # all of them take their time on Lava
        run("sh", "-c", line + few, folder=tmp_path)
    assert (tmp_path / "demo" / "report.html").stat().st_size > 10_000


def test_a_step_is_printed_as_one_would_type_it(tmp_path):
    words = ["two words", "it's", "a$b", "", "--x=1", "*"]
    script = '. examples/step.sh; step printf "<%s>\\n" "$@"'
    printed, _, done = run("sh", "-c", script, "sh", *words).lstrip().partition("\n")
    assert printed.startswith("$ printf ")
    assert run("sh", "-c", printed[2:]) == done == "".join(f"<{word}>\n" for word in words)


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler here")
def test_a_hardware_teams_first_hour_ends_with_the_fault_of_its_machine(tmp_path):
    printed = run("sh", "examples/first_hour.sh", str(tmp_path))
    assert "Lava: equal" in printed
    assert "spikes and all logits equal" in printed
    assert "Likely cause: one step late" in printed
    assert printed.splitlines()[-1] == "1 of 6 checks failed: their blocks.1.mlp.up.lif"


def test_a_chip_of_ones_own_is_too_small_until_there_are_two(tmp_path):
    printed = run("sh", "examples/own_chip.sh", str(tmp_path))
    assert "2 × my-chip" in printed
    assert (tmp_path / "own-chip" / "mapping.json").is_file()


def test_data_of_ones_own_become_a_report(tmp_path):
    printed = run("sh", "examples/own_data.sh", "examples/own_data/weather.tsv", str(tmp_path))
    assert "24 texts on fast: accuracy" in printed  # the tenth that no training saw
    assert (tmp_path / "report.html").stat().st_size > 10_000
    assert (tmp_path / "stages" / "manifest.json").is_file() and (tmp_path / "netx" / "manifest.json").is_file()


@pytest.mark.parametrize("name", ["tweets", "sst2"])  # with an MLP, and without one; the second one's tokenizer pads
def test_a_process_of_ones_own_hears_the_spikes_of_the_last_layer(name):
    model, text = f"examples/{name}/model.nir", "what a lovely morning"
    printed = run(sys.executable, "examples/own_process/attach.py", model, text)
    heard = [int(line.split("\t")[1]) for line in printed.splitlines() if "\t" in line]
    graph = nir.read(ROOT / model)
    spikes = FastSimulator(graph).run(encode(graph, [text], "text"), record=True).spikes
    assert spikes is not None
    assert heard == spikes[graph.neurons[-1].name].sum((0, 2)).tolist()


@pytest.mark.parametrize("model", sorted(ROOT.glob("examples/*/model.nir")), ids=lambda path: path.parent.name)
def test_each_shipped_model_states_the_licence_that_its_card_names(model):
    stated = licence_of(nir.read(model))
    assert stated == "Apache-2.0"
    assert "Apache" in (model.parent / "README.md").read_text("utf-8")
