"""Cores onto the tiles of chips, so that spikes travel few hops.

Cores stand in the order in which spikes pass them and fill chip after chip: in a network that is a chain, few spikes
then leave a chip. Within a chip it is a quadratic assignment (traffic × distance), which SciPy's FAQ algorithm solves
approximately, started from a boustrophedon; the better of the two is kept.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deploy.chips.chip import Chip, System
from deploy.chips.partition import Core
from deploy.chips.traffic import Traffic

ITERATIONS = 30


@dataclass(frozen=True)
class Mesh:
    """The tiles of one chip, and the chips of a system."""

    columns: int
    rows: int
    cores_per_tile: int
    chip_columns: int


def mesh(chip: Chip, chips: int) -> Mesh:
    """As the chip file says; as square as may be where it says nothing."""
    each = chip.cores_per_tile or 1
    tiles = math.ceil(chip.cores / each)
    columns = chip.tile_columns or math.ceil(math.sqrt(tiles))
    return Mesh(columns, math.ceil(tiles / columns), each, math.ceil(math.sqrt(chips)))


@dataclass(frozen=True)
class Placement:
    """Where each core lies: its chip, its slot on the chip, and its tile in the plane of all chips' tiles."""

    mesh: Mesh
    chip: NDArray[np.int64]
    slot: NDArray[np.int64]
    x: NDArray[np.int64]
    y: NDArray[np.int64]

    @property
    def chips(self) -> int:
        return int(self.chip.max()) + 1


def place(cores: list[Core], traffic: Traffic, system: System) -> Placement:
    """A place for each core, in the order of `cores`; there must be enough of them."""
    layout = mesh(system.chip, system.chips)
    # The copies of a token stand together, and in each of them the populations in their order.
    order = sorted(range(len(cores)), key=lambda i: cores[i].copies[0] if cores[i].population.copies > 1 else 0)
    rank = np.empty(len(cores), np.int64)
    rank[order] = np.arange(len(cores))
    chip, local = rank // system.cores, rank % system.cores
    slot = _slots(chip, local, traffic, layout, _snake(layout, system.cores))
    chip_x, chip_y = chip_position(chip, layout.chip_columns)
    tile_x, tile_y = _tile(slot, layout)
    return Placement(layout, chip, slot, chip_x * layout.columns + tile_x, chip_y * layout.rows + tile_y)


def _slots(chip: NDArray, local: NDArray, traffic: Traffic, layout: Mesh, snake: NDArray) -> NDArray[np.int64]:
    """A slot for each core, chip by chip; `local` numbers the cores of a chip. Equal chips are solved once."""
    inside = (traffic.source >= 0) & (chip[traffic.source] == chip[traffic.target])
    source, target, events = traffic.source[inside], traffic.target[inside], traffic.events[inside]
    by_chip = np.argsort(chip[source], kind="stable")
    ends = np.searchsorted(chip[source][by_chip], np.arange(chip.max() + 2))
    x, y = _tile(snake, layout)
    distance = (abs(x[:, None] - x) + abs(y[:, None] - y)).astype(float)
    solved: dict[bytes, NDArray] = {}
    slot = np.empty(len(chip), np.int64)
    for number in range(chip.max() + 1):
        mine = by_chip[ends[number] : ends[number + 1]]
        flow = np.zeros(distance.shape)
        np.add.at(flow, (local[source[mine]], local[target[mine]]), events[mine])
        key = flow.tobytes()
        if key not in solved:
            solved[key] = snake[_assign(flow, distance)]
        members = chip == number
        slot[members] = solved[key][local[members]]
    return slot


def _assign(flow: NDArray, distance: NDArray) -> NDArray[np.int64]:
    """A place for each of n cores, for the traffic and the distances (n, n) between them."""
    from scipy.optimize import quadratic_assignment
    from threadpoolctl import threadpool_limits

    options = {"maxiter": ITERATIONS, "P0": np.eye(len(flow))}
    with threadpool_limits(1):  # its products round with the number of threads, and a bundle is made of the same bytes
        found = quadratic_assignment(flow, distance, method="faq", options=options)
    return found.col_ind if found.fun < (flow * distance).sum() else np.arange(len(flow))


def _snake(layout: Mesh, slots: int) -> NDArray[np.int64]:
    """The slots of a chip row by row, every second row backwards."""
    slot = np.arange(slots)
    x, y = _tile(slot, layout)
    return slot[np.lexsort((slot, np.where(y % 2, -x, x), y))]


def _tile(slot: NDArray, layout: Mesh) -> tuple[NDArray, NDArray]:
    tile = slot // layout.cores_per_tile
    return tile % layout.columns, tile // layout.columns


def chip_position(chip: NDArray, columns: int) -> tuple[NDArray, NDArray]:
    """Chips in a boustrophedon: the next chip is always a neighbour."""
    y, x = chip // columns, chip % columns
    return np.where(y % 2, columns - 1 - x, x), y
