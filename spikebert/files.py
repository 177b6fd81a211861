"""Files at the door: readable ones come in, whole ones go out."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from spikebert import strict_json
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
        content = strict_json.loads(path.read_bytes())
    except ValueError as error:
        raise InputError(f"{path}: the {what} is not whole JSON ({error})") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: the {what} is no JSON object")
    return content


def sha256(path: Path) -> str:
    """The digest of a file's bytes, in hexadecimal, as `sha256sum` prints it."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


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
    here = Path.cwd()
    if path.exists() and path.resolve() in (here, *here.parents):
        raise InputError(f"{path}: is the folder that this runs in, and would be replaced; choose one inside of it")
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
    work = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    fresh, old = work / "new", work / "old"
    try:
        fresh.mkdir()
        write(fresh)
        if path.exists():
            path.rename(old)
        fresh.rename(path)
    finally:
        if old.exists() and not path.exists():
            old.rename(path)
        shutil.rmtree(work, ignore_errors=True)
