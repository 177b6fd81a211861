"""The way of the messages: hops, and the link that carries the most. Spikes go along a row first, then a column."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deploy.chips.placement import Placement
from deploy.chips.traffic import Traffic


@dataclass(frozen=True)
class Hops:
    """Messages of a mean sample and the way they go."""

    messages: float
    between_chips: float  # of them
    from_host: float  # of them
    to_host: float  # of them, what the readout sums
    east_west: float  # hops from tile to tile, of messages within a chip
    north_south: float
    chip_hops: float  # from chip to chip


def hops_of(placement: Placement, traffic: Traffic) -> Hops:
    on_chip = traffic.source >= 0
    source, target, events = traffic.source[on_chip], traffic.target[on_chip], traffic.events[on_chip]
    same = placement.chip[source] == placement.chip[target]
    wide, high = abs(placement.x[source] - placement.x[target]), abs(placement.y[source] - placement.y[target])
    chip_x, chip_y = placement.x // placement.mesh.columns, placement.y // placement.mesh.rows
    chips = abs(chip_x[source] - chip_x[target]) + abs(chip_y[source] - chip_y[target])
    return Hops(
        messages=float(traffic.events.sum()) + traffic.to_host,
        between_chips=float(events[~same].sum()),
        from_host=float(traffic.events[~on_chip].sum()),
        to_host=traffic.to_host,
        east_west=float((events * wide * same).sum()),
        north_south=float((events * high * same).sum()),
        chip_hops=float(np.sum(events * chips)),
    )


def heaviest_link(placement: Placement, traffic: Traffic, of: NDArray[np.bool_]) -> float:
    """Messages over the busiest link between two tiles in one direction, of the flows chosen by `of`.

    The way between chips counts as a way over the plane of all their tiles.
    """
    chosen = of & (traffic.source >= 0)
    if not chosen.any():
        return 0.0
    source, target, events = traffic.source[chosen], traffic.target[chosen], traffic.events[chosen]
    x0, y0, x1, y1 = placement.x[source], placement.y[source], placement.x[target], placement.y[target]
    along = max(_busiest(y0, x0, x1, events), _busiest(y0, -x0, -x1, events))
    return max(along, _busiest(x1, y0, y1, events), _busiest(x1, -y0, -y1, events))


def _busiest(line: NDArray, start: NDArray, end: NDArray, events: NDArray) -> float:
    """The most that crosses from one place of a line to the next, of what goes upwards from `start` to `end`."""
    rising = start < end
    if not rising.any():
        return 0.0
    low = start[rising].min()
    changes = np.zeros((line.max() + 1, int(end[rising].max() - low) + 1))
    np.add.at(changes, (line[rising], start[rising] - low), events[rising])
    np.add.at(changes, (line[rising], end[rising] - low), -events[rising])
    return float(changes.cumsum(axis=1).max())
