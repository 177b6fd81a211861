"""How the C library keeps the memory of large tensors."""

from __future__ import annotations

import ctypes

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of malloc.h


def keep_freed_memory() -> None:
    """Let glibc's malloc keep what is freed, for the next step's tensors, instead of giving it back to the system.

    Activations are of tens of megabytes. By default such memory is mapped anew for each tensor, so that each of its
    pages faults on its first touch: tens of thousands of faults a training step. Other C libraries are left as they
    are.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, -1)
