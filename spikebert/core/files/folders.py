"""Folders that commands write: each holds a list of the files that are its own, and no other file is touched.

The list, `.spikebert-files.json`, tells the command and a digest of every file that it wrote. Written again, a folder
has those files replaced, or removed where they are no more; whatever else lies in it stays. A file that somebody
changed is somebody's. Without the list, a folder is a command's own only if that can be seen: an older version's.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

from spikebert.core.errors import InputError
from spikebert.core.files.locked import held, left_behind
from spikebert.core.files.reading import read_json, sha256
from spikebert.core.files.writing import (
    LEFT,
    PREFIX,
    READY,
    flush,
    place_of,
    require_writable,
    workplace,
    write_atomically,
)

LIST = ".spikebert-files.json"
FORMAT = "spikebert-files"
SIZE = " bytes"


@dataclass(frozen=True)
class Kind:
    """A kind of folder.

    name: of what is in it, for people: "a run of spikebert-simulate".
    files: patterns of all that it may hold, with / between folders; the first is there whenever the folder is whole.
    proof: whether that first file is of this kind, by itself; for folders of versions that wrote no list.
    sealed: told by their digests, or else, where they are very large, by their sizes.
    listed: holds the list; without it `proof` must tell whether all files are as they were written.
    """

    name: str
    files: tuple[str, ...]
    proof: Callable[[Path], bool] = lambda path: False
    sealed: bool = True
    listed: bool = True


def names_format(*formats: str, field: str = "format") -> Callable[[Path], bool]:
    """A proof: the file is a JSON object whose `format`, or another field, is one of these."""
    return lambda path: _object(path).get(field) in formats


def has_fields(*fields: str) -> Callable[[Path], bool]:
    """A proof: the file is a JSON object that has all of these."""
    return lambda path: _object(path).keys() >= {*fields}


def require_place(path: str | os.PathLike[str], kind: Kind, what: str = "") -> None:
    """An InputError if `write_folder_atomically` could not write `path`: to be called before the work is done."""
    target, where = place_of(path, what), f"{what} {path}".lstrip()
    if not target.exists():
        folder = target.absolute().parent
        while not folder.exists():
            if folder.is_symlink():
                raise InputError(f"{where}: {folder} is a symbolic link to nothing; remove it")
            folder = folder.parent
        return require_writable(folder, where)
    if not target.is_dir():
        raise InputError(f"{where}: is a file; give a folder")
    require_writable(target, where)
    with held(target):  # not while another process moves its files in
        _finish(target)
        own = _own(target, kind, where)
        for name in _names(target):
            if name not in own and _fits(name, kind):
                raise _foreign(where, name)


def require_apart(path: str | os.PathLike[str], what: str, *others: str | os.PathLike[str] | None) -> None:
    """An InputError if the file `path` would replace one that the same command reads, or another that it writes.

    Args:
        others: those files, or folders, whose own files are meant; None where there is none.
    """
    own = Path(path).resolve()
    for other in others:
        if other is None:
            continue
        there = Path(other).resolve()
        if own == there or (own.parent == there and own.name in _listed(there)):
            raise InputError(f"{what} {path}: is read or written by this command, too; choose another name".lstrip())


def claim(folder: Path, kind: Kind) -> None:
    """Make `folder` one of this kind, which is filled file by file, as a training's; or go on with one that is.

    Raises:
        InputError: it is of another kind, or holds files of its names that it did not write.
    """
    target, where = place_of(folder), str(folder)
    if target.exists() and not target.is_dir():
        raise InputError(f"{where}: is a file; give a folder")
    target.mkdir(parents=True, exist_ok=True)
    if _read(target, kind, where) is not None:
        return
    if not kind.proof(target / kind.files[0]):
        for name in _names(target):
            if _fits(name, kind):
                raise _foreign(where, name)
    _write_list(target, kind, {})


def write_folder_atomically(
    path: str | os.PathLike[str], kind: Kind, write: Callable[[Path], object], size: int | None = None
) -> None:
    """Let `write` fill a new folder, then put what it made in the place of `path`: whole or not at all.

    Where a folder is already, the files are renamed into it one by one: it may be a mount point, and may hold other
    files. They are put back if that fails; a killed process leaves the rest of it to the next one that writes there.

    Args:
        size: bytes that it takes, where that is known, for the line that says that there is no room.
    Raises:
        InputError: names the first file there that is in the way and not this command's own.
        NoRoomError: the disk is full; what was at `path` is there as before.
    """
    path = Path(path)
    if any(LEFT.fullmatch(parent.name) for parent in path.parents):  # a part of a folder that is being written
        return _part(path, write)
    require_place(path, kind)
    target = place_of(path).absolute()
    there = target.exists()
    # Of a folder without a list, before anything of ours is made inside of it: its proof may look at all that is there.
    unlisted = _own(target, kind, "") if there and not (target / LIST).exists() else None
    target.parent.mkdir(parents=True, exist_ok=True)
    with workplace(target if there else target.parent, path, size) as work:
        made = work / "new"
        made.mkdir()
        write(made)
        names = list(_names(made))
        for name in names:
            flush(made / name)
        seals = {name: _seal(made / name, kind.sealed) for name in names}
        if kind.listed:
            _write_list(made, kind, seals)
        if not there:
            if _became(made, target):
                return
            require_place(path, kind)  # another process made it as we worked
            unlisted = None if (target / LIST).exists() else _own(target, kind, str(path))
        with held(target):  # by one process at a time
            if unlisted is not None:
                _write_list(target, kind, {name: _seal(target / name, kind.sealed) for name in unlisted})
            if not kind.listed:
                _write_list(made, kind, seals)  # for the moves alone
            (work / READY).touch()
            _move_in(work, target, str(path))
            if not kind.listed:
                (target / LIST).unlink()


def _became(made: Path, target: Path) -> bool:
    """Rename a new folder to its place; False if there is one already."""
    try:
        made.rename(target)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        return False
    return True


def _part(path: Path, write: Callable[[Path], object]) -> None:
    path.mkdir()
    try:
        write(path)
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        raise


def remove_folder(folder: Path, kind: Kind) -> None:
    """Remove the files that are a folder's own, and the folder, if nothing else is in it."""
    with suppress(InputError):  # of another kind; it stays
        for name in _own(folder, kind, str(folder)):
            (folder / name).unlink()
        if not any(_names(folder)):
            shutil.rmtree(folder)


def _finish(target: Path) -> None:
    """Do what killed processes left to be done in a folder."""
    for work in left_behind(target, PREFIX):
        if (work / READY).exists():
            _move_in(work, target, str(target))
            shutil.rmtree(work)


def _move_in(work: Path, target: Path, where: str) -> None:
    """Move the files of `work`/new into `target`, the list last, and take away those that are no more.

    Raises:
        InputError: something that is not the folder's own is in the way.
    """
    made, old = work / "new", work / "old"
    own, wanted, names = _listed(target), _listed(made), list(_names(made))
    gone = [name for name in own if name not in wanted]
    replaced = [name for name in (*gone, *names) if os.path.lexists(target / name)]
    for name in names:
        if not (_unchanged(target, name, own.get(name, "")) if name in replaced else _reachable(target, name)):
            raise _foreign(where, name)
    outward = [(target / name, old / name) for name in replaced if _unchanged(target, name, own[name])]
    inward = [(made / name, target / name) for name in (*names, LIST)]
    done: list[tuple[Path, Path]] = []
    try:
        for source, place in (*outward, *inward):
            place.parent.mkdir(parents=True, exist_ok=True)
            source.rename(place)
            done.append((source, place))
    except BaseException:
        for source, place in reversed(done):
            place.rename(source)
        raise
    for name in gone:
        for folder in PurePosixPath(name).parents:
            with suppress(OSError):  # other files are in it
                if folder.name:
                    (target / folder).rmdir()


def _own(target: Path, kind: Kind, where: str) -> dict[str, str]:
    """{file: seal} of the files of a folder that may be replaced."""
    listed = _read(target, kind, where)
    if listed is not None:
        return {name: seal for name, seal in listed.items() if _unchanged(target, name, seal)}
    names, proven = list(_names(target)), kind.proof(target / kind.files[0])
    for name in names:
        if not (proven and _fits(name, kind)):
            raise _foreign(where, name)
    return dict.fromkeys(names, "")


def _foreign(where: str, name: str) -> InputError:
    return InputError(
        f"{where}: holds {name}, which this command did not write, or which was changed since; move it away, or choose "
        "another folder"
    )


def _names(folder: Path, inside: str = "") -> Iterator[str]:
    """All files below a folder, sorted, with / between folders; but for its list and what is being made."""
    with os.scandir(folder / inside) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            name = inside + entry.name
            if not entry.is_dir(follow_symlinks=False):
                if name != LIST:
                    yield name
            elif os.access(entry.path, os.R_OK | os.X_OK):
                if inside or not LEFT.fullmatch(name):
                    yield from _names(folder, f"{name}/")
            elif name != "lost+found":  # which every new volume has
                yield f"{name}/"


def _fits(name: str, kind: Kind) -> bool:
    """A pattern without / is of the folder's own files, and not of those in folders inside."""
    return any(fnmatchcase(name, pattern) and ("/" in pattern or "/" not in name) for pattern in kind.files)


def _read(target: Path, kind: Kind, where: str) -> dict[str, str] | None:
    """The list of a folder; None without one. An InputError if it is of another kind, or damaged."""
    if not os.path.lexists(target / LIST):
        return None
    found = _object(target / LIST)
    if found.get("format") != FORMAT or not isinstance(found.get("kind"), str):
        raise InputError(f"{where}: its {LIST} is damaged; choose another folder")
    if found["kind"] != kind.name:
        raise InputError(f"{where}: holds {found['kind']!a}, and would not be {kind.name!a}; choose another folder")
    return _listed(target)


def _listed(folder: Path) -> dict[str, str]:
    """{file: seal} as the list says, which may come from anywhere: {} of one that is no list."""
    files = _object(folder / LIST).get("files")
    return {n: seal for n, seal in files.items() if isinstance(seal, str)} if isinstance(files, dict) else {}


def _write_list(folder: Path, kind: Kind, files: dict[str, str]) -> None:
    text = json.dumps({"format": FORMAT, "kind": kind.name, "files": files}, indent=1)
    write_atomically(folder / LIST, lambda path: path.write_text(text, "utf-8"))


def _unchanged(folder: Path, name: str, seal: str) -> bool:
    """Whether a file is there, and as it was when it was listed."""
    return bool(seal) and _reachable(folder, name) and _seal(folder / name, not seal.endswith(SIZE)) == seal


def _reachable(folder: Path, name: str) -> bool:
    """Whether a name of a list stays within its folder, and leads through no link."""
    way = PurePosixPath(name)
    if way.is_absolute() or ".." in way.parts or not way.parts:
        return False
    above = [folder / parent for parent in way.parents if parent.name]
    return not any(part.is_symlink() or (part.exists() and not part.is_dir()) for part in above)


def _seal(path: Path, whole: bool) -> str:
    """A digest of a file, or its size; "" of what is no file."""
    if path.is_symlink() or not path.is_file():
        return ""
    found = path.stat()
    return _digest(path, found.st_ino, found.st_mtime_ns, found.st_size) if whole else f"{found.st_size}{SIZE}"


@lru_cache(maxsize=4096)
def _digest(path: Path, *stamp: int) -> str:
    return sha256(path)


def _object(path: Path) -> dict[str, Any]:
    """The JSON object in a file; {} if there is none."""
    try:
        return read_json(path, "list")
    except (InputError, OSError):
        return {}
