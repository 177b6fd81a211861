"""`matched`: `graded` at integer prices, against a BERT with int8 multiply-accumulates: the fair race.

Additions are int32; a weight is multiplied in int8, a state or an accumulator in int32.
"""

from __future__ import annotations

from simulate.energy import graded
from simulate.energy.account import Account
from simulate.energy.costs import costs
from simulate.energy.record import RunRecord

PRICES = ",  ADD = E_ADD32, MAC = E_MAC8 where a weight is multiplied, else E_MAC32"


def account(run: RunRecord) -> Account:
    cost = costs()
    return Account(
        name="matched",
        title="All arithmetic, integers",
        formula=graded.FORMULA + PRICES,
        includes=graded.INCLUDES + " At integer prices, as the exported model computes.",
        excludes=graded.EXCLUDES,
        terms=tuple(graded.terms(run, cost["E_ADD32"], cost["E_MAC8"], cost["E_MAC32"])),
    )


def reference(run: RunRecord) -> Account:
    cost, of_float = costs(), graded.reference(run)
    return Account(
        name="matched BERT",
        title="Same-shape BERT, int8",
        formula=of_float.formula.partition(",  ADD")[0] + PRICES,
        includes=of_float.includes + " Weights and activations of 8 bits.",
        excludes=of_float.excludes,
        terms=tuple(graded.reference_terms(run, cost["E_ADD32"], cost["E_MAC8"], cost["E_MAC32"])),
    )
