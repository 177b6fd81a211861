"""All accountings: the spiking model beside a BERT under the same rules, as far as there are any."""

from __future__ import annotations

from simulate.energy import bert, events, graded, loihi1, matched, memory, paper
from simulate.energy.account import Comparison
from simulate.energy.record import RunRecord

# (the spiking model's account, the reference's): where the first has no arithmetic but products with weights and
# attention, or is paid in a chip's own prices, BERT is its MACs.
ACCOUNTINGS = (
    (paper.account, bert.account),
    (events.account, bert.account),
    (graded.account, graded.reference),
    (matched.account, matched.reference),
    (memory.account, memory.reference),
    (loihi1.account, bert.account),
)


def compare(run: RunRecord) -> tuple[Comparison, ...]:
    """Every accounting of a run."""
    return tuple(Comparison(spiking(run), reference(run)) for spiking, reference in ACCOUNTINGS)
