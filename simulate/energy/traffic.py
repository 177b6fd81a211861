"""What is read, written and passed on for the arithmetic, at the price of on-chip memories for each 64 bits.

How often a weight is read, and where sums stand, is a dataflow. An input is read once, whatever its outputs are: an
address of 16 bits for a spike, a value for the BERT.
"""

from __future__ import annotations

from dataclasses import dataclass

from simulate.counts_schema import AttentionCount, CurrentsCount, EmbeddingCount, LinearCount
from simulate.energy import bert, graded
from simulate.energy.account import Term
from simulate.energy.bert import BertShape
from simulate.energy.costs import Cost, costs
from simulate.energy.record import RunRecord

WORD = 64  # bits that a price is for
ACCUMULATOR, STATE, ADDRESS = 32, 24, 16  # bits of each
LOOKED_UP = 8  # bits of a value of a word's row, however few the weights have


@dataclass(frozen=True)
class Dataflow:
    """What is read again. `texts`: how many a reading of the weights serves; 0 where each operation reads its own."""

    name: str
    says: str
    texts: int
    sums_in_memory: bool = False
    weights_at: str = "E_32KB"

    @property
    def formula(self) -> str:
        """What an operation pays for its weight (Q) and its sum (S), and a text for each of all weights (W)."""
        weight = f"{self.weights_at} · bits / {WORD}"
        served = weight if self.texts == 1 else f"{weight} / {self.texts}"
        return f"Q = {'0' if self.texts else weight}, S = {'E_8KB' if self.sums_in_memory else '0'}, W = " + (
            served if self.texts else "0"
        )


NO_REUSE = Dataflow("no reuse", "Each operation reads a weight, and reads and writes an accumulator.", 0, True)
ONCE = Dataflow("weights once a text", "Each weight is read once a text.", 1)


def moved(run: RunRecord, flow: Dataflow) -> float:
    """pJ of what each synaptic operation reads and writes."""
    cost = costs()
    weight = 0.0 if flow.texts else cost[flow.weights_at].picojoules * run.model.weight_bits / WORD
    return weight + (cost["E_8KB"].picojoules * 2 * ACCUMULATOR / WORD if flow.sums_in_memory else 0.0)


def spiking(run: RunRecord, flow: Dataflow, add: Cost, mac: Cost) -> list[Term]:
    """That of a run; `add` and `mac` are the prices by which `graded.linear` chooses."""
    cost, bits, found = costs(), run.model.weight_bits, []
    near, each = cost["E_8KB"], moved(run, flow)

    def sums(name: str, count: int | float) -> None:
        if flow.sums_in_memory:
            found.append(Term(name, "traffic", count * 2 * ACCUMULATOR / WORD, near))

    for layer in run.layers:
        found.append(Term(layer.name, "traffic", layer.leaks * 2 * STATE / WORD, near, fixed=True))
        found.append(Term(layer.name, "traffic", layer.spikes * 2 * ADDRESS / WORD, near))
    for operation in run.operations:
        match operation:
            case EmbeddingCount(name=name, elements=n):
                found.append(Term(name, "traffic", n * LOOKED_UP / WORD, cost["E_DRAM"], fixed=True))
            case LinearCount(name=name, inputs=inputs, outputs=outputs):
                n = graded.linear(operation, "traffic", add, mac, each).operations
                reads = run.samples * inputs * outputs / flow.texts if flow.texts else n
                found.append(Term(name, "traffic", reads * bits / WORD, cost[flow.weights_at], fixed=bool(flow.texts)))
                sums(name, n)
            case CurrentsCount(name=name, elements=n):
                found.append(Term(name, "traffic", n * 4 * STATE / WORD, near, fixed=True))
            case AttentionCount(name=name):
                sums(name, graded.attention_accumulations(operation))
    return found


def reference(run: RunRecord, flow: Dataflow, bits: int) -> list[Term]:
    """That of the same-shape BERT, whose weights and values have so many bits."""
    cost, near, shape = costs(), costs()["E_8KB"], BertShape.of(run)
    reads = run.samples * shape.weights / flow.texts if flow.texts else run.tokens * shape.weights
    values = shape.blocks * (run.tokens * (12 * shape.hidden + 2 * shape.intermediate) + 4 * bert.maps(run))
    found = [
        Term("embeddings.word", "traffic", run.tokens * shape.hidden * bits / WORD, cost["E_DRAM"]),
        Term("blocks.weights", "traffic", reads * bits / WORD, cost[flow.weights_at]),
        Term("blocks.values", "traffic", values * bits / WORD, near),
    ]
    if flow.sums_in_memory:
        sums = bert.macs(shape, run.lengths)
        found.append(Term("blocks.sums", "traffic", sums * 2 * ACCUMULATOR / WORD, near))
    return found
