"""Two runs of the same sentences side by side: how far they agree, and where they first part."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Spikes = dict[str, NDArray[np.uint8]]  # {layer: (T, M, D)}, layers in network order


@dataclass(frozen=True)
class Divergence:
    """The first spike in which two runs differ: by sample, then step, layer, token, neuron. All count from 0."""

    sample: int
    step: int
    layer: str
    token: int
    neuron: int
    expected: int
    found: int

    def __str__(self) -> str:
        return (
            f"sample {self.sample}, step {self.step}, layer {self.layer}, token {self.token}, neuron {self.neuron}: "
            f"{self.found} instead of {self.expected}"
        )


def agreement(expected: Spikes, found: Spikes) -> dict[str, float]:
    """The share of equal elements of each layer."""
    return {name: float(np.mean(expected[name] == found[name])) for name in expected}


def first_divergence(expected: Spikes, found: Spikes, lengths: list[int]) -> Divergence | None:
    """The first difference of two runs over sentences of these lengths; None where there is none."""
    start = 0
    for sample, length in enumerate(lengths):
        rows = slice(start, start + length)
        places = []
        for order, name in enumerate(expected):
            step, token, neuron = np.nonzero(expected[name][:, rows] != found[name][:, rows])
            if len(step):
                places.append((int(step[0]), order, int(token[0]), int(neuron[0]), name))
        if places:
            step, _, token, neuron, name = min(places)
            here = (step, start + token, neuron)
            return Divergence(sample, step, name, token, neuron, int(expected[name][here]), int(found[name][here]))
        start += length
    return None
