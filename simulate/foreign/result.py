"""The result of a run of a NIR file of another tool, on any backend."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulate.foreign.agreement import Agreement


@dataclass(frozen=True)
class ForeignRun:
    """What a simulation gave; on Lava also how far each layer fires as in float, and what its integers hold badly."""

    backend: str
    spikes: dict[str, NDArray[np.uint8]]  # (T, B, D) of each spiking node
    outputs: dict[str, NDArray[np.float64]]  # (T, B, D): the sum of what reaches each Output
    agreement: dict[str, Agreement] | None
    notes: tuple[str, ...]
    startup_seconds: float
    seconds: float
