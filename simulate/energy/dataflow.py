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
FORMULA = (  # Q, S and W: `Dataflow.formula`
    "E = E(matched) + S · Σ coincidences + W · samples · weights + E_8KB / 64 · (48 · (updates − neurons) + 32 · "
    "spikes + 96 · current elements) + E_DRAM · 8 / 64 · embedding elements,  the first sum of E(matched) "
    "being Σ min(magnitude · (ADD + Q + S), events · (MAC + Q + S)) · outputs;  bits = weight_bits"
)
BERT_FORMULA = (
    "E = E(matched BERT) + Q · tokens · weights + S · MACs of all blocks + W · samples · weights + E_8KB · 8 / 64 · "
    "blocks · (tokens · (12 D + 2 I) + 4 heads · Σ n²) + E_DRAM · 8 / 64 · tokens · D;  bits = 8"
)
NARROW_FORMULA = (
    "E(matched) beside E(matched BERT) with E_MAC_NARROW for E_MAC8;  E_MAC_NARROW = E_ADD32 + b / 8 · E_MUL8, or "
    "E_ADD32 + (b − 1) · E_ADD8;  of 1 bit E_ADD32, of 8 bits and more E_MAC8;  b = ⌈log2(T + 1)⌉"
)

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


def formulas() -> dict[str, str]:
    """That of each side, then what each dataflow puts into them, by name."""
    flows = dict.fromkeys(flow for pair in PAIRS for flow in pair)
    return {
        "a dataflow": FORMULA,
        "a dataflow, BERT": BERT_FORMULA,
        **{flow.name: flow.formula for flow in flows},
        "arithmetic alone": NARROW_FORMULA,
    }


def comparisons(run: RunRecord) -> tuple[Comparison, ...]:
    """A run beside the same-shape int8 BERT, each with a dataflow of PAIRS."""
    return tuple(Comparison(spiking(run, ours), reference(run, theirs)) for ours, theirs in PAIRS)


def spiking(run: RunRecord, flow: Dataflow) -> Account:
    cost = costs()
    arithmetic = matched.account(run, traffic.moved(run, flow))
    moving = traffic.spiking(run, flow, cost["E_ADD32"], cost["E_MAC8"])
    return _with(arithmetic, FORMULA, flow, "spiking model", moving)


def reference(run: RunRecord, flow: Dataflow) -> Account:
    moving = traffic.reference(run, flow, VALUE)
    return _with(matched.reference(run), BERT_FORMULA, flow, "same-shape BERT, int8", moving)


def _with(arithmetic: Account, formula: str, flow: Dataflow, title: str, moving: list[Term]) -> Account:
    return Account(
        name=flow.name,
        title=f"{flow.name}: {title}",
        formula=f"{formula};  {flow.formula}",
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
        source=_source_of_narrow(bits),
    )


def _source_of_narrow(bits: int) -> str:
    if bits == 1:
        return "E_ADD32: a weight is added or not, as at a spike"
    if bits >= VALUE:
        return "E_MAC8"
    product, addition = costs()["E_MUL8"].picojoules, costs()["E_ADD8"].picojoules
    return (
        f"E_ADD32, and {bits} eighths of E_MUL8, which is {product} pJ (32-bit products cost 15.5 times 8-bit ones, so "
        f"that the price goes with the bits of both factors), or {bits - 1} of E_ADD8, which is {addition} pJ, for the "
        "partial products"
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
