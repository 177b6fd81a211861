"""The memory of both sides under one dataflow at a time, in integers: what the answer of `memory` hangs on.

`memory` gives events no reuse at all, and the BERT the best there is. Here both sides get the same: `matched` for the
arithmetic, and of the traffic what the dataflow leaves.

    no reuse                  each operation reads a weight, and reads and writes an accumulator
    sums in registers         each operation reads a weight
    weights once a text       each weight is read once a text
    weights once for 32 texts each weight is read once for 32 texts that pass together

An input is read once, whatever its outputs are: an address of 16 bits for a spike, 8 bits for a value of the BERT.
"""

from __future__ import annotations

from dataclasses import replace

from simulate.energy import matched, traffic
from simulate.energy.account import Account, Comparison, Term
from simulate.energy.costs import Cost, costs
from simulate.energy.record import RunRecord
from simulate.energy.traffic import NO_REUSE, ONCE, Dataflow

VALUE = 8  # bits of a weight and of a value of the BERT
BATCH = 32

REGISTERS = Dataflow("sums in registers", "Each operation reads a weight.", 0)
BATCHED = Dataflow(f"weights once for {BATCH} texts", f"{BATCH} texts pass together.", BATCH)
DRAM = Dataflow(
    "weights once a text, from DRAM", "The BERT has no memory for its weights on the chip.", 1, False, "E_DRAM"
)

PAIRS = (  # of the spiking model, of the BERT
    (NO_REUSE, NO_REUSE),
    (REGISTERS, REGISTERS),
    (ONCE, ONCE),
    (BATCHED, BATCHED),
    (ONCE, DRAM),
    (NO_REUSE, ONCE),
)


def comparisons(run: RunRecord) -> tuple[Comparison, ...]:
    """A run beside the same-shape int8 BERT, each with a dataflow of PAIRS."""
    return tuple(Comparison(spiking(run, ours), reference(run, theirs)) for ours, theirs in PAIRS)


def spiking(run: RunRecord, flow: Dataflow) -> Account:
    cost = costs()
    arithmetic = matched.account(run, traffic.moved(run, flow))
    return _with(arithmetic, flow, "spiking model", traffic.spiking(run, flow, cost["E_ADD32"], cost["E_MAC8"]))


def reference(run: RunRecord, flow: Dataflow) -> Account:
    return _with(matched.reference(run), flow, "same-shape BERT, int8", traffic.reference(run, flow, VALUE))


def _with(arithmetic: Account, flow: Dataflow, title: str, moving: list[Term]) -> Account:
    return Account(
        name=flow.name,
        title=f"{flow.name}: {title}",
        formula=f"{arithmetic.formula} + traffic",
        includes=f"{arithmetic.includes} {flow.says}",
        excludes="The network between cores, instructions, leakage and idle power.",
        prices=arithmetic.prices,
        terms=(*arithmetic.terms, *moving),
    )


def narrow_bits(steps: int) -> int:
    """The width in bits of a value that says as much as T spikes: ⌈log2(T + 1)⌉."""
    return steps.bit_length()


def narrow_mac(bits: int) -> Cost:
    """The price of a multiply-accumulate of an 8-bit weight and an activation of so many bits, of 8 at most.

    Its product is priced twice: as a share of an int8 multiplication, in proportion to the bits, and as the additions
    that sum its partial products, one a bit. A bit alone has nothing to multiply: it is added or not, as a spike is.
    """
    cost = costs()
    added, product = cost["E_ADD32"].picojoules, cost["E_MUL8"].picojoules
    sums = (bits - 1) * cost["E_ADD8"].picojoules
    share = product * min(bits, VALUE) / VALUE if bits > 1 else 0.0
    low, high = (share, share) if bits >= VALUE else sorted((sums, share))
    return Cost(
        name="E_MAC_NARROW",
        picojoules=added + share,
        low=added + low,
        high=added + high,
        status="scaled",
        operation=f"8-bit weight times {bits}-bit activation, added up",
        source=f"E_ADD32, and {bits} eighths of E_MUL8 (32-bit products cost 15.5 times 8-bit ones, so that the price "
        f"goes with the bits of both factors), or {bits - 1} of E_ADD8 for the partial products",
    )


def narrow(run: RunRecord) -> Comparison:
    """`matched` beside a BERT whose activations have as few bits as T spikes can say; Yan et al., arXiv 2409.08290."""
    bits, wide = narrow_bits(run.model.time_steps), matched.reference(run)
    mac = narrow_mac(bits)
    narrowed = replace(
        wide,
        name=f"{bits}-bit BERT",
        title=f"Same-shape BERT, weights of 8 bits, activations of {bits}",
        terms=tuple(replace(term, cost=mac) if term.cost.name == "E_MAC8" else term for term in wide.terms),
    )
    return Comparison(matched.account(run), narrowed)
