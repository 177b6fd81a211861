"""NumPy's .npz archives. From outside no pickle is executed and no array fills the memory; arrays have any name."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from tokenize import TokenError
from typing import BinaryIO
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile

import numpy as np
from numpy.typing import NDArray

from spikebert.core.errors import InputError, reason_of
from spikebert.core.files import require_file, write_buffer

LARGEST = 2**32  # bytes that all arrays of a file may take
UNPACKED = 200  # times the bytes of the file that its arrays may take, where that is more than MODEST
MODEST = 2**29
MOST = 10_000  # arrays; NumPy looks each one up among all
# What zipfile, zlib and NumPy raise on archives that are not what they should be.
FAULTS = (OSError, LookupError, ValueError, TypeError, EOFError, SyntaxError, RuntimeError, OverflowError, MemoryError)
FAULTS += (BadZipFile, TokenError, struct.error, zlib.error)


def read_npz(path: Path, what: str) -> dict[str, NDArray]:
    """The arrays of an .npz file, of numbers and text alone; `what` names the file in messages.

    Raises:
        InputError: no such file, not an archive of plain arrays, or one that would unpack to more than LARGEST.
    """
    path = require_file(path, what)
    try:
        with ZipFile(path) as archive:
            entries = archive.infolist()
        size, most = sum(entry.file_size for entry in entries), max(MODEST, UNPACKED * path.stat().st_size)
        if size > min(LARGEST, most):
            raise InputError(f"{path}: would unpack to {size:,} bytes; {min(LARGEST, most):,} is the most")
        if len(entries) > MOST:
            raise InputError(f"{path}: holds {len(entries):,} arrays; {MOST:,} is the most")
        with np.load(path, allow_pickle=False) as arrays:
            return {name: np.asarray(arrays[name]) for name in arrays.files}
    except InputError:
        raise
    except FAULTS as error:
        raise InputError(f"{path}: not a {what}: not an .npz file of plain arrays ({reason_of(error)})") from None


def write_npz(target: Path | BinaryIO, arrays: Mapping[str, NDArray]) -> None:
    """What `np.savez_compressed` writes, to which a name is a keyword, so that none can be `file`.

    Made in memory: an archive on a full disk complains again when it is thrown away.
    """
    buffer = io.BytesIO()
    with ZipFile(buffer, "w", ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)
    write_buffer(target, buffer)
