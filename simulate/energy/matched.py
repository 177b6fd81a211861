"""`matched`: `graded` at integer prices, against a BERT with int8 multiply-accumulates: the fair race.

Additions are int32; a weight is multiplied in int8, a state or an accumulator in int32.
"""

from __future__ import annotations

from simulate.energy import bert, graded
from simulate.energy.account import INTEGERS, Account, Term
from simulate.energy.bert import BertShape
from simulate.energy.costs import costs
from simulate.energy.record import RunRecord

PRICES = ",  ADD = E_ADD32, MAC = E_MAC8 where a weight is multiplied, else E_MAC32"


def account(run: RunRecord, moved: float = 0.0) -> Account:
    """`moved` as in `graded.terms`."""
    cost = costs()
    return Account(
        name="matched",
        title="All arithmetic, integers",
        formula=graded.FORMULA + PRICES,
        includes=graded.INCLUDES + " At integer prices, as the exported model computes.",
        excludes=graded.EXCLUDES,
        prices=INTEGERS,
        terms=tuple(graded.terms(run, cost["E_ADD32"], cost["E_MAC8"], cost["E_MAC32"], moved)),
    )


def reference(run: RunRecord) -> Account:
    of_float = graded.reference(run)
    return Account(
        name="matched BERT",
        title="Same-shape BERT, int8",
        formula=of_float.formula.partition(",  ADD")[0]
        + " + blocks · (tokens · (6 D + I) + heads · Σ n²) · MAC"
        + PRICES,
        includes=of_float.includes + " Weights and activations of 8 bits; each output of a product is scaled to 8 bits "
        "by a multiplication and a rounding.",
        excludes=of_float.excludes,
        prices=INTEGERS,
        terms=tuple(reference_terms(run)),
    )


def reference_terms(run: RunRecord) -> list[Term]:
    cost, shape = costs(), BertShape.of(run)
    outputs = run.tokens * (6 * shape.hidden + shape.intermediate) + bert.maps(run)
    scaled = [Term(f"blocks.{i}.requantised", "other", outputs, cost["E_MAC32"]) for i in range(shape.blocks)]
    return [*graded.reference_terms(run, cost["E_ADD32"], cost["E_MAC8"], cost["E_MAC32"]), *scaled]
