"""`SHA256SUMS`: what `sha256sum -c` reads. It lists every file of a bundle but itself."""

from __future__ import annotations

from pathlib import Path

from spikebert.errors import InputError
from spikebert.files import require_file, sha256

FILE = "SHA256SUMS"


def write(folder: Path) -> None:
    lines = [f"{_digest(path)}  {name}\n" for name, path in sorted(_files(folder).items())]
    (folder / FILE).write_text("".join(lines), "utf-8")


def check(folder: Path) -> int:
    """The number of files, all of them as they were written; an InputError names the first that is not."""
    path = require_file(folder / FILE, "list of checksums")
    try:
        *lines, end = path.read_text("utf-8").split("\n")
        listed = {name: digest for digest, name in (line.split("  ", 1) for line in lines)}
        if end or len(listed) < len(lines):  # `sha256sum -c` would take both of two lines for one name
            raise ValueError
    except ValueError:
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
    return sha256(path)
