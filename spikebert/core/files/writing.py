"""Files go out whole or not at all, and where a symbolic link points; a full disk is one line.

A file is made in a folder of its own beside its place, `.spikebert-tmp-` and random letters, and renamed. That folder
is locked while its process lives: the next writer there removes what a killed one left.
"""

from __future__ import annotations

import errno
import io
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from spikebert.core.errors import InputError
from spikebert.core.files.locked import left_behind, locked_folder, names
from spikebert.core.files.reading import leads_in_a_circle
from spikebert.core.files.room import no_room

PREFIX = ".spikebert-tmp-"
LEFT = names(PREFIX)
READY = "ready"  # in a workplace: all is made, and only to be moved (`spikebert.core.files.folders`)


def place_of(path: str | os.PathLike[str], what: str = "") -> Path:
    """Where an output goes: `path`, or what a symbolic link there points to, which need not be there yet.

    Raises:
        InputError: the link leads in a circle, or into a folder that is not there.
    """
    path, name = Path(path), f"{what} {path}".lstrip()
    if not path.is_symlink():
        return path
    if leads_in_a_circle(path):
        raise InputError(f"{name}: is a symbolic link that leads in a circle; remove it")
    target = path.resolve()
    if not target.exists() and not target.parent.is_dir():
        raise InputError(f"{name}: is a symbolic link into {target.parent}, which is not there; create it first")
    return target


def require_folder_of(path: str | os.PathLike[str], what: str) -> None:
    """An InputError if the file `path` cannot be written: to be called before the work whose result it is to hold."""
    target, where = place_of(path, what), f"{what} {path}".lstrip()
    folder = target.absolute().parent
    if not folder.is_dir():
        raise InputError(f"{where}: its folder does not exist; create it first")
    _require_file(target, where)
    require_writable(folder, where)


def _require_file(target: Path, name: str) -> None:
    if target.is_dir():
        raise InputError(f"{name}: is a folder; give a file")
    if target.exists() and not target.is_file():
        raise InputError(f"{name}: is there and no regular file; choose another name")
    if target.exists() and not os.access(target, os.W_OK):
        raise InputError(f"{name}: is there and must not be written; choose another name")


def require_writable(folder: Path, what: str) -> None:
    """An InputError if nothing can be made in an existing folder."""
    try:
        Path(tempfile.mkdtemp(dir=folder, prefix=PREFIX)).rmdir()
    except OSError as error:
        raise InputError(f"{what}: nothing can be written into {folder} ({error.strerror}); choose another") from None


def write_atomically(path: str | os.PathLike[str], write: Callable[[Path], object], size: int | None = None) -> None:
    """Let `write` fill a file, then put it in the place of `path`: never is there a part of a file.

    Args:
        write: given the path of a file to make, of the same name.
        size: bytes that it takes, where that is known, for the line that says that there is no room.
    Raises:
        InputError: `path` is a folder, a device or the like: /dev/null would become a file.
        NoRoomError: the disk is full; what was at `path` is there as before.
    """
    path = Path(path)
    target = place_of(path)
    _require_file(target, str(path))
    with workplace(target.absolute().parent, path, size) as work:
        made = work / target.name
        write(made)
        flush(made)
        if target.exists():
            shutil.copymode(target, made)
        replace(made, target)


def write_buffer(target: Path | BinaryIO, buffer: io.BytesIO) -> None:
    """Write what was made in memory. The view is given back also on a full disk, or the buffer complains at its end."""
    with buffer.getbuffer() as content:
        if isinstance(target, Path):
            target.write_bytes(content)
        else:
            target.write(content)


def append(path: Path, line: str) -> None:
    """Add a line to a file, whole or not at all; what a killed writer left of its last line goes."""
    with path.open("a+b") as file:
        end = _whole_lines(file)
        file.truncate(end)
        try:
            file.write(line.encode() + b"\n")
            file.flush()
        except OSError as error:
            with suppress(OSError):
                file.close()  # tries to write again what is left of the line
            with suppress(OSError):
                os.truncate(path, end)
            raise no_room(error, path, path.absolute().parent, len(line)) or error from None


def _whole_lines(file) -> int:
    """The length of a file up to its last line end."""
    end = file.seek(0, os.SEEK_END)
    while end:
        start = max(0, end - 2**12)
        file.seek(start)
        found = file.read(end - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


@contextmanager
def workplace(folder: Path, path: Path, size: int | None = None) -> Iterator[Path]:
    """A new folder inside `folder` for the making of `path`; it goes at the end, whatever happens.

    Raises:
        NoRoomError: in place of whatever a library raises where the disk is full.
    """
    sweep(folder)
    try:
        work, lock = locked_folder(folder, PREFIX)
    except OSError as error:
        raise no_room(error, path, folder, size) or error from None
    try:
        yield work
    except Exception as error:
        full = no_room(error, path, work, size)
        if full is None:
            raise
        raise full from None
    finally:
        shutil.rmtree(work, ignore_errors=True)
        os.close(lock)


def sweep(folder: Path) -> None:
    """Remove what killed processes were making in `folder`, but for what is whole (`spikebert.core.files.folders`)."""
    for work in left_behind(folder, PREFIX):
        if not (work / READY).exists():
            shutil.rmtree(work, ignore_errors=True)


def flush(path: Path) -> None:
    """See that a file's bytes are on the disk: a full one may tell only then."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def replace(made: Path, target: Path) -> None:
    """Rename a file to its place; one that is a mount point of its own, which has no other name, is overwritten."""
    try:
        made.replace(target)
    except OSError as error:
        if error.errno not in (errno.EBUSY, errno.EXDEV):
            raise
        shutil.copyfile(made, target)
