"""Files at the door: readable ones come in, whole ones go out."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

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


def read_json(path: Path, what: str) -> dict[str, Any]:
    """The JSON object in a file; an InputError of one line for anything else."""
    require_file(path, what)
    try:
        content = json.loads(path.read_bytes().decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: the {what} is not whole JSON ({error})") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: the {what} is no JSON object")
    return content


def require_folder_of(path: str | os.PathLike[str], what: str) -> None:
    """An InputError if `path` cannot be written: to be called before the work whose result it is to hold."""
    folder = Path(path).absolute().parent
    if not folder.is_dir():
        raise InputError(f"{what} {path}: its folder does not exist; create it first")
    _require_writable(folder, f"{what} {path}")


def require_place(path: str | os.PathLike[str], mark: str, what: str) -> None:
    """An InputError if `write_folder_atomically` could not write `path`: to be called before the work is done."""
    _require_ours(Path(path), mark)
    folder = Path(path).absolute().parent
    while not folder.exists():
        folder = folder.parent
    _require_writable(folder, f"{what} {path}")


def _require_writable(folder: Path, what: str) -> None:
    try:
        Path(tempfile.mkdtemp(dir=folder)).rmdir()
    except OSError as error:
        raise InputError(f"{what}: nothing can be written into {folder} ({error.strerror}); choose another") from None


def _require_ours(path: Path, mark: str) -> None:
    if path.exists() and not (path.is_dir() and ((path / mark).is_file() or not any(path.iterdir()))):
        raise InputError(f"{path}: exists and holds other things (no {mark}); choose another folder")


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a file beside `path`, then put it in its place: never is there a part of a file.

    An InputError if `path` is a device or the like: /dev/null would become a file.
    """
    if path.exists() and not path.is_file():
        raise InputError(f"{path}: is there and no regular file; choose another name")
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_folder_atomically(path: Path, mark: str, write: Callable[[Path], object]) -> None:
    """Let `write` fill a folder, then put it in its place: whole or not at all.

    A folder that was written before is replaced: one that holds the file `mark`. Any other is left alone, by an
    InputError, unless it is empty.
    """
    _require_ours(path, mark)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    try:
        write(temporary)
        temporary.chmod(0o755)
        if path.exists():
            shutil.rmtree(path)
        temporary.rename(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
