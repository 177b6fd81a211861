"""A full disk, a quota, a limit of file sizes: one line that names the file and what it takes; the old state stays."""

import gc
import os
import re
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import nir
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from safetensors.torch import save_file

from export.ir.hdf5 import write_nir
from export.ir.npz import write_npz
from spikebert.core.errors import exit_cleanly
from spikebert.core.files import Kind, write_atomically, write_folder_atomically

LIMIT = 200_000  # bytes that a file may have
Write = Callable[[Path, int], object]


def write_network(path: Path, size: int) -> None:
    weight = np.random.default_rng(0).random((size // 999, 999))
    write_nir(path, nir.NIRGraph.from_list(nir.Affine(weight, np.zeros(len(weight)))))


def write_figure(path: Path, size: int) -> None:
    figure = Figure()
    figure.subplots().plot(np.random.default_rng(0).random(size // 10))
    with matplotlib.rc_context({"path.simplify": False}):
        figure.savefig(path, format="svg")


WRITERS: dict[str, Write] = {
    "text": lambda path, size: path.write_text("x" * size),
    "torch": lambda path, size: torch.save({"a": torch.zeros(size // 4)}, path),
    "safetensors": lambda path, size: save_file({"a": torch.zeros(size // 4)}, path),
    "nir": write_network,
    "numpy": lambda path, size: np.save(path.open("wb"), np.zeros(size, np.uint8)),
    "npz": lambda path, size: write_npz(path, {"a": np.random.default_rng(0).integers(0, 256, size, np.uint8)}),
    "matplotlib": write_figure,
}
SILENT = ("safetensors",)  # takes its file away before anybody can ask how large it was


@pytest.fixture(scope="module")
def disk(tmp_path_factory) -> Iterator[Path]:
    """A small disk of its own."""
    folder = tmp_path_factory.mktemp("disk")
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=500k,nr_inodes=40", "tmpfs", folder], capture_output=True
    ).returncode:
        pytest.skip("no disk can be mounted here")
    yield folder
    subprocess.run(["umount", folder], check=True)


@dataclass(frozen=True)
class Done:
    returncode: int
    stderr: str


def start(writer: str, place: Path, size: int, limit: int = 0, folder: bool = False) -> Done:
    """A command in a process of its own, which has the libraries loaded."""

    def write(path: Path) -> object:
        return WRITERS[writer](path, size)

    def command() -> None:
        if folder:
            write_folder_atomically(place, Kind("test", ("data",)), lambda made: write(made / "data"))
        else:
            write_atomically(place, write)

    with tempfile.TemporaryFile("w+") as errors:
        pid = os.fork()
        if pid == 0:
            code = 99
            try:
                os.dup2(errors.fileno(), 2)
                sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
                if limit:
                    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
                code = exit_cleanly("program", command)
                gc.collect()  # a library that complains once more does it here
            finally:
                os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        errors.seek(0)
        return Done(code, errors.read())


@pytest.mark.parametrize("writer", WRITERS)
def test_a_limit_of_file_sizes_is_one_line_and_the_old_file_stays(tmp_path, writer):
    place = tmp_path / "data"
    place.write_text("old")
    done = start(writer, place, 2_000_000, LIMIT)
    assert done.returncode == 2, done.stderr
    takes = "" if writer in SILENT else "takes more than [0-9.,]+ (MB|bytes), and "
    assert re.match(f"program: error: {place}: {takes}files of at", done.stderr)
    assert "files of at most 0.2 MB are allowed here (ulimit -f)" in done.stderr
    assert done.stderr.count("\n") == 1
    assert place.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


@pytest.mark.parametrize("writer", WRITERS)
def test_a_full_disk_is_one_line_and_the_old_files_stay(disk, writer):
    place = disk / "run"
    assert start("text", place, 1000, folder=True).returncode == 0
    done = start(writer, place, 2_000_000, folder=True)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith(f"program: error: {place}")
    assert ("takes more than " in done.stderr) == (writer not in SILENT)
    assert "are free on its disk; make room, and repeat the command\n" in done.stderr
    assert done.stderr.count("\n") == 1
    assert (place / "data").read_text() == "x" * 1000
    assert [path.name for path in disk.iterdir()] == ["run"]
    assert start("text", place, 1000, folder=True).returncode == 0


def test_a_disk_without_inodes_is_one_line(disk):
    made = []
    try:
        while True:
            made.append(disk / f"file{len(made)}")
            made[-1].touch()
    except OSError:
        done = start("text", disk / "x", 10)
    finally:
        for path in made:
            path.unlink(missing_ok=True)
    assert done.returncode == 2
    assert done.stderr.startswith(f"program: error: {disk / 'x'}: no inode is left on its disk for another file; ")
    assert done.stderr.count("\n") == 1


def test_a_line_that_finds_no_room_is_not_added_in_part(disk):
    log = disk / "metrics.jsonl"
    program = (
        "import sys; from spikebert.core.errors import exit_cleanly; from spikebert.core.files import append\n"
        "from pathlib import Path\n"
        "sys.exit(exit_cleanly('program', lambda: [append(Path(sys.argv[1]), 'x' * 9999) for _ in range(99)] and 0))"
    )
    done = subprocess.run([sys.executable, "-c", program, log], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith(f"program: error: {log}: takes ")
    assert done.stderr.count("\n") == 1
    assert {len(line) for line in log.read_text().splitlines()} == {9999}
    log.unlink()


def test_what_is_printed_to_a_full_disk_is_one_line():
    program = (
        "import sys\nfrom spikebert.core.errors import exit_cleanly\n"
        "sys.exit(exit_cleanly('program', lambda: print('x')))"
    )
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([sys.executable, "-c", program], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2
    assert done.stderr == "program: error: the output: No space left on device\n"
