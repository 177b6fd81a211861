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


@dataclass(frozen=True, repr=False)
class Account:
    """What a run costs under one accounting.

    Attributes:
        name: of the accounting, as `Run.energy` takes it, or of the ordinary network: "bert".
        title: the same for a heading.
        formula, includes, excludes: shown beside every figure that uses it, one sentence each.
        terms: the operations of each node, each at its price.
    """

    name: str
    title: str
    formula: str
    includes: str
    excludes: str
    terms: tuple[Term, ...]

    def __repr__(self) -> str:
        return f"Account({self.name}: {self.picojoules / 1e6:,.3g} µJ in {len(self.terms)} terms)"

    @property
    def operations(self) -> float:
        """How many in all."""
        return sum(term.operations for term in self.terms)

    @property
    def picojoules(self) -> float:
        """pJ of the whole run."""
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


@dataclass(frozen=True, repr=False)
class Comparison:
    """A spiking model and an ordinary network under the same accounting, on the same texts.

    Attributes:
        spiking: the Account of the run.
        reference: the Account of a BERT of the same shape.
    """

    spiking: Account
    reference: Account

    def __repr__(self) -> str:
        return f"Comparison({self.spiking}, {self.reference}: {self.ratio:.1%})"

    @property
    def ratio(self) -> float:
        """The spiking model's energy over that of the reference."""
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
