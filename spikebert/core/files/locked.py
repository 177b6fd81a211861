"""Folders that are locked while their process lives, so that another can tell what a killed one has left."""

from __future__ import annotations

import fcntl
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def names(prefix: str) -> re.Pattern[str]:
    """What tempfile calls a folder of that prefix."""
    return re.compile(re.escape(prefix) + "[a-z0-9_]{8}")


def locked_folder(parent: Path, prefix: str) -> tuple[Path, int]:
    """(a new folder of random name, the descriptor that holds the lock on it)."""
    while True:
        folder = Path(tempfile.mkdtemp(dir=parent, prefix=prefix))
        try:
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except FileNotFoundError:  # another's sweep was faster
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # another's sweep removes it
            os.close(lock)
            continue
        except OSError:  # a file system without locks; nobody sweeps there
            return folder, lock
        if folder.exists():
            return folder, lock
        os.close(lock)


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """The lock on a folder that is there; another process that asks for it waits."""
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def left_behind(parent: Path, prefix: str) -> Iterator[Path]:
    """The folders in `parent` that killed processes of this user left, each locked while it is looked at."""
    pattern = names(prefix)
    with os.scandir(parent) as entries:
        found = [entry.name for entry in entries if pattern.fullmatch(entry.name)]
    for name in found:
        with suppress(OSError):  # another's, or one that goes as we look
            lock = os.open(parent / name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                if os.fstat(lock).st_uid == os.geteuid() and _free(lock):
                    yield parent / name
            finally:
                os.close(lock)


def _free(lock: int) -> bool:
    """Whether no process lives that holds the folder; where there are no locks, nobody can tell."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
