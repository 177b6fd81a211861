"""Messages go along a row, then along a column; the busiest link is found among all that they cross."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from deploy.chips.links import heaviest_link
from deploy.chips.placement import Mesh, Placement
from deploy.chips.traffic import Traffic

flows = st.lists(st.tuples(st.integers(-1, 11), st.integers(0, 11), st.integers(1, 9)), min_size=1, max_size=30)


def placed(cores: int = 12) -> Placement:
    """A mesh of 4 × 3 tiles, a core on each."""
    slot = np.arange(cores)
    return Placement(Mesh(4, 3, 1, 1), np.zeros(cores, int), slot, slot % 4, slot // 4)


def walked(placement: Placement, source: int, target: int) -> list[tuple]:
    """The links of one way, tile by tile."""
    x, y = int(placement.x[source]), int(placement.y[source])
    links = []
    while x != placement.x[target]:
        step = 1 if placement.x[target] > x else -1
        links.append((x, y, step, 0))
        x += step
    while y != placement.y[target]:
        step = 1 if placement.y[target] > y else -1
        links.append((x, y, 0, step))
        y += step
    return links


@given(flows)
def test_the_busiest_link_is_that_of_a_walk_over_every_tile(found):
    placement, crossed = placed(), {}
    for source, target, events in found:
        for link in walked(placement, source, target) if source >= 0 else []:
            crossed[link] = crossed.get(link, 0) + events
    source, target, events = (np.array(column) for column in zip(*found, strict=True))
    traffic = Traffic(source, target, events.astype(float), 0.0)
    assert heaviest_link(placement, traffic, np.ones(len(found), bool)) == max(crossed.values(), default=0)
