"""Files at the door: readable ones come in, whole ones go out."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from spikebert.errors import InputError


def require_file(path: str | os.PathLike[str], what: str) -> Path:
    """`path` as a Path if it is a readable file; otherwise an InputError that names `what`."""
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path}: is a folder; give the {what} file itself")
    if not path.is_file():
        raise InputError(f"{path}: no such {what} file")
    if not os.access(path, os.R_OK):
        raise InputError(f"{path}: the {what} file is not readable; check its permissions")
    return path


def require_folder_of(path: str | os.PathLike[str], what: str) -> None:
    """An InputError if the folder that `path` is to be written into does not exist."""
    if not Path(path).absolute().parent.is_dir():
        raise InputError(f"{what} {path}: its folder does not exist; create it first")


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a file beside `path`, then put it in its place: never is there a part of a file."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
