"""A range: a price where sources differ, what is made of such prices, an estimate."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Span:
    """From the least to the most.

    Attributes:
        low, high: the ends; both are the same where nothing is open.
    """

    low: float
    high: float

    def __mul__(self, factor: float) -> Span:
        return Span(self.low * factor, self.high * factor)

    def __truediv__(self, divisor: float) -> Span:
        return Span(self.low / divisor, self.high / divisor)

    def __add__(self, other: Span) -> Span:
        return Span(self.low + other.low, self.high + other.high)


NOTHING = Span(0.0, 0.0)
