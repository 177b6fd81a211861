"""Too little of what a run of many processes needs is one line; what is there is used up to its limit."""

import errno
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from export.ir import nir
from simulate import lava, limits, serve
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
    limits.require_workers(2)
    monkeypatch.setattr(limits, name, lambda: 8)
    with pytest.raises(InputError, match=rf"need [\d,]+ {what} at once, and 8 are there"):
        limits.require(executable)
    if name == "_tasks":
        with pytest.raises(InputError, match=r"2 workers need 40 processes and threads at once, .* fewer --workers$"):
            limits.require_workers(2)


@pytest.mark.parametrize("number", [errno.EMFILE, errno.EAGAIN, errno.ENOMEM, errno.ENOSPC])
def test_an_error_of_the_system_that_means_too_little_of_something_is_one_line(number):
    line = limits.shortage(OSError(number, os.strerror(number)))
    assert line and "\n" not in line


def test_other_errors_keep_their_traceback():
    assert limits.shortage(OSError(errno.ENOENT, "no such file")) is None
    assert limits.shortage(ValueError("x")) is None


RUN = """
import resource, sys
import numpy as np
from simulate import lava
from spikebert.core.errors import exit_cleanly
from tests.random_graph import random_graph
def command():
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)
    lava.run(random_graph(blocks=1), [np.arange(1)] * 1600, rows=16, deadline=300)
sys.exit(exit_cleanly("run", command))
"""


@pytest.mark.needs("lava")
def test_results_beyond_the_limit_of_file_sizes_are_one_line():
    done = subprocess.run([sys.executable, "-c", RUN, "100000"], capture_output=True, text=True)
    assert done.returncode == 2, done.stderr
    assert "room for temporary files; raise the limit (ulimit -f)" in done.stderr and done.stderr.count("\n") == 1


def with_a_disk(options, place, *command, **environment):
    """`command` where a disk of its own is mounted at `place`; skipped where that is not allowed."""
    mounted = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs -o "$0" tmpfs "$1" || exit 77; shift; exec "$@"']
    found = {**os.environ, **{name: str(value) for name, value in environment.items()}}
    done = subprocess.run([*mounted, options, place, *command], capture_output=True, text=True, env=found)
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip("no disk can be mounted here")
    return done


@pytest.mark.needs("lava")
def test_a_full_temporary_disk_is_one_line(tmp_path):
    """So full in the end that nothing more can be written to it, not even that it is full."""
    command = [sys.executable, "-c", RUN, str(2**40)]
    done = with_a_disk("size=60k", tmp_path, *command, TMPDIR=tmp_path)
    assert done.returncode == 2, done.stderr
    assert "room for temporary files; make room, or set TMPDIR" in done.stderr and done.stderr.count("\n") == 1


WORKERS = ["model.nir", "--text", "good film", "--workers", "2"]


@pytest.mark.needs("distributed")
def test_workers_without_shared_memory_are_one_line(tmp_path):
    nir.write(replace(random_graph(), tokenizer=tokenizer()), tmp_path / "model.nir")
    command = [sys.executable, "-m", "simulate.cli", str(tmp_path / "model.nir"), *WORKERS[1:]]
    done = with_a_disk("ro", "/dev/shm", *command)
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
    assert "error: --workers 2: these need semaphores, which /dev/shm does not take (Read-only" in done.stderr


@pytest.mark.needs("distributed")
def test_workers_with_too_few_open_files_are_one_line(tmp_path):
    done = command(tmp_path, 1, WORKERS, NOFILE=40)
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
    assert "2 workers need 64 open files at once" in done.stderr and "take fewer --workers" in done.stderr


@pytest.mark.needs("distributed")
def test_workers_that_do_not_start_are_one_line(monkeypatch):
    import distributed

    def start(**options):
        try:
            raise OSError(errno.EMFILE, "Too many open files")
        except OSError as error:
            raise RuntimeError("Nanny failed to start.") from error

    monkeypatch.setattr(distributed, "LocalCluster", start)
    told = r"workers 2: do not start on this computer \(.*Too many open files\); take fewer"
    with pytest.raises(InputError, match=told), serve.cores(2):
        pass


@pytest.mark.needs("lava")
@pytest.mark.parametrize("options", ["ro", "size=4k"])
def test_no_shared_memory_by_name_is_needed(options):
    code = RUN.replace("[np.arange(1)] * 1600", "[np.arange(1)]")
    done = with_a_disk(options, "/dev/shm", sys.executable, "-c", code, str(2**40))
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.needs("lava")
def test_a_long_temporary_folder_is_no_hindrance(tmp_path, monkeypatch):
    long = tmp_path / ("x" * 120) / ("y" * 120)
    long.mkdir(parents=True)
    monkeypatch.setattr("tempfile.tempdir", str(long))
    graph = random_graph(blocks=1)
    assert len(lava.run(graph, [np.arange(5)], deadline=300).logits) == 1
    assert list(long.iterdir()) == []
