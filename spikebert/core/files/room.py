"""No room for a file: one line that names it and what it takes, whatever library was writing."""

from __future__ import annotations

import errno
import os
import re
import resource
import shutil
from pathlib import Path

from spikebert.core.errors import InputError, RunError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
WORDS = re.compile(r"(?:[Ee]rrno[ =]+|code: |os error )(\d+)")  # of HDF5, of Rust
PROBE = 2**18  # bytes
FEW_INODES = 8  # a library that fails to write a file may remove its temporary one before it is asked


class NoRoomError(OSError):
    """A disk, a quota or the limit of a file's size is reached; a command ends on it with one line and exit code 2."""


def no_room(error: Exception, path: Path, work: Path, size: int | None) -> NoRoomError | None:
    """What a failed write of `path` means, or None where it did not fail for want of room.

    Args:
        work: the folder that it was written into, with what there is of it.
        size: bytes that it takes, where that is known.
    """
    if isinstance(error, (InputError, RunError)):
        return None
    number = _number(error, work)
    if number is None:
        return None
    written = _written(work)
    least = f"about {_bytes(size)}" if size else f"more than {_bytes(written)}"
    told = f"takes {least}, and " if size or written else ""
    if number == errno.EFBIG:
        allowed = _bytes(resource.getrlimit(resource.RLIMIT_FSIZE)[0])
        reason = f"{told}files of at most {allowed} are allowed here (ulimit -f); raise that"
    elif number == errno.EDQUOT:
        reason = f"{told}your disk quota is reached; make room"
    elif (left := _inodes(work)) < FEW_INODES:
        reason = f"{'hardly an' if left else 'no'} inode is left on its disk for another file; remove some"
    else:
        free = shutil.disk_usage(work).free + sum(file.stat().st_blocks * 512 for file in _files(work))
        reason = f"{told}{_bytes(free)} are free on its disk; make room"
    return NoRoomError(number, f"{reason}, and repeat the command", str(_file(path, work)))


def _file(path: Path, work: Path) -> Path:
    """`path`, or of a folder the file that was being written: the newest."""
    made = _files(work / "new")
    return path / max(made, key=lambda file: file.stat().st_mtime_ns).relative_to(work / "new") if made else path


def _number(error: BaseException | None, work: Path) -> int | None:
    """The errno of FULL that is behind an error: its own, one that a library tells, or one that a try of ours gives."""
    found, seen = error, set()
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        told = [found.errno] if isinstance(found, OSError) else []
        told += map(int, WORDS.findall(str(found)))
        if full := [number for number in told if number in FULL]:
            return full[0]
        found = found.__cause__ or found.__context__
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)[0]  # torch tells no reason
    if limit != resource.RLIM_INFINITY and any(file.stat().st_size >= limit for file in _files(work)):
        return errno.EFBIG
    try:
        probe = work / "probe"
        probe.write_bytes(bytes(PROBE))
        probe.unlink()
    except OSError as reason:
        return reason.errno if reason.errno in FULL else None
    return None


def _files(work: Path) -> list[Path]:
    return [path for path in work.rglob("*") if path.is_file() and not path.is_symlink()]


def _written(work: Path) -> int:
    return sum(file.stat().st_size for file in _files(work))


def _inodes(work: Path) -> int:
    found = os.statvfs(work)
    return found.f_favail if found.f_files else 1  # some file systems count none


def _bytes(size: float) -> str:
    return f"{size / 1e6:,.1f} MB" if size >= 1e5 else f"{size:,.0f} bytes"
