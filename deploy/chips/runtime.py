"""How long a text takes: steps, the time of each, and what bounds it, pass by pass.

In a step each core reads the weights of the spikes that came, adds them up, and updates its neurons; messages cross the
mesh; a barrier ends it. The low end takes the longest of these times for the step, as if a chip did them all at once
(a lower bound of the kind that Timcheck et al., arXiv 2601.10035, fit to Loihi 2), the high end all of them one after
the other. Steps of one pass are taken to be alike: a mean text, and spikes that come evenly.

Each pass of token-serial has cores of its own, so that a text can follow the one before as soon as its first pass is
free, if the cores at which tokens wait hold two texts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass

from deploy.chips.chip import Chip
from deploy.chips.costs import HIGH, LOW, MIDDLE, Costs, costs_at
from deploy.chips.partition import Core
from deploy.chips.traffic import Activity
from deploy.chips.work import Work, depths, share, work_of
from export.ir.graph import Attention, Graph
from simulate.energy.span import NOTHING, Span

SYNAPSES, NEURONS, MEMORY, LINK, BARRIER = "synaptic operations", "neuron updates", "weights read", "a link", "barrier"
WATTS = 1e3  # picojoules in a nanosecond at one watt
READ = 64  # bits of which memory_ns is the time


@dataclass(frozen=True)
class Pass:
    """One stream of a text's tokens through its cores: `steps` of them with work, and `fill` until the last begins.

    bottleneck: what takes longest in a step; population: on whose core.
    """

    steps: int
    fill: int
    nanoseconds: Span  # of a step
    bottleneck: str
    population: str

    @property
    def whole(self) -> int:
        """Steps from its first core's beginning to its last core's end."""
        return self.steps + self.fill


@dataclass(frozen=True)
class Runtime:
    """`interval` is from text to text where they follow one another; `overlaps` tells whether they can."""

    passes: tuple[Pass, ...]
    latency: Span  # nanoseconds of a text
    interval: Span  # nanoseconds
    interval_steps: int
    overlaps: bool

    @property
    def steps(self) -> int:
        return sum(each.whole for each in self.passes)

    @property
    def depth(self) -> int:
        return sum(each.fill for each in self.passes)

    @property
    def longest(self) -> Pass:
        """The pass whose steps take longest."""
        return max(self.passes, key=lambda each: each.nanoseconds.high)


class Load:
    """What the busiest core of each population has to do in each step of each pass, before it is priced."""

    def __init__(self, graph: Graph, cores: Sequence[Core], activity: Activity, serial: bool):
        found = list({core.population.name: core.population for core in cores}.values())
        self.work: dict[str, Work] = work_of(graph, found, activity, serial)
        self.shares: dict[str, float] = {}
        self.neurons: dict[str, int] = {}
        for core in cores:
            name = core.population.name
            self.shares[name] = max(self.shares.get(name, 0.0), share(core, activity))
            self.neurons[name] = max(self.neurons.get(name, 0), core.neurons)
        self.streamed = round(activity.tokens) if serial else 1
        self.taken = activity.token_steps / activity.tokens  # of T
        self.steps = self.streamed * graph.time_steps
        self.depth = depths(graph, found)
        self.passes = 1 + sum(isinstance(node, Attention) for node in graph) if serial else 1

    def with_core(self, core: Core, activity: Activity) -> Load:
        """The same with another busiest core of one population."""
        name, found = core.population.name, copy(self)
        found.shares = self.shares | {name: share(core, activity)}
        found.neurons = self.neurons | {name: core.neurons}
        return found

    def fills(self) -> list[int]:
        """For each pass the steps from its first core to its last."""
        deepest = [
            max((self.depth[name] for name, work in self.work.items() if work.updated <= number), default=0)
            for number in range(self.passes)
        ]
        deepest[-1] = max(self.depth.values())
        return [after - before for before, after in zip([0, *deepest], deepest, strict=False)]

    def terms(self, name: str, number: int | None, costs: Costs, weight_bits: int) -> dict[str, float]:
        """Nanoseconds of a step on the busiest core of a population, in one pass, or (None) in all of them at once."""
        work = self.work[name]
        operations = work.total if number is None else work.operations.get(number, 0.0)
        each = operations * self.shares[name] / (self.streamed * self.taken)
        updated = self.neurons[name] if number in (None, work.updated) else 0
        return {
            SYNAPSES: each * costs["synapse_ns"],
            NEURONS: updated * costs["neuron_ns"],
            MEMORY: each * weight_bits / READ * costs["memory_ns"],
        }


def runtime_of(load: Load, chip: Chip, links: Sequence[float], early: bool, overlaps: bool) -> Runtime:
    """The time of a mean sample.

    Args:
        links: messages over the busiest link in a sample, of each pass, and at the end of all of them together.
        early: whether a step begins only when the logits of the one before are out.
        overlaps: whether a text may begin before the one before it is done.
    """
    fills = load.fills()
    passes = [_pass(load, chip, number, links[number], fill, early) for number, fill in enumerate(fills)]
    latency = NOTHING
    for each in passes:
        latency += each.nanoseconds * each.whole
    if early or not overlaps:
        return Runtime(tuple(passes), latency, latency, sum(each.whole for each in passes), False)
    together = _step(load, chip, None, links[-1])[0]
    return Runtime(tuple(passes), latency, together * load.steps, load.steps, True)


def _pass(load: Load, chip: Chip, number: int, link: float, fill: int, early: bool) -> Pass:
    step, bottleneck, population = _step(load, chip, number, link)
    if early:
        return Pass(0, math.ceil(load.taken * fill), step, bottleneck, population)
    return Pass(load.steps, fill, step, bottleneck, population)


def _step(load: Load, chip: Chip, number: int | None, link: float) -> tuple[Span, str, str]:
    """A step: its time, what bounds it between the ends of the range, and the population on whose core that is."""
    crossing = link / (load.streamed * load.taken)

    def core_terms(costs: Costs) -> dict[str, dict[str, float]]:
        return {name: load.terms(name, number, costs, chip.weight_bits) for name in load.work}

    low, middle, high = (costs_at(chip, end) for end in (LOW, MIDDLE, HIGH))
    most = max(max(terms.values()) for terms in core_terms(low).values())
    least = max(most, crossing * low["link_ns"], low["barrier_ns"])
    ends = max(sum(terms.values()) for terms in core_terms(high).values())
    everything = ends + crossing * high["link_ns"] + high["barrier_ns"]
    bounds = [(value, what, name) for name, terms in core_terms(middle).items() for what, value in terms.items()]
    bounds += [(crossing * middle["link_ns"], LINK, ""), (middle["barrier_ns"], BARRIER, "")]
    _, what, name = max(bounds, key=lambda bound: bound[0])  # of equal ones the first of the graph
    return Span(least, everything), what, name
