"""Files go out whole or not at all, and never over what is not theirs."""

import os
from pathlib import Path

import pytest

from spikebert.errors import InputError
from spikebert.files import require_place, write_atomically


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
