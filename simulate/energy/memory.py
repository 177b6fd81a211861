"""`memory`: `graded`, and what is read, written and passed on for it, at the price of on-chip memories.

For each 64 bits. The spiking model gets no reuse: events come one by one, and each synaptic operation reads a weight
(E_32KB) and reads and writes an accumulator of 32 bits (E_8KB). The BERT gets the best there is: each weight is read
once a text, whatever its length, and accumulators stand in registers. `dataflow` gives both sides the same.
"""

from __future__ import annotations

from simulate.counts_schema import AttentionCount, CurrentsCount, EmbeddingCount, LinearCount
from simulate.energy import graded
from simulate.energy.account import Account, Term
from simulate.energy.bert import BertShape
from simulate.energy.costs import costs
from simulate.energy.record import RunRecord

WORD = 64  # bits that a price is for
ACCUMULATOR, STATE, ADDRESS, FLOAT = 32, 24, 16, 32  # bits of each


def account(run: RunRecord) -> Account:
    cost = costs()
    return Account(
        name="memory",
        title="All arithmetic and memory",
        formula="E = E(graded) + E_32KB · weight_bits / 64 · synaptic operations + E_8KB / 64 · (64 · accumulations "
        "+ 48 · (updates − neurons) + 32 · spikes + 96 · current elements) + E_DRAM · weight_bits / 64 · "
        "embedding elements",
        includes="All arithmetic; a weight read and an accumulator read and written for every accumulation, a state of "
        "24 bits read and written for every neuron and step after a text's first, an address of 16 bits written and "
        "read for every spike, each element of a stream of currents (24 bits) read, written and passed on as a graded "
        "message, the embedding row from DRAM.",
        excludes="The network between cores, instructions, leakage and idle power; the bits of biases and thresholds.",
        terms=(*graded.terms(run, cost["E_AC"], cost["E_MAC"], cost["E_MAC"], _moved(run)), *_traffic(run)),
    )


def _moved(run: RunRecord) -> float:
    """pJ of a weight that is read, and an accumulator that is read and written."""
    cost = costs()
    return cost["E_32KB"].picojoules * run.model.weight_bits / WORD + cost["E_8KB"].picojoules * 2 * ACCUMULATOR / WORD


def _traffic(run: RunRecord) -> list[Term]:
    cost, weight = costs(), run.model.weight_bits
    near, far = cost["E_8KB"], cost["E_32KB"]
    found = []
    for layer in run.layers:
        found.append(Term(layer.name, "traffic", layer.leaks * 2 * STATE / WORD, near, fixed=True))
        found.append(Term(layer.name, "traffic", layer.spikes * 2 * ADDRESS / WORD, near))
    for operation in run.operations:
        match operation:
            case EmbeddingCount(name=name, elements=n):
                found.append(Term(name, "traffic", n * weight / WORD, cost["E_DRAM"], fixed=True))
            case LinearCount(name=name):
                n = graded.linear(operation, "traffic", cost["E_AC"], cost["E_MAC"], _moved(run)).operations
                found.append(Term(name, "traffic", n * weight / WORD, far))
                found.append(Term(name, "traffic", n * 2 * ACCUMULATOR / WORD, near))
            case CurrentsCount(name=name, elements=n):
                found.append(Term(name, "traffic", n * 4 * STATE / WORD, near, fixed=True))
            case AttentionCount(name=name):
                n = graded.attention_accumulations(operation)
                found.append(Term(name, "traffic", n * 2 * ACCUMULATOR / WORD, near))
    return found


def reference(run: RunRecord) -> Account:
    cost, shape = costs(), BertShape.of(run)
    values = run.tokens * (12 * shape.hidden + 2 * shape.intermediate)
    maps = 4 * run.model.heads * sum(length**2 for length in run.lengths)
    traffic = [
        Term("embeddings.word", "traffic", run.tokens * shape.hidden * FLOAT / WORD, cost["E_DRAM"]),
        Term("blocks.weights", "traffic", run.samples * shape.weights * FLOAT / WORD, cost["E_32KB"]),
        Term("blocks.values", "traffic", shape.blocks * (values + maps) * FLOAT / WORD, cost["E_8KB"]),
    ]
    return Account(
        name="memory BERT",
        title="Same-shape BERT and its memory",
        formula="E = E(graded BERT) + E_32KB · 32 / 64 · samples · weights + E_8KB · 32 / 64 · blocks · (tokens · "
        "(12 D + 2 I) + 4 heads · Σ n²) + E_DRAM · 32 / 64 · tokens · D",
        includes="The same arithmetic; every weight read once a text, the inputs and outputs of each layer and the "
        "attention maps (before and after the softmax) written and read once, in float32.",
        excludes="Reading a weight or a value more than once, instructions, leakage and idle power.",
        terms=(*graded.reference(run).terms, *traffic),
    )
