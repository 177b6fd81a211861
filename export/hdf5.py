"""The door for HDF5 from outside: what a file claims is checked before anything of it is used."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import h5py

from spikebert.errors import InputError
from spikebert.files import require_file

LARGEST = 2**32  # bytes that all arrays of a file may take in memory
DEEPEST = 32  # groups within groups; NIR takes two for each nested graph
MOST = 100_000  # groups and arrays
# What h5py and nir raise on files that are not what they should be.
FAULTS = (OSError, LookupError, ValueError, TypeError, AssertionError, AttributeError, RuntimeError, MemoryError)


@contextmanager
def reading(path: str | os.PathLike[str], what: str) -> Iterator[h5py.File]:
    """An HDF5 file of plain arrays, of sizes that fit in memory; within, every failure becomes one InputError.

    Links out of the file, arrays stored elsewhere and types other than numbers and text are refused. `what` names the
    file in messages.
    """
    path = require_file(path, what)
    try:
        with h5py.File(path, "r") as file:
            _check(file)
            yield file
    except InputError as error:
        raise InputError(f"{path}: {' '.join(str(error).split())}") from None  # names may hold line breaks
    except FAULTS as error:
        reason = str(error).splitlines()[0] if str(error) else "it holds nodes that this version does not know"
        raise InputError(f"{path}: not a readable {what} file ({reason})") from None


def _check(file: h5py.File) -> None:
    """Walk all groups, without recursion, and add up what the arrays would take."""
    groups: list[tuple[h5py.Group, int]] = [(file, 0)]
    objects = size = 0
    while groups:
        group, depth = groups.pop()
        if depth > DEEPEST:
            raise InputError(f"group {group.name}: more than {DEEPEST} groups within each other")
        for name in group:
            objects += 1
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise InputError(f"{group.name}: {name!r} is a link to elsewhere")
            item = group[name]
            if isinstance(item, h5py.Group):
                groups.append((item, depth + 1))
            elif isinstance(item, h5py.Dataset):
                _check_array(item)
                size += (item.size or 0) * max(8, item.dtype.itemsize)
            else:
                raise InputError(f"{group.name}: {name!r} is neither a group nor an array")
        if objects > MOST or size > LARGEST:
            raise InputError(f"holds more than {MOST} objects or {LARGEST / 2**30:g} GiB of numbers")


def _check_array(array: h5py.Dataset) -> None:
    text = h5py.check_string_dtype(array.dtype) is not None
    if array.shape is None or not (text or array.dtype.kind in "biuf"):
        raise InputError(f"{array.name}: holds {array.dtype}, neither numbers nor text")
    if array.is_virtual or array.external:
        raise InputError(f"{array.name}: its content lies in another file")
