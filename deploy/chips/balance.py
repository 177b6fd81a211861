"""Layers cut by time: more cores for what takes longest, and the curve of cores against latency that comes of it.

Memory decides how many cores a layer must have; what it does decides how many it should have. From the cut by memory
on, the pass whose steps become most shorter for each core more gets its busiest populations divided further, until the
chips are full. Every point of the way is a mapping that could be chosen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from deploy.chips.chip import Chip
from deploy.chips.costs import MIDDLE, costs_at
from deploy.chips.partition import Core, Cut
from deploy.chips.runtime import Load
from deploy.chips.traffic import Activity
from export.ir.early_exit import margin_of
from export.ir.graph import NO_MARGIN, Graph

NEARLY = 0.999  # of the longest time: populations that must be divided together for the step to become shorter
FREE = 1e-3  # cores, in whose place stands a more even cut into as many
MOST_POINTS = 2000
TRIED = 4  # points of a curve that are placed, to see what the mesh makes of them


@dataclass(frozen=True)
class Choice:
    """A point of the curve.

    nanoseconds: of a text, between the ends of the estimate and without the mesh; counts: {population: cores}.
    """

    cores: int
    nanoseconds: float
    counts: dict[str, int]


def curve(graph: Graph, cuts: Sequence[Cut], chip: Chip, activity: Activity, serial: bool, room: int) -> list[Choice]:
    """The way from the cut by memory to as many cores as there is room for; every point is faster than the last."""
    state = _State(graph, cuts, chip, activity, serial)
    found = [state.choice()]
    while len(found) < MOST_POINTS:
        options = [option for number in range(state.load.passes) if (option := state.option(number))]
        options = [(gain, finer) for gain, finer in options if state.cores_with(finer) <= room]
        if not options:
            break
        state.take(max(options, key=lambda option: option[0])[1])
        found.append(state.choice())
    return found


def candidates(points: Sequence[Choice]) -> list[Choice]:
    """Some points over the whole curve, its ends among them."""
    places = {round(i * (len(points) - 1) / (TRIED - 1)) for i in range(TRIED)}
    return [points[place] for place in sorted(places)]


class _State:
    """Cuts that become finer, and the time of each population in each pass."""

    def __init__(self, graph: Graph, cuts: Sequence[Cut], chip: Chip, activity: Activity, serial: bool):
        self.cuts = {cut.population.name: cut for cut in cuts}
        self.chip, self.activity = chip, activity
        self.load = Load(graph, [_largest(cut) for cut in cuts], activity, serial)
        self.costs = costs_at(chip, MIDDLE)
        self.fills = self.load.fills()
        self.early = margin_of(graph) != NO_MARGIN
        self.steps = [self.load.steps + fill for fill in self.fills]
        if self.early:
            self.steps = [math.ceil(self.load.taken * fill) for fill in self.fills]
        self.times = {name: self._times(cut) for name, cut in self.cuts.items()}

    def _times(self, cut: Cut) -> list[float]:
        """Nanoseconds of a step on the largest core of a cut, in each pass."""
        name, core = cut.population.name, _largest(cut)
        load = self.load.with_core(core, self.activity)
        return [
            sum(load.terms(name, number, self.costs, self.chip.weight_bits).values()) for number in range(load.passes)
        ]

    def option(self, number: int) -> tuple[float, list[Cut]] | None:
        """What dividing the busiest populations of a pass gains a core, and their finer cuts; None if none can be."""
        longest = max(times[number] for times in self.times.values())
        busiest = [name for name, times in self.times.items() if times[number] >= NEARLY * longest]
        finer = [_finer(self.cuts[name]) for name in busiest]
        if not longest or any(cut is None for cut in finer):
            return None
        cuts = [cut for cut in finer if cut]
        rest = [times[number] for name, times in self.times.items() if name not in busiest]
        shorter = max([*rest, *(self._times(cut)[number] for cut in cuts)])
        added = sum(cut.count for cut in cuts) - sum(self.cuts[name].count for name in busiest)
        return (longest - shorter) * self.steps[number] / max(added, FREE), cuts

    def cores_with(self, finer: Sequence[Cut]) -> int:
        """Cores in all, with these instead of theirs."""
        counts = {name: cut.count for name, cut in self.cuts.items()} | {c.population.name: c.count for c in finer}
        return sum(counts.values())

    def take(self, finer: Sequence[Cut]) -> None:
        for cut in finer:
            self.cuts[cut.population.name] = cut
            self.times[cut.population.name] = self._times(cut)

    def choice(self) -> Choice:
        steps = [max(times[number] for times in self.times.values()) for number in range(self.load.passes)]
        barrier = self.costs["barrier_ns"]
        time = sum(count * (step + barrier) for count, step in zip(self.steps, steps, strict=True))
        return Choice(self.cores_with([]), time, {name: cut.count for name, cut in self.cuts.items()})


def _largest(cut: Cut) -> Core:
    return Core(cut.population, (0, min(cut.rows, cut.population.rows)), (0, min(cut.copies, cut.population.copies)))


def _finer(cut: Cut) -> Cut | None:
    """The next cut into more cores, as even as may be; None where a core holds the least that stays together."""
    population = cut.population
    if cut.copies > 1:
        return replace(cut, copies=_even(population.copies, cut.copies - 1), limit="time")
    together = population.together
    if cut.rows <= together:
        return None
    parts = _even(population.rows // together, cut.rows // together - 1)
    return replace(cut, rows=parts * together, limit="time")


def _even(whole: int, most: int) -> int:
    """The least part of which no more are needed than of `most`."""
    return math.ceil(whole / math.ceil(whole / most))
