"""How far the spikes of Lava's integers are those of the float run. Silence in both is no agreement."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Agreement:
    """Of one layer: its spikes in floating point, on Lava, and those at the same step, sample and neuron in both."""

    in_float: int
    on_lava: int
    common: int
    elements: int

    @staticmethod
    def of(in_float: NDArray[np.uint8], on_lava: NDArray[np.uint8]) -> Agreement:
        """From spikes of one shape."""
        counts = (np.count_nonzero(marks) for marks in (in_float, on_lava, in_float & on_lava))
        return Agreement(*map(int, counts), elements=in_float.size)

    @property
    def precision(self) -> float | None:
        """The share of Lava's spikes that float has; None where Lava is silent."""
        return self.common / self.on_lava if self.on_lava else None

    @property
    def recall(self) -> float | None:
        """The share of float's spikes that Lava has; None where float is silent."""
        return self.common / self.in_float if self.in_float else None

    @property
    def active(self) -> float:
        """The share of elements in which either fires."""
        return (self.in_float + self.on_lava - self.common) / self.elements
