"""What an operation takes of a chip: its own numbers, and those of Loihi 1 where it has none. Each with its range."""

from __future__ import annotations

from functools import cache

from deploy.chips.chip import COSTS, Chip, read_chip
from simulate.mapping_schema import Fact

REFERENCE = "loihi1"  # the chip whose costs stand for those that a chip's own file has not
LOW, HIGH, MIDDLE = "low", "high", "value"  # the ends of a range, and what is taken between them

Costs = dict[str, float]  # {cost: number}, at one of these


@cache
def reference() -> Chip:
    return read_chip(REFERENCE)


def cost_facts(chip: Chip) -> dict[str, Fact]:
    """{cost: what is known of it}. A number of another chip is an assumption, and its source says whose it is."""
    found = {}
    for name in COSTS:
        fact, other = chip.fact(name), reference().fact(name)
        if fact.value is None and other.value is not None:
            fact = Fact(other.value, other.low, other.high, "assumed", f"that of {reference().title}: {other.source}")
        found[name] = fact
    return found


def costs_at(chip: Chip, end: str) -> Costs:
    """Every cost at one end of its range; a cost of which nothing is known is 0."""
    return {name: float(getattr(fact, end) or 0) for name, fact in cost_facts(chip).items()}
