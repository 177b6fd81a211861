"""No command imports from the folder that it runs in, whatever the files there are called."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from export.ir import nir
from spikebert.model.checkpoint import TrainedModel, save_model
from tests.fuzz.originals import tokenizer
from tests.random_graph import random_graph
from tests.spikebert.model.test_model import small_model

ROOT = Path(__file__).parents[1]
# fmt: off
MODULES = [
    "accelerate", "code", "copy", "ctypes", "dask", "deploy", "distributed", "export", "h5py", "inspect", "json",
    "lava", "logging", "matplotlib", "mmap", "msgpack", "multiprocessing", "nir", "numpy", "onnx", "onnxruntime",
    "pickle", "queue", "random", "scipy", "secrets", "select", "shutil", "signal", "simulate", "socket",
    "spikebert", "statistics", "string", "struct", "subprocess", "tempfile", "threading", "tokenizers", "torch",
    "tqdm", "transformers", "types", "typing", "uuid", "yaml", "zipfile",
]
# fmt: on
FOLDERS = ("simulate", "export", "lava", "torch", "numpy", "spikebert")


@pytest.fixture
def folder(tmp_path):
    """A model and texts among files, each of which leaves a trace where it is imported."""
    nir.write(replace(random_graph(blocks=1), tokenizer=tokenizer()), tmp_path / "model.nir")
    labels = ["a", "b"]
    save_model(TrainedModel(small_model(num_hidden_layers=1), tokenizer(), labels, {}), tmp_path / "model.pt")
    (tmp_path / "texts.tsv").write_text("label0\ta good film\nlabel1\ta bad film\n", "utf-8")
    code = "import os\nopen(os.path.dirname(os.path.abspath(__file__)) + '/imported', 'a').write(__name__ + '\\n')\n"
    for name in MODULES:
        (tmp_path / f"{name}.py").write_text(code + "raise SystemExit('imported from the current folder')\n")
    for name in FOLDERS:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(code.replace("+ '/imported'", "+ '/../imported'"))
    return tmp_path


def run(folder, *command):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert not (folder / "imported").exists(), (folder / "imported").read_text()
    assert done.returncode == 0, done.stderr
    return done.stdout


def program(name):
    """A command as pip installs it, if it has."""
    path = Path(sys.executable).with_name(f"spikebert-{name}")
    if not path.exists():
        pytest.skip(f"{path.name} is not installed beside this Python")
    return str(path)


@pytest.mark.parametrize(
    "options", ["", "--backend lava", "--backend lava --granularity layer", "--workers 2", "--workers 1 --backend lava"]
)
def test_simulate(folder, options):
    run(folder, program("simulate"), "model.nir", "--data", "texts.tsv", "--out", "run", *options.split())
    assert json.loads((folder / "run" / "counts.json").read_text("utf-8"))["samples"] == 2


def test_export_deploy_and_report(folder):
    run(folder, program("export"), "model.pt", "--to", "onnx", "-o", "model.onnx")
    run(folder, program("deploy"), "map", "model.nir", "-o", "map")
    run(folder, program("simulate"), "model.nir", "--data", "texts.tsv", "--out", "run")
    run(folder, program("report"), "run", "--mapping", "map", "-o", "report.html")


@pytest.mark.parametrize("name", ["json", "random", "numpy", "argparse", "shlex"])
def test_python_m(folder, name):
    """Of Python's own modules it has imported some by then, of the current folder: those are not ours to choose."""
    for path in [*folder.glob("*.py"), *folder.glob("*/__init__.py")]:
        path.unlink()
    (folder / f"{name}.py").write_text("open('imported', 'w').write(__name__)")
    run(folder, sys.executable, "-m", "simulate.cli", "model.nir", "--text", "good")
