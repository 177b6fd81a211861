"""`graded`: every arithmetic operation of the network, graded inputs at what they need.

Linear          min(magnitude · E_AC, events · E_MAC) · outputs: k spikes on shared synapses, or one graded event
attention       the accumulations of the cheaper order, E_AC each
embedding       elements · E_AC            word + position, once a text
normalisation   elements · (E_AC + 3 E_MAC)    Σx, Σx², (n x − S) · r, · gain + bias
neurons         updates · (E_MAC + E_AC)   decay and input, comparison and reset
residual        elements · E_AC            additions of spikes or of currents
readout         input_elements · E_AC + dense_macs · E_MAC
"""

from __future__ import annotations

from simulate.counts_schema import (
    AttentionCount,
    CurrentsCount,
    EmbeddingCount,
    LayerNormCount,
    LinearCount,
    ReadoutCount,
    StreamCount,
)
from simulate.energy import bert
from simulate.energy.account import Account, Term
from simulate.energy.bert import BertShape
from simulate.energy.costs import Cost, costs
from simulate.energy.events import attention_accumulations
from simulate.energy.record import RunRecord

INCLUDES = (
    "All arithmetic: synaptic operations (a graded input k as k additions or one multiplication, whichever is cheaper "
    "for its Linear), coincidences, normalisation, neuron updates, residual additions, embedding and readout."
)
EXCLUDES = "All reading and moving of weights, states and spikes; the root of each normalised row."
FORMULA = (
    "E = Σ min(magnitude · ADD, events · MAC) · outputs + ADD · Σ coincidences + (ADD + 3 MAC) · normalised elements "
    "+ (ADD + MAC) · updates + ADD · (embedding + residual + averaged elements) + MAC · readout"
)


def account(run: RunRecord) -> Account:
    cost = costs()
    return Account(
        name="graded",
        title="All arithmetic",
        formula=FORMULA + ",  ADD = E_AC, MAC = E_MAC",
        includes=INCLUDES,
        excludes=EXCLUDES,
        terms=tuple(terms(run, cost["E_AC"], cost["E_MAC"], cost["E_MAC"])),
    )


def terms(run: RunRecord, add: Cost, mac: Cost, wide: Cost) -> list[Term]:
    """Every operation of a run; `mac` multiplies a weight, `wide` what stands in a state or an accumulator."""
    found = [
        term
        for layer in run.layers
        for term in (
            Term(layer.name, "neurons", layer.updates, wide, fixed=True),
            Term(layer.name, "neurons", layer.updates, add, fixed=True),
        )
    ]
    for operation in run.operations:
        match operation:
            case EmbeddingCount(name=name, elements=n):
                found.append(Term(name, "embedding", n, add, fixed=True))
            case LinearCount():
                found.append(linear(operation, run.kinds_of_linears[operation.name], add, mac))
            case LayerNormCount(name=name, elements=n):
                found += norm(name, n, add, wide)
            case AttentionCount(name=name):
                found.append(Term(name, "attention", attention_accumulations(operation), add))
            case StreamCount(name=name, elements=n) | CurrentsCount(name=name, additions=n):
                found.append(Term(name, "other", n, add, fixed=True))
            case ReadoutCount(name=name):
                found.append(Term(name, "other", operation.input_elements, add, fixed=True))
                found.append(Term(name, "other", operation.dense_macs, mac, fixed=True))
    return found


def linear(node: LinearCount, kind: str, add: Cost, mac: Cost) -> Term:
    """A Linear's inputs as k spikes each or as graded events, whichever is cheaper for the whole layer."""
    as_spikes = Term(node.name, kind, node.synaptic_operations, add)
    as_events = Term(node.name, kind, node.input_events * node.outputs, mac)
    return min(as_spikes, as_events, key=lambda term: term.picojoules)


def norm(name: str, elements: int, add: Cost, wide: Cost) -> list[Term]:
    """Layer normalisation of so many elements."""
    return [
        Term(name, "normalisation", elements, add, fixed=True),
        Term(name, "normalisation", 3 * elements, wide, fixed=True),
    ]


def reference(run: RunRecord) -> Account:
    cost = costs()
    return Account(
        name="graded BERT",
        title="Same-shape BERT, all but softmax and GELU",
        formula="E = MACs of all blocks · MAC + (2 blocks + 1) · tokens · D · (ADD + 3 MAC) + 2 blocks · tokens · D · "
        "ADD,  ADD = E_AC, MAC = E_MAC",
        includes="The multiply-accumulates of all blocks, two normalisations and residual additions a block.",
        excludes="Softmax, GELU, embedding, pooler, classifier; all reading and moving of data.",
        terms=tuple(reference_terms(run, cost["E_AC"], cost["E_MAC"], cost["E_MAC"])),
    )


def reference_terms(run: RunRecord, add: Cost, mac: Cost, wide: Cost) -> list[Term]:
    shape = BertShape.of(run)
    elements = run.tokens * shape.hidden
    found = bert.terms(shape, run.lengths, mac)
    found += norm("embeddings.norm", elements, add, wide)
    for i in range(shape.blocks):
        found += norm(f"blocks.{i}.norm", 2 * elements, add, wide)
        found.append(Term(f"blocks.{i}.add", "other", 2 * elements, add))
    return found
