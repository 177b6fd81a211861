"""What every simulator gives back, so that any two can be compared."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class SimulationResult:
    """A run over B sentences, in the order in which they were given.

    counts: {key: (B, T) int64} for every neuron layer, residual stream and attention; see `export.tally`.
    neurons: {layer: (D,) int64}, how often each neuron fired over all tokens and steps; None where Lava's processes
        were not asked to show their spikes.
    spikes: {layer: (T, M, D) uint8} over the M tokens of all sentences, where recording was asked for.
    seconds: the simulation without `startup_seconds`.
    """

    logits: NDArray[np.int64]  # (B, labels)
    counts: dict[str, NDArray[np.int64]]
    neurons: dict[str, NDArray[np.int64]] | None
    spikes: dict[str, NDArray[np.uint8]] | None
    seconds: float
    startup_seconds: float

    @property
    def predictions(self) -> NDArray[np.int64]:
        """(B,): the index of the largest logit, the first of equals."""
        return self.logits.argmax(1)
