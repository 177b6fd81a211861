"""Archives of arrays from outside are checked at the door."""

import zipfile

import numpy as np
import pytest

from export.ir.npz import MOST, read_npz, write_npz
from spikebert.core.errors import InputError


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


def test_so_is_one_whose_small_file_unpacks_to_much(tmp_path):
    write_npz(tmp_path / "a.npz", {"x": np.zeros(2**29 + 2**20, np.uint8)})
    with pytest.raises(InputError, match="would unpack to"):
        read_npz(tmp_path / "a.npz", "file")


def test_so_is_one_of_very_many_arrays(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        for number in range(MOST + 1):
            archive.writestr(f"{number}.npy", b"")
    with pytest.raises(InputError, match="holds 10,001 arrays"):
        read_npz(tmp_path / "a.npz", "file")


def test_arrays_of_any_name_are_written_and_the_same_bytes_each_time(tmp_path):
    arrays = {"file": np.arange(3), "args": np.ones((2, 2)), "self": np.array(1), "x/y.npy": np.array(["z"])}
    for name in ("a.npz", "b.npz"):
        write_npz(tmp_path / name, arrays)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    found = read_npz(tmp_path / "a.npz", "file")
    assert found.keys() == arrays.keys()
    assert all(np.array_equal(found[name], arrays[name]) for name in arrays)
