"""What every simulator gives back, so that any two can be compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

# What a run counts: nothing, the spikes of each layer of neurons, or all that the reports need.
Counting = Literal["none", "layers", "all"]


@dataclass(frozen=True)
class SimulationResult:
    """A run over B sentences, in the order in which they were given.

    counts: {key: (B, T) int64} for every neuron layer, residual stream and attention, as far as the run was asked to
        count; see `export.runtime.tally`.
    neurons: {layer: (D,) int64}, how often each neuron fired over all tokens and steps; None where Lava's processes
        were not asked to show their spikes, or where nothing was counted.
    spikes: {layer: (T, M, D) uint8} over the M tokens of all sentences, where recording was asked for.
    steps: (B,) int64, how many of the T steps each sentence took, where the model has an early exit; else None. What
        lies behind is silent: it is 0 in counts, neurons and spikes.
    seconds: the simulation without `startup_seconds`.
    """

    logits: NDArray[np.int64]  # (B, labels)
    counts: dict[str, NDArray[np.int64]]
    neurons: dict[str, NDArray[np.int64]] | None
    spikes: dict[str, NDArray[np.uint8]] | None
    seconds: float
    startup_seconds: float
    steps: NDArray[np.int64] | None = None

    @property
    def predictions(self) -> NDArray[np.int64]:
        """(B,): the index of the largest logit, the first of equals."""
        return self.logits.argmax(1)


def joined(parts: Sequence[SimulationResult], seconds: float, startup_seconds: float) -> SimulationResult:
    """The result of one run over the sentences of all parts, in their order."""

    def beside(rows: list[dict[str, NDArray]], axis: int = 0) -> dict[str, NDArray]:
        return {name: np.concatenate([row[name] for row in rows], axis) for name in rows[0]}

    fired = [part.neurons or {} for part in parts]
    spikes = [part.spikes or {} for part in parts]
    steps = [part.steps for part in parts if part.steps is not None]
    return SimulationResult(
        logits=np.concatenate([part.logits for part in parts]),
        counts=beside([part.counts for part in parts]),
        neurons={name: np.sum([row[name] for row in fired], axis=0) for name in fired[0]} or None,
        spikes=beside(spikes, axis=1) or None,
        seconds=seconds,
        startup_seconds=startup_seconds,
        steps=np.concatenate(steps) if steps else None,
    )
