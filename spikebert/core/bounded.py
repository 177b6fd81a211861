"""Work whose time and memory a file from outside decides, in a child process under limits.

Some libraries that read such files panic, abort, or never end. The child takes that upon it, its complaints included:
here it becomes one InputError. A child is forked, so that honest work waits some milliseconds longer and no more.
"""

from __future__ import annotations

import faulthandler
import os
import resource
import select
import signal
import struct
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from spikebert.core.errors import InputError, reason_of

MEMORY = 2**30  # bytes beyond those of the process that asks
WALL = 20  # times the seconds of computing: a loaded machine may give a process but a part of its time
HEAD = struct.Struct("<cQ")  # of each message: its kind and its length
RESULT, FAULT, END = b"r", b"f", b"e"


def results(work: Callable[[], Iterable[bytes]], what: str, seconds: int, memory: int = MEMORY) -> Iterator[bytes]:
    """What `work` yields in a child process, each result as soon as it is there.

    Args:
        what: the beginning of the message where the child does not end well.
        seconds: of computing that it may take.
    Raises:
        InputError: `work` raised, took more than its time or memory, or took its process down.
    """
    reader, writer = os.pipe()
    child = _fork()
    if child == 0:
        os.close(reader)
        _serve(work, writer, seconds, memory)
    os.close(writer)
    ended = None
    try:
        with os.fdopen(reader, "rb", buffering=0) as pipe:
            deadline = time.monotonic() + WALL * seconds
            while (message := _message(pipe.fileno(), deadline)) is not None:
                kind, content = message
                if kind == FAULT:
                    raise InputError(f"{what}: {content.decode('utf-8', 'replace')}")
                if kind == END:
                    return
                yield content
        _, ended = os.waitpid(child, 0)
        raise InputError(f"{what}: {_death(ended, seconds, memory)}")
    except TimeoutError:
        raise InputError(f"{what}: gave no answer within {WALL * seconds} s") from None
    finally:
        if ended is None:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def _fork() -> int:
    """`os.fork`, without the warning of Python 3.12 that a lock may be held by a thread which the child has not.

    The libraries that work here look after their locks when a process forks; where one did not, the deadline ends it.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*multi-threaded.*", DeprecationWarning)
        return os.fork()


def _serve(work: Callable[[], Iterable[bytes]], writer: int, seconds: int, memory: int) -> None:
    """The whole life of the child; it never returns."""
    try:
        faulthandler.disable()  # it has a terminal of its own
        silence = os.open(os.devnull, os.O_RDWR)
        for number in range(3):
            os.dup2(silence, number)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        most = _held() + memory
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
        for result in work():
            _send(writer, RESULT, result)
        _send(writer, END, b"")
    except BaseException as error:  # what a library in Rust panics with is no Exception
        _send(writer, FAULT, (reason_of(error, 300) or type(error).__name__).encode("utf-8", "replace"))
    finally:
        os._exit(0)


def _held() -> int:
    """Bytes of writable memory that this process has now."""
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return 1024 * int(fields["VmData"].split()[0])


def _send(writer: int, kind: bytes, content: bytes) -> None:
    rest = memoryview(HEAD.pack(kind, len(content)) + content)
    while rest:
        rest = rest[os.write(writer, rest) :]


def _message(pipe: int, deadline: float) -> tuple[bytes, bytes] | None:
    """The next message; None where the child ended without one."""
    head = _read(pipe, HEAD.size, deadline)
    if head is None:
        return None
    kind, size = HEAD.unpack(head)
    content = _read(pipe, size, deadline)
    return None if content is None else (kind, content)


def _read(pipe: int, size: int, deadline: float) -> bytes | None:
    content = bytearray()
    while len(content) < size:
        if not select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))[0]:
            raise TimeoutError
        part = os.read(pipe, min(size - len(content), 2**20))
        if not part:
            return None
        content += part
    return bytes(content)


def _death(status: int, seconds: int, memory: int) -> str:
    number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    if number in (signal.SIGXCPU, signal.SIGKILL):
        return f"takes more than {seconds} s"
    return f"takes more than {memory / 2**30:g} GiB, or breaks down"
