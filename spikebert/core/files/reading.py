"""Files at the door: readable ones come in."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path
from typing import Any

from spikebert.core import strict_json
from spikebert.core.errors import InputError


def require_file(path: str | os.PathLike[str], what: str) -> Path:
    """`path` as a Path if it is a readable file; otherwise an InputError that names `what`."""
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path}: is a folder; give the {what} file itself")
    if path.is_symlink() and leads_in_a_circle(path):
        raise InputError(f"{path}: is a symbolic link that leads in a circle")
    if path.exists() and not path.is_file():
        raise InputError(f"{path}: is a pipe or a device; write what it gives into a file, and give that")
    if not path.is_file():
        raise InputError(f"{path}: no such {what} file")
    if not os.access(path, os.R_OK):
        raise InputError(f"{path}: the {what} file is not readable; check its permissions")
    return path


def leads_in_a_circle(path: Path) -> bool:
    """Whether a symbolic link leads back to itself."""
    try:
        path.stat()
    except OSError as error:
        return error.errno == errno.ELOOP
    return False


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
