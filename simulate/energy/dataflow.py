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

from dataclasses import dataclass, replace

from simulate.counts_schema import AttentionCount, CurrentsCount, EmbeddingCount, LinearCount
from simulate.energy import bert, graded, matched
from simulate.energy.account import Account, Comparison, Term
from simulate.energy.bert import BertShape
from simulate.energy.costs import Cost, costs
from simulate.energy.memory import ACCUMULATOR, ADDRESS, STATE, WORD
from simulate.energy.record import RunRecord

VALUE = 8  # bits of a weight and of a value of the BERT
BATCH = 32


@dataclass(frozen=True)
class Dataflow:
    """What is read again. `texts`: how many a reading of the weights serves; 0 where each operation reads its own."""

    name: str
    says: str
    texts: int
    sums_in_memory: bool = False
    weights_at: str = "E_32KB"


NO_REUSE = Dataflow("no reuse", "Each operation reads a weight, and reads and writes an accumulator.", 0, True)
REGISTERS = Dataflow("sums in registers", "Each operation reads a weight.", 0)
ONCE = Dataflow("weights once a text", "Each weight is read once a text.", 1)
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
    cost, near = costs(), costs()["E_8KB"]
    bits, found = run.model.weight_bits, []
    moved = 0.0 if flow.texts else cost[flow.weights_at].picojoules * bits / WORD
    moved += near.picojoules * 2 * ACCUMULATOR / WORD if flow.sums_in_memory else 0.0
    for layer in run.layers:
        found.append(Term(layer.name, "traffic", layer.leaks * 2 * STATE / WORD, near, fixed=True))
        found.append(Term(layer.name, "traffic", layer.spikes * 2 * ADDRESS / WORD, near))
    for operation in run.operations:
        name, sums = operation.name, 0
        match operation:
            case EmbeddingCount(elements=n):
                found.append(Term(name, "traffic", n * bits / WORD, cost["E_DRAM"], fixed=True))
            case CurrentsCount(elements=n):
                found.append(Term(name, "traffic", n * 4 * STATE / WORD, near, fixed=True))
            case LinearCount(inputs=inputs, outputs=outputs):
                sums = graded.linear(operation, "traffic", cost["E_ADD32"], cost["E_MAC8"], moved).operations
                reads = run.samples * inputs * outputs / flow.texts if flow.texts else sums
                found.append(Term(name, "traffic", reads * bits / WORD, cost[flow.weights_at], fixed=bool(flow.texts)))
            case AttentionCount():
                sums = graded.attention_accumulations(operation)
        if sums and flow.sums_in_memory:
            found.append(Term(name, "traffic", sums * 2 * ACCUMULATOR / WORD, near))
    arithmetic = replace(matched.account(run), terms=tuple(matched.terms(run, moved)))
    return _account(flow, "spiking model", arithmetic, found)


def reference(run: RunRecord, flow: Dataflow) -> Account:
    cost, near, shape = costs(), costs()["E_8KB"], BertShape.of(run)
    squares = sum(length**2 for length in run.lengths)
    macs = bert.macs(shape, run.lengths)
    of_weights = run.tokens * shape.weights
    reads = run.samples * shape.weights / flow.texts if flow.texts else of_weights
    values = shape.blocks * (run.tokens * (12 * shape.hidden + 2 * shape.intermediate) + 4 * run.model.heads * squares)
    traffic = [
        Term("embeddings.word", "traffic", run.tokens * shape.hidden * VALUE / WORD, cost["E_DRAM"]),
        Term("blocks.weights", "traffic", reads * VALUE / WORD, cost[flow.weights_at]),
        Term("blocks.values", "traffic", values * VALUE / WORD, near),
    ]
    if flow.sums_in_memory:
        traffic.append(Term("blocks.sums", "traffic", macs * 2 * ACCUMULATOR / WORD, near))
    return _account(flow, "same-shape BERT, int8", matched.reference(run), traffic)


def _account(flow: Dataflow, title: str, arithmetic: Account, traffic: list[Term]) -> Account:
    return Account(
        name=flow.name,
        title=f"{flow.name}: {title}",
        formula=f"{arithmetic.formula} + traffic",
        includes=f"{arithmetic.includes} {flow.says}",
        excludes="The network between cores, instructions, leakage and idle power.",
        terms=(*arithmetic.terms, *traffic),
    )


def narrow_bits(steps: int) -> int:
    """The width in bits of a value that says as much as T spikes: ⌈log2(T + 1)⌉."""
    return steps.bit_length()


def narrow(run: RunRecord) -> Comparison:
    """`matched` beside a BERT whose activations have as few bits as T spikes can say.

    A multiplication costs in proportion to the bits of both factors, which is assumed; of one bit, it is none. See Yan
    et al. 2024, arXiv 2409.08290.
    """
    bits = narrow_bits(run.model.time_steps)
    wide, cost = matched.reference(run), costs()
    whole = cost["E_MAC8"].picojoules
    added = cost["E_ADD32"].picojoules
    price = added if bits == 1 else added + (whole - added) * bits / VALUE
    mac = Cost(
        name="E_MAC_NARROW",
        picojoules=price,
        low=added,
        high=whole,
        status="assumed",
        operation=f"8-bit weight times {bits}-bit activation, added up",
        source="in proportion to the bits, between an addition and E_MAC8",
    )
    return Comparison(
        matched.account(run),
        Account(
            name=f"{bits}-bit BERT",
            title=f"Same-shape BERT, weights of 8 bits, activations of {bits}",
            formula=wide.formula,
            includes=wide.includes,
            excludes=wide.excludes,
            terms=tuple(replace(t, cost=mac) if t.cost.name == "E_MAC8" else t for t in wide.terms),
        ),
    )
