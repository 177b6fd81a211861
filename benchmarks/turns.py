"""Times of things that are run in turns, so that other work on the machine disturbs all alike."""

from __future__ import annotations

import math
import time
from collections.abc import Callable


def least(repeat: int, *calls: Callable[[], object]) -> list[float]:
    """The least seconds of each call, the calls taken in turns."""
    best = [math.inf] * len(calls)
    for _ in range(repeat):
        for i, call in enumerate(calls):
            started = time.perf_counter()
            call()
            best[i] = min(best[i], time.perf_counter() - started)
    return best
