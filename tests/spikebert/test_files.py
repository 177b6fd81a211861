"""Files go out whole or not at all, and never over what is not theirs."""

import os
from pathlib import Path

import pytest

from spikebert.errors import InputError
from spikebert.files import require_place, write_atomically, write_folder_atomically


def test_a_failed_write_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    path = tmp_path / "report.json"
    path.write_text("old")

    def write(temporary: Path) -> None:
        temporary.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        write_atomically(path, write)
    assert [p.name for p in tmp_path.iterdir()] == ["report.json"]
    assert path.read_text() == "old"


def test_a_device_is_not_replaced_by_a_file(tmp_path):
    device = tmp_path / "device"
    os.mkfifo(device)
    with pytest.raises(InputError, match="no regular file"):
        write_atomically(device, lambda temporary: temporary.write_text("x"))
    assert device.is_fifo()


def test_a_place_below_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match=r"--out .*/file/run: nothing can be written into .*/file \(Not a directory\)"):
        require_place(tmp_path / "file" / "run", "counts.json", "--out")
    require_place(tmp_path / "new" / "run", "counts.json", "--out")
    assert not (tmp_path / "new").exists()


def fill(folder: Path) -> None:
    (folder / "run.json").write_text("new")


def test_a_folder_takes_the_place_of_the_one_before(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text("old")
    write_folder_atomically(tmp_path / "run", "run.json", fill)
    assert (tmp_path / "run" / "run.json").read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


@pytest.mark.parametrize("name", [".", "..", "../run"])
def test_the_folder_that_a_command_runs_in_is_not_replaced(tmp_path, monkeypatch, name):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "notes").write_text("mine")
    (tmp_path / "run" / "run.json").write_text("old")
    monkeypatch.chdir(tmp_path / "run")
    with pytest.raises(InputError, match="is the folder that this runs in"):
        write_folder_atomically(Path(name), "run.json", fill)
    assert sorted(p.name for p in (tmp_path / "run").iterdir()) == ["notes", "run.json"]
