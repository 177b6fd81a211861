"""The door for HDF5 from outside: what a file claims is checked before anything of it is used."""

from __future__ import annotations

import io
import math
import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import nir
import numpy as np
from h5py import h5o  # type: ignore[attr-defined]  # compiled, and its types say nothing of it

from spikebert.core.errors import InputError, reason_of, require_assertions
from spikebert.core.files import require_file, write_buffer

LARGEST = 2**32  # bytes that all arrays of a file may take in memory
UNPACKED = 200  # times the bytes of the file that its arrays may take, where that is more than MODEST
MODEST = 2**28
CHUNKS = 2**16  # pieces in which arrays are stored
DEEPEST = 32  # groups within groups; NIR takes two for each nested graph
MOST = 100_000  # groups and arrays
BACKWARDS = 2**63  # HDF5 adds a step of so many bytes to an address of 64 bits, and comes back to where it was
# What h5py and nir raise on files that are not what they should be.
FAULTS = (OSError, LookupError, ValueError, TypeError, AssertionError, AttributeError, RuntimeError, MemoryError)


@contextmanager
def reading(path: str | os.PathLike[str], what: str) -> Iterator[h5py.File]:
    """An HDF5 file of plain arrays, of sizes that fit in memory; within, every failure becomes one InputError.

    Links out of the file, arrays stored elsewhere and types other than numbers and text are refused. `what` names the
    file in messages.
    """
    require_assertions()
    path = require_file(path, what)
    try:
        require_heaps_that_end(path)
        with h5py.File(path, "r") as file:
            _check(file, path.stat().st_size)
            yield file
    except InputError as error:
        raise InputError(f"{path}: {reason_of(error, 1000)}") from None  # names may hold line breaks
    except FAULTS as error:
        reason = reason_of(error) or "it holds nodes that this version does not know"
        raise InputError(f"{path}: not a readable {what} file ({reason})") from None


def require_heaps_that_end(path: Path) -> None:
    """An InputError where HDF5 would read a heap of texts for ever: a step of 0 bytes before its end, or one backwards.

    A heap is "GCOL", a version, its size, and objects: index, uses, size, content. The object of index 0 is free space,
    whose size counts its own head (HDF5 File Format Specification 3.0, section III.E).
    """
    if not path.stat().st_size:
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        length = content[14 if content[8:9] in (b"\0", b"\1") else 10] if len(content) > 14 else 0  # bytes of a size
        if length not in (2, 4, 8):
            return  # HDF5 refuses it
        head, start = -(-(8 + length) // 8) * 8, content.find(b"GCOL\1")
        while start >= 0:
            end = min(len(content), start + int.from_bytes(content[start + 8 : start + 8 + length], "little"))
            place = start + head
            while place + head <= end:
                index = int.from_bytes(content[place : place + 2], "little")
                size = int.from_bytes(content[place + 8 : place + 8 + length], "little")
                step = head + -(-size // 8) * 8 if index else size
                if not step or step >= BACKWARDS:
                    raise InputError(f"its heap of texts at byte {start:,} is damaged")
                place += step
            start = content.find(b"GCOL\1", start + 4)


def _check(file: h5py.File, stored: int) -> None:
    """Walk all groups, without recursion, and add up what the arrays would take; `stored` is the size of the file."""
    groups: list[tuple[h5py.Group, int]] = [(file, 0)]
    objects = size = chunks = 0
    while groups:
        group, depth = groups.pop()
        if depth > DEEPEST:
            raise InputError(f"group {group.name}: more than {DEEPEST} groups within each other")
        for name in group:
            objects += 1
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise InputError(f"{group.name}: {name!r} is a link to elsewhere")
            item = group[name]
            if h5o.get_info(item.id).rc > 1:
                raise InputError(f"{group.name}: {name!r} stands in the file under more than one name")
            if isinstance(item, h5py.Group):
                groups.append((item, depth + 1))
            elif isinstance(item, h5py.Dataset):
                _check_array(item)
                size += (item.size or 0) * max(8, item.dtype.itemsize)
                chunks += _pieces(item)
                if h5py.check_string_dtype(item.dtype) is not None and (item.size or 0) * stored > MODEST:
                    size += _letters(item, LARGEST)
            else:
                raise InputError(f"{group.name}: {name!r} is neither a group nor an array")
        if objects > MOST or size > LARGEST or chunks > CHUNKS:
            raise InputError(
                f"holds more than {MOST:,} objects, {CHUNKS:,} pieces of arrays or {LARGEST / 2**30:g} GiB of numbers"
            )
    if size > max(MODEST, UNPACKED * stored):
        raise InputError(f"its {stored:,} bytes would unpack to {size:,}; {UNPACKED} times as many are the most")


def _pieces(array: h5py.Dataset) -> int:
    """The chunks of an array, each of which is found and unpacked by itself."""
    if array.chunks is None or not array.size:
        return 0
    return math.prod(-(-extent // part) for extent, part in zip(array.shape, array.chunks, strict=True))


def _letters(array: h5py.Dataset, most: int) -> int:
    """The bytes of an array of texts, counted one by one until they are too many: all may lie in the same place."""
    total = 0
    for place in np.ndindex(array.shape):
        value = array[place]
        total += len(value) if isinstance(value, (bytes, str)) else 0
        if total > most:
            break
    return total


def _check_array(array: h5py.Dataset) -> None:
    text = h5py.check_string_dtype(array.dtype) is not None
    if array.shape is None or not (text or array.dtype.kind in "biuf"):
        raise InputError(f"{array.name}: holds {array.dtype}, neither numbers nor text")
    if array.is_virtual or array.external:
        raise InputError(f"{array.name}: its content lies in another file")


def write_nir(path: Path, graph: nir.NIRGraph) -> None:
    """Write a NIR file; made in memory, for HDF5 ends the process with a fault where a disk is full."""
    buffer = io.BytesIO()
    nir.write(buffer, graph)  # type: ignore[arg-type]  # h5py takes it
    write_buffer(path, buffer)
