"""HDF5 from outside: what would take memory or time beyond all measure is refused before it does."""

import h5py
import numpy as np
import pytest

from export.ir import hdf5
from export.ir.hdf5 import reading
from spikebert.core.errors import InputError


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.nir"


def refusal(path):
    with pytest.raises(InputError) as error, reading(path, "NIR"):
        pass
    assert "\n" not in str(error.value)
    return str(error.value)


def test_plain_arrays_and_texts_pass(path):
    with h5py.File(path, "w") as file:
        file["a/b"] = np.arange(10)
        file["a/c"] = ["x", "yz"]
        file.create_dataset("packed", data=np.zeros((100, 100)), compression="gzip")
    with reading(path, "NIR") as file:
        assert file["a/b"][3] == 3


def test_one_array_under_many_names_is_refused(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("a", data=np.zeros(2**20, np.int8), compression="gzip")
        for number in range(100):
            file[f"link{number}"] = file["a"]
    assert "under more than one name" in refusal(path)


def test_so_is_a_group_within_itself(path):
    with h5py.File(path, "w") as file:
        group = file.create_group("a")
        group["a"] = group
    assert "under more than one name" in refusal(path)


def test_an_array_in_too_many_pieces_is_refused(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("a", (2**20,), np.int8, chunks=(8,))
    assert "pieces of arrays" in refusal(path)


def test_a_small_file_that_unpacks_to_much_is_refused(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("a", (2**26,), np.int8, chunks=(2**20,), compression="gzip")
    assert "would unpack to" in refusal(path)


def test_texts_are_counted_though_all_lie_in_the_same_place(path, monkeypatch):
    for limit in ("MODEST", "LARGEST"):
        monkeypatch.setattr(hdf5, limit, 2**20)
    with h5py.File(path, "w") as file:
        file["a"] = ["x" * 2**16] * 32
    assert "of numbers" in refusal(path)


def test_a_heap_of_texts_that_would_be_read_for_ever_is_refused(path):
    with h5py.File(path, "w") as file:
        file["text"] = "a text in the heap of texts"
    content = bytearray(path.read_bytes())
    free = content.index(b"a text in the heap") + 32  # what follows the only text: free space, and its size
    assert content[free : free + 2] == b"\0\0" and any(content[free + 8 : free + 16])
    with reading(path, "NIR") as file:
        assert file["text"][()] == b"a text in the heap of texts"
    content[free : free + 16] = bytes(16)
    path.write_bytes(content)
    assert "its heap of texts at byte" in refusal(path)


def test_a_heap_whose_step_would_lead_backwards_is_refused(path):
    with h5py.File(path, "w") as file:
        file["text"] = "a text in the heap of texts"
    content = bytearray(path.read_bytes())
    size = content.index(b"a text in the heap") - 8
    content[size : size + 8] = (2**64 - 16).to_bytes(8, "little")
    path.write_bytes(content)
    assert "its heap of texts at byte" in refusal(path)
