"""Early exit: a text is done after the first step in which one label is ahead of all others by a margin.

`arithmetic.steps_taken` says when. What would come later does not happen: no spike, no operation, no other logits. The
margin is a whole number of logit units and stands in the Readout; people give it in the float model's logits, one unit
of which is `scale`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from export.ir.exit_option import NEVER
from export.ir.graph import NO_MARGIN, Graph, Readout
from export.ir.validate import validate
from spikebert.core.errors import InputError


def readout_of(graph: Graph) -> Readout:
    last = graph.nodes[-1]
    assert isinstance(last, Readout)
    return last


def margin_of(graph: Graph) -> int:
    """The margin in units of the integer logits; NO_MARGIN where every text takes all steps."""
    return readout_of(graph).margin


def logit_scale(graph: Graph) -> float:
    """What a unit of the integer logits is worth in the float model's."""
    return float(readout_of(graph).scale[0])


def in_logits(graph: Graph) -> float | None:
    """The margin in the float model's logits; None where there is none."""
    last = readout_of(graph)
    return None if last.margin == NO_MARGIN else last.margin * logit_scale(graph)


def with_margin(graph: Graph, choice: str | None) -> Graph:
    """The graph with the margin of an option `--exit-margin`: a number, NEVER, or None, which leaves it as it is.

    Raises:
        InputError: neither of them, or a model that has no second label to be ahead of.
    """
    if choice is None:
        return graph
    last = readout_of(graph)
    margin = NO_MARGIN if choice == NEVER else units(number(choice), logit_scale(graph))
    if margin != NO_MARGIN and graph.regression:
        raise InputError(f"{choice}: the model predicts a number, which is ahead of no other", field="exit_margin")
    if margin != NO_MARGIN and len(graph.labels) < 2:
        raise InputError(f"{choice}: the model has one label alone, which is ahead of no other", field="exit_margin")
    return validate(replace(graph, nodes=(*graph.nodes[:-1], replace(last, margin=margin))))


def number(choice: str) -> float:
    """The number of an option `--exit-margin` that is not NEVER."""
    try:
        margin = float(choice)
    except ValueError:
        margin = math.nan
    if not (math.isfinite(margin) and margin >= 0):
        raise InputError(f"{choice}: must be a number of at least 0, or {NEVER}", field="exit_margin")
    return margin


def units(margin: float, scale: float) -> int:
    """The least whole number of logit units that is worth `margin` or more, at most what a file holds."""
    return min(math.ceil(Fraction(margin) / Fraction(scale)), 2**63 - 1)


def refuse_margin(graph: Graph, target: str) -> None:
    """An InputError where a graph has a margin, for a format whose host would not know of it."""
    if margin_of(graph) != NO_MARGIN:
        raise InputError(
            f"node {graph.nodes[-1].name}: has an exit margin, which no reader of {target} knows; export it with "
            f"--exit-margin {NEVER}"
        )


def awake(steps: NDArray[np.integer], time_steps: int) -> NDArray[np.bool_]:
    """(B,) steps taken → (B, T): in which of its steps each text is still there."""
    return np.arange(time_steps) < steps[:, None]


def silence(train: NDArray, steps: NDArray[np.integer], lengths: Sequence[int]) -> None:
    """Take away, in place, what the tokens of each text do after its last step: (T, M, D)."""
    there = np.repeat(awake(steps, len(train)), lengths, axis=0)  # (M, T)
    train[~there.T] = 0
