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

from deploy.chip import Chip, System
from deploy.partition import Core
from deploy.traffic import Traffic

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
    chip, slot = np.empty(len(cores), np.int64), np.empty(len(cores), np.int64)
    snake = _snake(layout, system.cores)
    for number, start in enumerate(range(0, len(order), system.cores)):
        members = np.array(order[start : start + system.cores])
        chip[members] = number
        slot[members] = _within(members, traffic, layout, snake)
    chip_x, chip_y = _position(chip, layout.chip_columns)
    tile_x, tile_y = _tile(slot, layout)
    return Placement(layout, chip, slot, chip_x * layout.columns + tile_x, chip_y * layout.rows + tile_y)


def _within(members: NDArray, traffic: Traffic, layout: Mesh, snake: NDArray) -> NDArray:
    """A slot for each of the cores of one chip."""
    from scipy.optimize import quadratic_assignment

    number = np.full(max(members.max(), traffic.source.max(), traffic.target.max()) + 1, -1)
    number[members] = np.arange(len(members))
    inside = traffic.source >= 0
    source, target = number[traffic.source[inside]], number[traffic.target[inside]]
    both = (source >= 0) & (target >= 0)
    flow = np.zeros((len(snake), len(snake)))
    np.add.at(flow, (source[both], target[both]), traffic.events[inside][both])
    x, y = _tile(snake, layout)
    distance = (abs(x[:, None] - x) + abs(y[:, None] - y)).astype(float)
    start = np.arange(len(snake))
    found = quadratic_assignment(
        flow, distance, method="faq", options={"maxiter": ITERATIONS, "P0": np.eye(len(snake))}
    )
    best = found.col_ind if found.fun < (flow * distance).sum() else start
    return snake[best[: len(members)]]


def _snake(layout: Mesh, slots: int) -> NDArray[np.int64]:
    """The slots of a chip row by row, every second row backwards."""
    slot = np.arange(slots)
    x, y = _tile(slot, layout)
    return slot[np.lexsort((slot, np.where(y % 2, -x, x), y))]


def _tile(slot: NDArray, layout: Mesh) -> tuple[NDArray, NDArray]:
    tile = slot // layout.cores_per_tile
    return tile % layout.columns, tile // layout.columns


def _position(chip: NDArray, columns: int) -> tuple[NDArray, NDArray]:
    """Chips in a boustrophedon: the next chip is always a neighbour."""
    y, x = chip // columns, chip % columns
    return np.where(y % 2, columns - 1 - x, x), y
