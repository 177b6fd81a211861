"""An account: the operations of a run, term by term, each at its price. The total is the sum of the terms."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from simulate.energy.costs import Cost


@dataclass(frozen=True)
class Term:
    """Operations of one node over the whole run, all at one cost."""

    name: str  # the node
    kind: str  # the part of the network it belongs to, one of KINDS
    operations: float
    cost: Cost
    fixed: bool = False  # whether as many are needed however few spikes there are

    @property
    def picojoules(self) -> float:
        return self.operations * self.cost.picojoules


# "other": residual additions and the readout; "traffic": weights, states and spikes read, written or sent.
KINDS = ("embedding", "projections", "attention", "MLP", "normalisation", "neurons", "other", "traffic")


@dataclass(frozen=True)
class Account:
    """What a run costs under one accounting.

    formula, includes and excludes are shown beside every figure that uses it: one sentence each.
    """

    name: str
    title: str
    formula: str
    includes: str
    excludes: str
    terms: tuple[Term, ...]

    @property
    def operations(self) -> float:
        return sum(term.operations for term in self.terms)

    @property
    def picojoules(self) -> float:
        return sum(term.picojoules for term in self.terms)

    def by_kind(self) -> dict[str, float]:
        """pJ of each kind; the kinds that have no term are left out."""
        sums: dict[str, float] = defaultdict(float)
        for term in self.terms:
            sums[term.kind] += term.picojoules
        return {kind: sums[kind] for kind in KINDS if kind in sums}

    def by_node(self) -> dict[str, float]:
        """pJ of each node."""
        sums: dict[str, float] = defaultdict(float)
        for term in self.terms:
            sums[term.name] += term.picojoules
        return dict(sums)


@dataclass(frozen=True)
class Comparison:
    """A spiking model and an ordinary network under the same accounting, on the same texts."""

    spiking: Account
    reference: Account

    @property
    def ratio(self) -> float:
        return self.spiking.picojoules / self.reference.picojoules

    def break_even(self, rate: float) -> float | None:
        """The mean firing rate at which both cost the same, from the rate of this run.

        All events are taken to grow in proportion. None where even a silent network costs more than the reference, or
        where no event was counted.
        """
        fixed = sum(term.picojoules for term in self.spiking.terms if term.fixed)
        events = self.spiking.picojoules - fixed
        room = self.reference.picojoules - fixed
        return rate * room / events if room > 0 and events > 0 else None
