"""How numbers are written: each form turns the values of a whole column into texts, so that a column has one unit."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from simulate.energy.span import Span
from spikebert.data.metrics import Score


def text(values: Sequence[Any]) -> list[str]:
    return [str(value) for value in values]


def count(values: Sequence[float]) -> list[str]:
    """Whole numbers in full; means with one decimal while that is a thousandth of them or more."""
    return [f"{value:,.{0 if isinstance(value, int) or value >= 1000 else 1}f}" for value in values]


def number(values: Sequence[float]) -> list[str]:
    """As short as the number allows."""
    return [f"{value:g}" for value in values]


def _fixed(values: Sequence[float | None], digits: int) -> list[str]:
    return ["–" if value is None else f"{value:.{digits}f}" for value in values]


def rate(values: Sequence[float | None]) -> list[str]:
    return _fixed(values, 4)


def measured(values: Sequence[Score | None]) -> list[str]:
    """Scores, each with the name of its metric and its interval."""
    return ["–" if value is None else str(value) for value in values]


def optional(values: Sequence[int | None]) -> list[str]:
    """Whole numbers that may not have been counted."""
    return ["–" if value is None else f"{value:,}" for value in values]


def short(values: Sequence[float]) -> list[str]:
    """Whole numbers in full, small others with three digits after the point, large ones with one."""
    digits = (0 if isinstance(value, int) else 3 if abs(value) < 100 else 1 for value in values)
    return [f"{value:,.{n}f}" for value, n in zip(values, digits, strict=True)]


def stated(values: Sequence[float | None]) -> list[str]:
    """Numbers as a paper states them, where it does."""
    return _fixed(values, 2)


def precise(values: Sequence[float]) -> list[str]:
    """Five digits that count, without zeros behind them; whole ones of large numbers, fewer of very small ones."""
    return [
        f"{value:,.0f}" if value >= 1e4 else f"{value:.5g}" if value >= 1e-4 else f"{value:.6f}" for value in values
    ]


def percent(values: Sequence[float]) -> list[str]:
    return [f"{100 * value:.1f} %" for value in values]


def whole_percent(values: Sequence[float]) -> list[str]:
    """At most three digits that count."""
    return [f"{float(f'{100 * value:.3g}'):,.0f} %" for value in values]


def points(values: Sequence[float | None]) -> list[str]:
    """Shares in percent with two digits, where there are any."""
    return ["–" if value is None else f"{100 * value:.2f} %" for value in values]


def ratio(values: Sequence[float | None]) -> list[str]:
    return _fixed(values, 3)


def energy(values: Sequence[float]) -> list[str]:
    """Picojoules, in the unit of `energy_unit`."""
    factor, unit = energy_unit(values)
    return [f"{value * factor:,.3f} {unit}" for value in values]


def energy_unit(values: Sequence[float]) -> tuple[float, str]:
    """The factor from pJ to the unit in which the largest of the values has one to three digits before the point."""
    largest = max(values, default=0.0)
    thousands = min(4, max(0, math.floor(math.log10(largest) / 3))) if largest else 0
    return 1000.0**-thousands, ("pJ", "nJ", "µJ", "mJ", "J")[thousands]


def three(value: float) -> str:
    """Three digits that count: what an estimate knows at most."""
    if not value:
        return "0"
    places = 2 - math.floor(math.log10(abs(value)))
    rounded = round(value, places)
    return f"{rounded:,.{max(0, 2 - math.floor(math.log10(abs(rounded))))}f}"


def spans(form: Callable[[Sequence[float]], list[str]]) -> Callable[[Sequence[Span | None]], list[str]]:
    """The form of a column of ranges, "low to high", each end in a form for numbers; one number where both read alike.

    A unit behind the ends stands once, behind the second.
    """

    def ends(values: Sequence[Span | None]) -> list[str]:
        known = [value for value in values if value is not None]
        texts = iter(zip(form([value.low for value in known]), form([value.high for value in known]), strict=True))
        return ["–" if value is None else _joined(*next(texts)) for value in values]

    return ends


def microjoules(values: Sequence[Span | None]) -> list[str]:
    """Ranges with three digits that count, since no more is known of them; what has no range as `short` has it."""
    return _estimates(values, short)


def shares(values: Sequence[Span | None]) -> list[str]:
    """The same of shares, in percent; what has no range as `percent` has it."""
    return _estimates(values, percent, 100.0, "%")


def _estimates(
    values: Sequence[Span | None], exact: Callable[[Sequence[float]], list[str]], factor: float = 1.0, unit: str = ""
) -> list[str]:
    return [
        text if value is None or value.low == value.high else span(value.low * factor, value.high * factor, unit)
        for value, text in zip(values, spans(exact)(values), strict=True)
    ]


def _joined(low: str, high: str) -> str:
    if low == high:
        return low
    unit = f" {high.partition(' ')[2]}".rstrip()
    return f"{low.removesuffix(unit)} to {high}"


def span(low: float, high: float, unit: str = "") -> str:
    """An estimate from its least to its most; one number where they do not differ in what is shown."""
    ends = [three(low), three(high)]
    return f"{' to '.join(dict.fromkeys(ends))} {unit}".rstrip()


def energy_span(low: float, high: float) -> str:
    """Picojoules, in the unit of `energy_unit`."""
    factor, unit = energy_unit([high])
    return span(low * factor, high * factor, unit)


def time_span(low: float, high: float) -> str:
    """Nanoseconds, in the unit in which the larger has one to three digits before the point."""
    thousands = min(3, max(0, math.floor(math.log10(high) / 3))) if high else 0
    return span(low * 1000.0**-thousands, high * 1000.0**-thousands, ("ns", "µs", "ms", "s")[thousands])
