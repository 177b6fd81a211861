"""Processes that end with the one that started them, however that ends: the kernel sees to it."""

from __future__ import annotations

import ctypes
import os
import signal

LIBRARY = ctypes.CDLL(None, use_errno=True)
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36


def die_with(parent: int, number: int = signal.SIGKILL) -> None:
    """This process gets the signal `number` as soon as its parent ends, or now if that has ended already.

    To the kernel the parent is the thread that started this process.
    """
    LIBRARY.prctl(PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:
        os.kill(os.getpid(), number)


def adopt() -> None:
    """What descends from this process becomes its child where it loses its own parent, and can be waited for."""
    LIBRARY.prctl(PR_SET_CHILD_SUBREAPER, 1)
