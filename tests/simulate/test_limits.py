"""Too little of what a Lava run needs is one line before it runs; what is there is used up to its limit."""

import errno
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from export.ir import nir
from simulate import lava, limits
from spikebert.core.errors import InputError
from tests.fuzz.originals import tokenizer
from tests.random_graph import random_graph


def command(folder, blocks, arguments, **most):
    """A command of `spikebert-simulate` on a model of so many blocks, in a process with these resource limits."""
    graph = replace(random_graph(blocks=blocks, norm="batch", reset="zero"), tokenizer=tokenizer())
    nir.write(graph, folder / "model.nir")
    (folder / "texts.tsv").write_text("label0\tgood film\n", "utf-8")
    limit = "; ".join(f"resource.setrlimit(resource.RLIMIT_{name}, ({n}, {n}))" for name, n in most.items())
    code = f"import resource, sys; {limit}; from simulate.cli import main; sys.exit(main())"
    return subprocess.run([sys.executable, "-c", code, *arguments], cwd=folder, capture_output=True, text=True)


LAYER = ["model.nir", "--text", "good film", "--backend", "lava", "--granularity", "layer"]


@pytest.mark.needs("lava")
def test_too_few_open_files_are_one_line(tmp_path):
    done = command(tmp_path, 2, LAYER, NOFILE=100)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "open files at once" in done.stderr and "ulimit -n" in done.stderr


@pytest.mark.needs("lava")
def test_a_model_of_six_blocks_is_verified_with_the_usual_limit_of_open_files(tmp_path):
    done = command(tmp_path, 6, ["verify", "model.nir", "--data", "texts.tsv"], NOFILE=1024)
    assert done.returncode == 0, done.stderr
    assert "lava-stock" in done.stdout.splitlines()[-1]


def test_the_soft_limit_is_raised_to_the_hard_one(tmp_path):
    code = (
        "import resource; from simulate import limits; resource.setrlimit(resource.RLIMIT_NOFILE, (64, 512)); "
        "limits.raise_open_files(); print(resource.getrlimit(resource.RLIMIT_NOFILE))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "(512, 512)\n"


@pytest.mark.parametrize(("name", "what"), [("_tasks", "processes and threads"), ("_memory", "bytes of memory")])
def test_too_few_processes_and_too_little_memory_are_one_line(monkeypatch, name, what):
    executable = type("Executable", (), {"channel_builders": [], "sync_channel_builders": None})()
    executable.proc_builders, executable.runtime_service_builders = dict.fromkeys(range(9)), {}
    limits.require(executable)
    monkeypatch.setattr(limits, name, lambda: 8)
    with pytest.raises(InputError, match=rf"need [\d,]+ {what} at once, and 8 are there"):
        limits.require(executable)


@pytest.mark.parametrize("number", [errno.EMFILE, errno.EAGAIN, errno.ENOMEM, errno.ENOSPC])
def test_an_error_of_the_system_that_means_too_little_of_something_is_one_line(number):
    line = limits.shortage(OSError(number, os.strerror(number)))
    assert line and "\n" not in line


def test_other_errors_keep_their_traceback():
    assert limits.shortage(OSError(errno.ENOENT, "no such file")) is None
    assert limits.shortage(ValueError("x")) is None


@pytest.mark.needs("lava")
def test_a_long_temporary_folder_is_no_hindrance(tmp_path, monkeypatch):
    long = tmp_path / ("x" * 120) / ("y" * 120)
    long.mkdir(parents=True)
    monkeypatch.setattr("tempfile.tempdir", str(long))
    graph = random_graph(blocks=1)
    assert len(lava.run(graph, [np.arange(5)], deadline=300).logits) == 1
    assert list(long.iterdir()) == []
