"""`SHA256SUMS`: what `sha256sum -c` reads. It lists every file of a bundle but itself."""

from __future__ import annotations

import stat
from pathlib import Path

from spikebert.core.errors import InputError
from spikebert.core.files import require_file, sha256

FILE = "SHA256SUMS"


def write(folder: Path) -> None:
    lines = [f"{sha256(path)}  {name}\n" for name, path in sorted(_files(folder).items())]
    (folder / FILE).write_text("".join(lines), "utf-8")


def listed(folder: Path) -> list[Path]:
    """The files of a bundle that was just written, the list among them; nothing else that lies there, such as what
    another process is making."""
    lines = (folder / FILE).read_text("utf-8").splitlines()
    return [folder / FILE, *(folder / line.split("  ", 1)[1] for line in lines)]


def check(folder: Path) -> int:
    """The number of files, all of them as they were written; an InputError names the first that is not."""
    path = require_file(folder / FILE, "list of checksums")
    found = _files(folder)
    try:
        *lines, end = path.read_text("utf-8").split("\n")
        listed = {name: digest for digest, name in (line.split("  ", 1) for line in lines)}
        if end or len(listed) < len(lines):  # `sha256sum -c` would take both of two lines for one name
            raise ValueError
    except ValueError:
        raise InputError(f"{path}: is damaged; fetch the bundle again") from None
    for name in sorted(found.keys() | listed.keys()):
        if name not in found:
            raise InputError(f"{folder}: {name} is missing; fetch the bundle again")
        if name not in listed:
            raise InputError(f"{folder}: {name} does not belong to the bundle; remove it")
        if sha256(found[name]) != listed[name]:
            raise InputError(f"{folder}: {name} (or its line in {FILE}) was changed; fetch the bundle again")
    return len(found)


def _files(folder: Path) -> dict[str, Path]:
    """Path within the folder, with /, to file."""
    return {path.relative_to(folder).as_posix(): path for path in plain_files(folder) if path != folder / FILE}


def plain_files(folder: Path) -> list[Path]:
    """All files of a folder; an InputError names what is neither a file nor a folder with files in it."""
    found, folders = [], [folder]
    while folders:
        entries = sorted(folders.pop().iterdir())
        for path in entries:
            kind = path.lstat().st_mode
            if stat.S_ISREG(kind):
                found.append(path)
            elif not stat.S_ISDIR(kind):
                raise InputError(f"{path}: is {_named(kind)}; only plain files and folders belong in a bundle")
            elif not any(path.iterdir()):
                raise InputError(f"{path}: is an empty folder, which no list of files can hold; remove it")
            else:
                folders.append(path)
    return found


def _named(kind: int) -> str:
    names = {stat.S_IFLNK: "a link", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
    return names.get(stat.S_IFMT(kind), "a device")
