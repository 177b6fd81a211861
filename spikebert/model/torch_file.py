"""The door for files of `torch.save`: they are read here, by no machinery that could execute anything of them.

`torch.load` runs a TorchScript archive, with `weights_only=True`, too (CVE-2025-32434), and an unpickler calls what a
pickle names. What `torch.save` writes of dicts, lists, texts, numbers and tensors needs neither: its zip holds members
of a few names, its pickle a few instructions that build plain values, and three functions by name.
"""

from __future__ import annotations

import io
import math
import pickletools
import re
import struct
import zlib
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, BadZipFile, ZipFile

import torch
from torch import Tensor

from spikebert.core.errors import InputError, reason_of
from spikebert.core.files import require_file

# Behind the folder that all members share; newer versions of torch write more of them than older ones.
MEMBERS = re.compile(
    r"data\.pkl|data/\d+|byteorder|version|\.data/serialization_id|\.format_version|\.storage_alignment"
)
DTYPES = {
    "torch FloatStorage": torch.float32,
    "torch DoubleStorage": torch.float64,
    "torch HalfStorage": torch.float16,
    "torch BFloat16Storage": torch.bfloat16,
    "torch LongStorage": torch.int64,
    "torch IntStorage": torch.int32,
    "torch ShortStorage": torch.int16,
    "torch CharStorage": torch.int8,
    "torch ByteStorage": torch.uint8,
    "torch BoolStorage": torch.bool,
}
MOST = 10**6  # values that a pickle may name again, with all that they hold: a few lines could stand for billions
# What zipfile, pickletools and torch raise on files that are not what they should be.
FAULTS = (OSError, LookupError, ValueError, TypeError, EOFError, RuntimeError, OverflowError, MemoryError)
FAULTS += (BadZipFile, AssertionError, AttributeError, struct.error, zlib.error)


class _Foreign(Exception):
    """A file holds what plain values and tensors do not need."""


def read_tensors(path: Path, what: str) -> dict[str, Any]:
    """A dict of plain values and tensors (on the CPU) as `torch.save` wrote it; `what` names the file in messages.

    Raises:
        InputError: no such file, damaged, or holding anything else, such as code; nothing of it was executed.
    """
    require_file(path, what)
    try:
        with ZipFile(path) as archive:
            content = _read(archive)
    except _Foreign as error:
        raise InputError(f"{path}: {error}; it is no {what} of this project and was not executed") from None
    except FAULTS as error:
        reason = reason_of(error) or type(error).__name__
        raise InputError(f"{path}: not a readable {what}, perhaps truncated ({reason})") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: not a {what} of this project")
    return content


def _read(archive: ZipFile) -> Any:
    members, size = archive.infolist(), 0
    folder = members[0].filename.partition("/")[0] if members else ""
    names = [member.filename.removeprefix(f"{folder}/") for member in members]
    for member, name in zip(members, names, strict=True):
        if not MEMBERS.fullmatch(name) or member.compress_type != ZIP_STORED:
            kind = "code (TorchScript)" if name == "constants.pkl" or name.startswith("code/") else "more than weights"
            raise _Foreign(f"holds {kind}, {member.filename[:80]!r}")
        size += member.file_size
    if len({*names}) < len(names) or (archive.fp and size > archive.fp.seek(0, io.SEEK_END)):
        raise ValueError("its members overlap")
    if "byteorder" in names and archive.read(f"{folder}/byteorder") != b"little":
        raise ValueError("its numbers are not little-endian")
    return _Reader(lambda key: archive.read(f"{folder}/data/{key}")).read(archive.read(f"{folder}/data.pkl"))


class _Reader:
    """Builds the value that a pickle describes: each instruction is one that is listed here."""

    def __init__(self, stored: Callable[[str], bytes]):
        self.stored = stored  # the bytes of a storage
        self.storages: dict[str, Tensor] = {}
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.again = 0

    def read(self, pickled: bytes) -> Any:
        for instruction, argument, _ in pickletools.genops(pickled):
            name = instruction.name
            if name in PUSHED:
                self.stack.append(argument)
            elif name in DONE:
                DONE[name](self, argument)
            else:
                raise _Foreign(f"holds Python objects and not only weights ({name})")
        (value,) = self.stack
        return value

    def above_mark(self) -> list[Any]:
        start = self.marks.pop()
        values = self.stack[start:]
        del self.stack[start:]
        return values

    def get(self, number: int) -> None:
        value = self.memo[number]
        waiting = [value]
        while waiting:
            self.again += 1
            if self.again > MOST:
                raise ValueError("it repeats its values too often")
            inner = waiting.pop()
            if isinstance(inner, dict):
                waiting += inner.values()
            elif isinstance(inner, (list, tuple)):
                waiting += inner
        self.stack.append(value)

    def put(self, number: int) -> None:
        self.memo[number] = self.stack[-1]

    def pack(self, size: int) -> None:
        values = self.stack[len(self.stack) - size :]
        if len(values) < size:
            raise IndexError("a tuple lacks values")
        del self.stack[len(self.stack) - size :]
        self.stack.append(tuple(values))

    def append(self, values: list[Any]) -> None:
        if type(self.stack[-1]) is not list:
            raise TypeError("values are appended to what is no list")
        self.stack[-1].extend(values)

    def set(self, values: list[Any]) -> None:
        if not isinstance(self.stack[-1], dict):
            raise TypeError("entries are put into what is no dict")
        self.stack[-1].update(zip(values[::2], values[1::2], strict=True))

    def name(self, argument: str) -> None:
        if argument not in DTYPES and argument not in CALLED:
            raise _Foreign(f"holds Python objects and not only weights ({argument[:80]})")
        self.stack.append(DTYPES.get(argument) or CALLED[argument])

    def call(self) -> None:
        function, values = self.stack[-2], self.stack.pop()
        if not any(function is known for known in CALLED.values()):
            raise _Foreign("holds Python objects and not only weights (REDUCE)")
        self.stack[-1] = function(*values)

    def describe(self) -> None:
        """Attributes of a dict: `state_dict` has its versions there, which nothing here reads."""
        if not isinstance(self.stack.pop(), dict) or not isinstance(self.stack[-1], OrderedDict):
            raise _Foreign("holds Python objects and not only weights (BUILD)")

    def storage(self) -> None:
        kind, dtype, key, _, count = self.stack.pop()
        if kind != "storage" or not isinstance(dtype, torch.dtype) or not str(key).isdecimal():
            raise TypeError("a tensor's storage is not described")
        if key not in self.storages:
            stored = self.stored(key)
            self.storages[key] = (
                torch.frombuffer(bytearray(stored), dtype=dtype) if stored else torch.empty(0, dtype=dtype)
            )
        found = self.storages[key]
        if found.dtype != dtype or len(found) != count:
            raise ValueError(f"a storage holds {len(found)} numbers, not {count}")
        self.stack.append(found)


def _tensor(storage: Tensor, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: Any) -> Tensor:
    """A view of a storage, never of more elements than that holds; what follows are gradients, which are not read."""
    if math.prod(size) > storage.numel():
        raise ValueError("a tensor is larger than its storage")
    return storage.as_strided(size, stride, offset)


def _parameter(data: Tensor, *_: Any) -> Tensor:
    return data


def _ordered_dict() -> OrderedDict[Any, Any]:
    return OrderedDict()


CALLED: dict[str, Callable[..., Any]] = {
    "collections OrderedDict": _ordered_dict,
    "torch._utils _rebuild_tensor_v2": _tensor,
    "torch._utils _rebuild_parameter": _parameter,
}
PUSHED = {"BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE"}
DONE: dict[str, Callable[[_Reader, Any], None]] = {
    "PROTO": lambda reader, _: None,
    "STOP": lambda reader, _: None,
    "NONE": lambda reader, _: reader.stack.append(None),
    "NEWTRUE": lambda reader, _: reader.stack.append(True),
    "NEWFALSE": lambda reader, _: reader.stack.append(False),
    "EMPTY_DICT": lambda reader, _: reader.stack.append({}),
    "EMPTY_LIST": lambda reader, _: reader.stack.append([]),
    "EMPTY_TUPLE": lambda reader, _: reader.stack.append(()),
    "MARK": lambda reader, _: reader.marks.append(len(reader.stack)),
    "TUPLE": lambda reader, _: reader.stack.append(tuple(reader.above_mark())),
    "TUPLE1": lambda reader, _: reader.pack(1),
    "TUPLE2": lambda reader, _: reader.pack(2),
    "TUPLE3": lambda reader, _: reader.pack(3),
    "APPEND": lambda reader, _: reader.append([reader.stack.pop()]),
    "APPENDS": lambda reader, _: reader.append(reader.above_mark()),
    "SETITEM": lambda reader, _: reader.set([reader.stack.pop(-2), reader.stack.pop()]),
    "SETITEMS": lambda reader, _: reader.set(reader.above_mark()),
    "BINPUT": lambda reader, number: reader.put(number),
    "LONG_BINPUT": lambda reader, number: reader.put(number),
    "BINGET": lambda reader, number: reader.get(number),
    "LONG_BINGET": lambda reader, number: reader.get(number),
    "GLOBAL": lambda reader, name: reader.name(name),
    "REDUCE": lambda reader, _: reader.call(),
    "BUILD": lambda reader, _: reader.describe(),
    "BINPERSID": lambda reader, _: reader.storage(),
}
