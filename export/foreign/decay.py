"""A time constant in the 12 bits of Loihi's decay: what cannot be held is refused, what is held badly is told."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from spikebert.core.errors import InputError

UNIT = 4096  # a decay d takes d / 4096 of the membrane a step
TOLERANCE = 0.05  # of a time constant: a departure beyond it is told


def rounded_decay(name: str, what: str, decay: NDArray[np.float64], dt: float, shortest: float) -> int:
    """The decay in 4096ths that all neurons of a node share, from `dt / tau` (D,); 0 only where nothing leaks.

    Args:
        what: "membrane" or "current".
        shortest: seconds, the shortest time constant of the network.
    Raises:
        InputError: the neurons have different decays, or one so small that it rounds to no leak.
    """
    rounded = np.unique(np.rint(UNIT * np.minimum(decay, 1)).astype(int))
    if len(rounded) > 1:
        raise InputError(f"node {name}: its neurons have different {what} time constants; Lava's own LIF has one")
    if rounded[0] == 0 and decay.any():
        tau = dt / decay.min()
        raise InputError(
            f"node {name}: its {what} time constant of {tau:.4g} s is no leak at all in Loihi's 12-bit decay, which at "
            f"steps of {dt:g} s holds up to {UNIT * dt:.4g} s; {_remedy(tau / UNIT, shortest)}"
        )
    return int(rounded[0])


def leak_note(
    name: str, what: str, rounded: int, decay: NDArray[np.float64], lost: float, dt: float, shortest: float
) -> str | None:
    """A line where the neurons leak otherwise than the file says by more than TOLERANCE.

    Args:
        lost: what rounding toward zero takes off a state of usual size each step, in 4096ths of it.
    """
    if not decay.any():
        return None
    exact = UNIT * np.minimum(decay, 1)
    departure = (rounded + lost) / exact - 1
    worst = int(np.abs(departure).argmax())
    if abs(departure[worst]) <= TOLERANCE:
        return None
    tau, held = dt / decay[worst], dt * UNIT / (rounded + lost)
    # In longer steps a decay is rounded less, but weights leave less room above the rounding of the state.
    room = TOLERANCE - lost / exact[worst]
    needed = 0.5 / room * tau / UNIT if room > 0 else math.inf
    return (
        f"node {name}: its {what} time constant of {tau:.4g} s is about {held:.4g} s in Loihi's integers; "
        f"{_remedy(needed, shortest)}"
    )


def _remedy(needed: float, shortest: float) -> str:
    """What to do where steps must be `needed` seconds or longer."""
    if math.isinf(needed):
        return "trust --backend float"
    if needed > shortest:
        return f"no --dt serves both this and the shortest time constant of {shortest:.4g} s: trust --backend float"
    return f"give --dt {_upward(needed):g} or more, or trust --backend float"


def _upward(value: float) -> float:
    """Rounded up to three digits."""
    unit = 10.0 ** (math.floor(math.log10(value)) - 2)
    return float(f"{math.ceil(value / unit * (1 - 1e-12)) * unit:.3g}")
