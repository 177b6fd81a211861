"""Archives of arrays from outside are checked at the door."""

import zipfile

import numpy as np
import pytest

from export.npz import read_npz
from spikebert.errors import InputError


@pytest.fixture
def file(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", x=np.arange(1000), y=np.ones((2, 3)))
    return tmp_path / "a.npz"


def test_arrays_come_back_equal(file):
    arrays = read_npz(file, "file")
    assert arrays.keys() == {"x", "y"}
    assert np.array_equal(arrays["x"], np.arange(1000))


def test_a_damaged_stream_is_one_clear_line(file):
    content = bytearray(file.read_bytes())
    content[100:110] = bytes(10)
    file.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.npz: not a file: not an \.npz file of plain arrays") as error:
        read_npz(file, "file")
    assert "\n" not in str(error.value)


def test_python_objects_are_not_executed(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.array([{}]))
    with pytest.raises(InputError, match="Object arrays cannot be loaded"):
        read_npz(tmp_path / "a.npz", "file")


def test_an_archive_that_would_fill_the_memory_is_refused_by_its_own_words(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        info = zipfile.ZipInfo("x.npy")
        with archive.open(info, "w", force_zip64=True) as member:
            member.write(bytes(10))
        archive.filelist[0].file_size = 2**40
    with pytest.raises(InputError, match="would unpack to 1,099,511,627,776 bytes"):
        read_npz(tmp_path / "a.npz", "file")
