"""An account: the operations of a run, term by term, each at its price. The total is the sum of the terms.

A price has a range where sources differ, and so has what is made of it: a term, a total, a share of BERT, a break-even.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import product

from simulate.energy.costs import Cost
from simulate.energy.span import NOTHING, Span


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
        """pJ at the price."""
        return self.operations * self.cost.picojoules

    @property
    def span(self) -> Span:
        """pJ over the range of the price."""
        return self.cost.span * self.operations


# "other": residual additions and the readout; "traffic": weights, states and spikes read, written or sent.
KINDS = ("embedding", "projections", "attention", "MLP", "normalisation", "neurons", "other", "traffic")

# Whose prices an operation of arithmetic has. A chip's own hold its memories, too: no BERT stands beside them.
FLOAT32, INTEGERS, CHIP = "float32", "integers", "a chip's own"


@dataclass(frozen=True, repr=False)
class Account:
    """What a run costs under one accounting.

    Attributes:
        name: of the accounting, as `Run.energy` takes it, or of the ordinary network: "bert".
        title: the same for a heading.
        formula, includes, excludes: shown beside every figure that uses it, one sentence each.
        prices: what its arithmetic is priced as: "float32", "integers" or "a chip's own".
        terms: the operations of each node, each at its price.
    """

    name: str
    title: str
    formula: str
    includes: str
    excludes: str
    prices: str
    terms: tuple[Term, ...]

    def __repr__(self) -> str:
        return f"Account({self.name}: {self.picojoules / 1e6:,.3g} µJ in {len(self.terms)} terms)"

    @property
    def operations(self) -> float:
        """How many in all."""
        return sum(term.operations for term in self.terms)

    @property
    def picojoules(self) -> float:
        """pJ of the whole run, each operation at its price."""
        return sum(term.picojoules for term in self.terms)

    @property
    def span(self) -> Span:
        """pJ of the whole run over the range of every price; both ends are `picojoules` where no price has one."""
        return sum((term.span for term in self.terms), NOTHING)

    def by_kind(self) -> dict[str, Account]:
        """The part of each kind, as an account of its own; the kinds that have no term are left out."""
        parts = self._parts(lambda term: term.kind)
        return {kind: parts[kind] for kind in KINDS if kind in parts}

    def by_node(self) -> dict[str, Account]:
        """The part of each node, as an account of its own."""
        return self._parts(lambda term: term.name)

    def _parts(self, key: Callable[[Term], str]) -> dict[str, Account]:
        terms: dict[str, list[Term]] = {}
        for term in self.terms:
            terms.setdefault(key(term), []).append(term)
        return {name: replace(self, terms=tuple(of)) for name, of in terms.items()}


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
        """The spiking model's energy over that of the reference, each operation at its price."""
        return self.spiking.picojoules / self.reference.picojoules

    @property
    def ratio_span(self) -> Span:
        """The same over the range of every price. One price is the same on both sides, whatever it is."""
        ratios = [spiking / reference for spiking, _, reference in self._corners()]
        return Span(min(ratios), max(ratios))

    def break_even(self, rate: float) -> float | None:
        """The mean firing rate at which both cost the same, from the rate of this run.

        All events are taken to grow in proportion. None where even a silent network costs more than the reference, or
        where no event was counted.
        """
        fixed = sum(term.picojoules for term in self.spiking.terms if term.fixed)
        return _break_even(rate, self.spiking.picojoules, fixed, self.reference.picojoules)

    def break_even_span(self, rate: float) -> Span | None:
        """The same over the range of every price; 0 at an end where even a silent network costs more."""
        rates = [_break_even(rate, *corner) for corner in self._corners()]
        found = [each or 0.0 for each in rates]
        return None if all(each is None for each in rates) else Span(min(found), max(found))

    def _corners(self) -> Iterator[tuple[float, float, float]]:
        """pJ of the spiking model, of what of it is fixed, and of the reference, for each choice of ends of the prices.

        Ratio and break-even are quotients of sums that are linear in each price: they are largest and smallest here.
        """
        counted = [
            [(term.cost.name, term.operations) for term in terms]
            for terms in (self.spiking.terms, [t for t in self.spiking.terms if t.fixed], self.reference.terms)
        ]
        used = {term.cost.name: term.cost for term in (*self.spiking.terms, *self.reference.terms)}
        for ends in product(*({cost.low: 0, cost.high: 0} for cost in used.values())):
            price = dict(zip(used, ends, strict=True))
            spiking, fixed, reference = (sum(n * price[name] for name, n in terms) for terms in counted)
            yield spiking, fixed, reference


def _break_even(rate: float, spiking: float, fixed: float, reference: float) -> float | None:
    events, room = spiking - fixed, reference - fixed
    return rate * room / events if room > 0 and events > 0 else None
