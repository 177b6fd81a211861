"""`memory`: `graded`, and what is read, written and passed on for it, at the price of on-chip memories.

For each 64 bits. The spiking model gets no reuse: events come one by one, and each synaptic operation reads a weight
(E_32KB) and reads and writes an accumulator of 32 bits (E_8KB). The BERT gets the best there is: each weight is read
once a text, whatever its length, and accumulators stand in registers. `dataflow` gives both sides the same.
"""

from __future__ import annotations

from simulate.energy import graded, traffic
from simulate.energy.account import FLOAT32, Account
from simulate.energy.costs import costs
from simulate.energy.record import RunRecord
from simulate.energy.traffic import NO_REUSE, ONCE

FLOAT = 32  # bits of a weight and of a value of the BERT


def account(run: RunRecord) -> Account:
    cost = costs()
    add, mac = cost["E_AC"], cost["E_MAC"]
    arithmetic = graded.terms(run, add, mac, mac, traffic.moved(run, NO_REUSE))
    return Account(
        name="memory",
        title="All arithmetic and memory",
        formula="E = E(graded) + E_8KB · Σ coincidences + E_8KB / 64 · (48 · (updates − neurons) + 32 · spikes + 96 · "
        "current elements) + E_DRAM · 8 / 64 · embedding elements,  the first sum of E(graded) being Σ "
        "min(magnitude · (ADD + R), events · (MAC + R)) · outputs;  R = E_32KB · weight_bits / 64 + E_8KB",
        includes="All arithmetic; a weight read and an accumulator read and written for every synaptic operation (a "
        "graded input k as k of these or one, whichever is cheaper with that); an accumulator read and written for "
        "every coincidence, a state of 24 bits for every neuron and step after a text's first; an address of 16 bits "
        "written and read for every spike; each element of a stream of currents (24 bits) read, written and passed on "
        "as a graded message; the rows of words (and of neighbours) from DRAM.",
        excludes="The network between cores, instructions, leakage and idle power; the bits of biases, thresholds and "
        "positions.",
        prices=FLOAT32,
        terms=(*arithmetic, *traffic.spiking(run, NO_REUSE, add, mac)),
    )


def reference(run: RunRecord) -> Account:
    return Account(
        name="memory BERT",
        title="Same-shape BERT and its memory",
        formula="E = E(graded BERT) + E_32KB · 32 / 64 · samples · weights + E_8KB · 32 / 64 · blocks · (tokens · "
        "(12 D + 2 I) + 4 heads · Σ n²) + E_DRAM · 32 / 64 · tokens · D;  weights = blocks · (4 D² + 2 D · I)",
        includes="The same arithmetic; every weight read once a text, the inputs and outputs of each layer and the "
        "attention maps (before and after the softmax) written and read once, in float32.",
        excludes="Reading a weight or a value more than once, instructions, leakage and idle power.",
        prices=FLOAT32,
        terms=(*graded.reference(run).terms, *traffic.reference(run, ONCE, FLOAT)),
    )
