"""One model, asked in every way that there is: a notebook cell, a call, a shell pipe, commands by both names."""

import ast
import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import spikebert
from tests.simulate.example_run import example_run

BIN = Path(sys.executable).parent
TEXTS = ["a good film", "a very bad film", "bad", "good good"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with model.nir, the texts, and run/."""
    folder = tmp_path_factory.mktemp("model")
    example_run(folder, norm="batch", reset="zero")
    (folder / "texts.txt").write_text("\n".join(TEXTS) + "\n", "utf-8")
    return folder


@pytest.fixture(scope="module")
def expected(folder):
    return spikebert.load(folder / "model.nir").predict(TEXTS)


def shell(line, folder):
    """What a line of shell prints, with the commands as they are installed."""
    environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(["sh", "-c", line], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.needs("nbclient")
def test_a_notebook_cell(folder, expected):
    import nbformat
    from nbclient import NotebookClient

    source = f"import spikebert\nspikebert.load('model.nir').predict({TEXTS!r})"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    NotebookClient(notebook, timeout=200, resources={"metadata": {"path": str(folder)}}).execute()
    assert ast.literal_eval(notebook.cells[0].outputs[0].data["text/plain"]) == expected


def test_a_pipeline(folder, expected):
    assert [found["label"] for found in spikebert.pipeline(folder / "model.nir")(TEXTS)] == expected


def test_a_shell_pipe(folder, expected):
    line = "cat texts.txt | spikebert simulate model.nir --data - --format jsonl"
    assert [json.loads(row)["predicted"] for row in shell(line, folder).splitlines()] == expected


def test_simulate_report_and_deploy_by_their_old_names(folder, expected):
    shell("spikebert-simulate model.nir --data texts.txt --out old", folder)
    with (folder / "old" / "predictions.tsv").open(encoding="utf-8") as file:
        assert [row["predicted"] for row in csv.DictReader(file, delimiter="\t")] == expected
    shell("spikebert-deploy bundle model.nir --data texts.txt -o bundle", folder)
    assert spikebert.load(folder / "bundle").predict(TEXTS) == expected
    shell("spikebert-report old -o old.json; spikebert report old -o new.json", folder)
    old, new = (json.loads((folder / name).read_text("utf-8").replace(name, "")) for name in ("old.json", "new.json"))
    assert {k: v for k, v in old.items() if k != "command"} == {k: v for k, v in new.items() if k != "command"}


def test_export_by_both_names_writes_the_same_bytes(folder):
    shell("spikebert-export model.nir --to nir -o old.nir; spikebert export model.nir --to nir -o new.nir", folder)
    assert (folder / "old.nir").read_bytes() == (folder / "new.nir").read_bytes()
    assert spikebert.load(folder / "old.nir").predict(TEXTS) == spikebert.load(folder / "model.nir").predict(TEXTS)
