"""Lava's channels without names: what its processes share is memory that they inherit as they are forked.

Lava gives every channel a file in /dev/shm, two named semaphores and an entry at a server of its own, which listens in
the temporary folder. Such names outlive a run that is killed; a small or read-only /dev/shm cannot hold them, nor a
long path the server's; and each costs an open file. Nothing of it is needed where every process is forked by one other.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import pickle
from typing import Any, ClassVar

SLOT = 64  # bytes for a semaphore: a sem_t of glibc and musl has 32
_waiting, _quick = ctypes.CDLL(None, use_errno=True), ctypes.PyDLL(None, use_errno=True)


def install() -> None:
    """Lava makes its channels of what stands here, from now on in this process."""
    from lava.magma.compiler.channels import pypychannel
    from lava.magma.runtime import runtime
    from lava.magma.runtime.message_infrastructure import multiprocessing as infrastructure

    for module, name, ours in (
        (pypychannel, "Semaphore", Semaphore),
        (runtime, "Queue", Answers),
        (infrastructure, "SharedMemoryManager", Memory),
    ):
        assert hasattr(module, name), f"Lava has no {module.__name__}.{name}"
        setattr(module, name, ours)


class Segment:
    """Shared memory that goes with the last process that maps it."""

    def __init__(self, size: int):
        self.buf = memoryview(mmap.mmap(-1, max(1, size)))


class Memory:
    """In the place of Lava's SharedMemoryManager."""

    def start(self) -> None:
        """No server is needed."""

    def shutdown(self) -> None:
        """Nor is anything left."""

    def create_shared_memory(self, size: int) -> Segment:
        return Segment(size)


class Semaphore:
    """A POSIX semaphore without a name, shared with the processes that are forked from this one."""

    free: ClassVar[list[Any]] = []  # slots of the page that was mapped last

    def __init__(self, value: int = 1):
        if not self.free:
            page = mmap.mmap(-1, mmap.PAGESIZE)
            slots = range(0, mmap.PAGESIZE, SLOT)
            self.free.extend((ctypes.c_char * SLOT).from_buffer(page, offset) for offset in slots)
        self.place = self.free.pop()
        _require(_quick.sem_init(ctypes.byref(self.place), 1, value))

    def acquire(self) -> bool:
        place = ctypes.byref(self.place)
        if _quick.sem_trywait(place) == 0:
            return True
        while _waiting.sem_wait(place) != 0:  # other threads go on meanwhile
            if ctypes.get_errno() != errno.EINTR:
                _require(-1)
        return True

    def release(self) -> None:
        _require(_quick.sem_post(ctypes.byref(self.place)))


class Answers:
    """In the place of the Queue by which a forked process says once that it has begun, or why it could not."""

    LARGEST = 2**16  # bytes

    def __init__(self) -> None:
        self.segment, self.there = Segment(self.LARGEST), Semaphore(0)

    def put(self, answer: object) -> None:
        packed = pickle.dumps(answer)
        if len(packed) > self.LARGEST:
            packed = pickle.dumps(RuntimeError(str(answer)[:1000]))
        self.segment.buf[: len(packed)] = packed
        self.there.release()

    def get(self) -> Any:
        self.there.acquire()
        return pickle.loads(self.segment.buf)  # a process that was forked from this one wrote it


def _require(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
