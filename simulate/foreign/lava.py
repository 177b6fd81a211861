"""A NIR file of another tool on Lava's own runtime, in integers, in the watched child process of `simulate.lava`."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from export.foreign.network import Network
from export.foreign.quantize import Plan, plan
from export.runtime.waves import spike_file
from simulate.foreign import euler
from simulate.foreign.agreement import Agreement
from simulate.foreign.result import ForeignRun
from simulate.lava import run_job
from simulate.scratch import scratch
from spikebert.core.errors import InputError

if TYPE_CHECKING:
    from export.lava.build import Built

LARGEST_INPUT = 2**15


@dataclass(frozen=True)
class ForeignJob:
    """What the child is told."""

    plan: Plan
    x: NDArray[np.int32]  # (T, B, D)

    def build(self, folder: str) -> Built:
        from export.lava.foreign import build_foreign

        return build_foreign(self.plan, self.x, folder)


def run(
    network: Network,
    x: NDArray[np.float64],
    dt: float,
    expected: dict[str, NDArray[np.uint8]],
    deadline: float | None = None,
) -> ForeignRun:
    """Quantise the network and run an input (T, B, D) of whole numbers; `expected` holds the float spikes.

    Raises:
        InputError: Lava cannot hold the network or the input.
        SimulationError: a process model raised, an OS process died, or the deadline passed.
    """
    if (x % 1).any() or np.abs(x).max() > LARGEST_INPUT:
        raise InputError(
            f"the input must be whole numbers of at most {LARGEST_INPUT} on Lava; --backend float takes any"
        )
    if not network.spiking:
        raise InputError("the graph has no spiking node to run on Lava")
    whole = plan(network, dt, int(np.abs(x).max()))
    found: dict[str, NDArray[np.uint8]] = {}
    startup = seconds = 0.0
    for part in whole.parts:
        packed = pickle.dumps(ForeignJob(part, x.astype(np.int32)))
        with scratch() as folder:
            times = run_job(packed, folder, deadline)
            startup, seconds = startup + times[0], seconds + times[1]
            found |= {p.name: _spikes(folder, i, x.shape, p.size) for i, p in enumerate(part.populations)}
    spikes = {name: found[name] for name in expected}
    agreement = {name: Agreement.of(expected[name], train) for name, train in spikes.items()}
    outputs = euler.run(network, x, dt, spikes).outputs  # behind the last neurons: the host's part
    return ForeignRun("lava", spikes, outputs, agreement, whole.notes, startup, seconds)


def _spikes(folder: Path, place: int, shape: tuple[int, ...], width: int) -> NDArray[np.uint8]:
    """(T, B, D) of one population, from the bits that its Probe wrote."""
    steps, samples, _ = shape
    size = -(-samples * width // 8)  # bytes of a message
    bits = np.fromfile(spike_file(folder, place), np.uint8)[: steps * size].reshape(steps, size)
    return np.unpackbits(bits, axis=1, count=samples * width).reshape(steps, samples, width)
