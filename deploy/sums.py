"""`SHA256SUMS`: what `sha256sum -c` reads. It lists every file of a bundle but itself."""

from __future__ import annotations

import hashlib
from pathlib import Path

from spikebert.errors import InputError
from spikebert.files import require_file

FILE = "SHA256SUMS"


def write(folder: Path) -> None:
    lines = [f"{_digest(path)}  {name}\n" for name, path in sorted(_files(folder).items())]
    (folder / FILE).write_text("".join(lines), "utf-8")


def check(folder: Path) -> int:
    """The number of files, all of them as they were written; an InputError names the first that is not."""
    path = require_file(folder / FILE, "list of checksums")
    try:
        listed = {
            name: digest
            for digest, name in (line.split("  ", 1) for line in path.read_text("utf-8").split("\n") if line)
        }
    except (ValueError, UnicodeDecodeError):
        raise InputError(f"{path}: is damaged; fetch the bundle again") from None
    found = _files(folder)
    for name in sorted(found.keys() | listed.keys()):
        if name not in found:
            raise InputError(f"{folder}: {name} is missing; fetch the bundle again")
        if name not in listed:
            raise InputError(f"{folder}: {name} does not belong to the bundle; remove it")
        if _digest(found[name]) != listed[name]:
            raise InputError(f"{folder}: {name} (or its line in {FILE}) was changed; fetch the bundle again")
    return len(found)


def _files(folder: Path) -> dict[str, Path]:
    """Path within the folder, with /, to file."""
    files = (path for path in folder.rglob("*") if path.is_file() or path.is_symlink())
    return {path.relative_to(folder).as_posix(): path for path in files if path != folder / FILE}


def _digest(path: Path) -> str:
    if not path.is_file() or path.is_symlink():
        raise InputError(f"{path}: is no plain file")
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()
