"""`graded`: every arithmetic operation of the network, graded inputs at what they need.

Linear          min(magnitude · E_AC, events · E_MAC) · outputs: k spikes on shared synapses, or one graded event
attention       the accumulations of the cheaper order, E_AC each
embedding       elements · E_AC            word + position, and what neighbours add, once a text
normalisation   elements · (E_AC + 3 E_MAC)    Σx, Σx², (n x − S) · r, · gain + bias
neurons         updates · 2 E_AC + leaks   input and comparison; a leak may be a shift, or a shift and an addition
residual        additions · E_AC           of spikes or of currents
readout         input_elements · E_AC + dense_macs · E_MAC
"""

from __future__ import annotations

from export.ir.graph import DECAY_BITS
from simulate.counts_schema import (
    AttentionCount,
    CurrentsCount,
    EmbeddingCount,
    LayerCount,
    LayerNormCount,
    LinearCount,
    ReadoutCount,
    StreamCount,
)
from simulate.energy import bert
from simulate.energy.account import FLOAT32, Account, Term
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
    "+ 2 ADD · updates + Σ L · (updates − neurons) + ADD · (embedding elements + residual additions + input_elements "
    "of the readout) + MAC · dense_macs of the readout;  L = 0 where a power of two stays of a membrane (a shift), ADD "
    "where a sum or a difference of two stays (a shift and an addition), else MAC − ADD;  residual additions: "
    "(inputs − 1) · elements of a stream, or the additions of currents"
)


BERT_FORMULA = (
    "E = MACs of all blocks · MAC + (2 blocks + 1) · tokens · D · (ADD + 3 MAC) + blocks · (2 tokens · D · ADD + "
    "heads · Σ n² · (4 MAC + 2 ADD) + tokens · I · (3 MAC + ADD))"
)
BERT_INCLUDES = (
    "The multiply-accumulates of all blocks; two normalisations and residual additions a block; softmax and GELU by "
    "polynomials of second order, as in I-BERT (Kim et al. 2021, arXiv 2101.01321)."
)


def account(run: RunRecord) -> Account:
    cost = costs()
    return Account(
        name="graded",
        title="All arithmetic",
        formula=FORMULA + ",  ADD = E_AC, MAC = E_MAC",
        includes=INCLUDES,
        excludes=EXCLUDES,
        prices=FLOAT32,
        terms=tuple(terms(run, cost["E_AC"], cost["E_MAC"], cost["E_MAC"])),
    )


def terms(run: RunRecord, add: Cost, mac: Cost, wide: Cost, moved: float = 0.0) -> list[Term]:
    """Every operation of a run; `mac` multiplies a weight, `wide` what stands in a state or an accumulator.

    moved: pJ of what a synaptic operation reads and writes, where that is counted, too.
    """
    found = [term for layer in run.layers for term in neurons(layer, add, wide)]
    for operation in run.operations:
        match operation:
            case EmbeddingCount(name=name, elements=n):
                found.append(Term(name, "embedding", n, add, fixed=True))
            case LinearCount():
                found.append(linear(operation, run.kinds_of_linears[operation.name], add, mac, moved))
            case LayerNormCount(name=name, elements=n):
                found += norm(name, n, add, wide)
            case AttentionCount(name=name):
                found.append(Term(name, "attention", attention_accumulations(operation), add))
            case StreamCount(name=name, additions=n) | CurrentsCount(name=name, additions=n):
                found.append(Term(name, "other", n, add, fixed=True))
            case ReadoutCount(name=name):
                found.append(Term(name, "other", operation.input_elements, add, fixed=True))
                found.append(Term(name, "other", operation.dense_macs, mac, fixed=True))
    return found


def neurons(layer: LayerCount, add: Cost, wide: Cost) -> list[Term]:
    """The updates of a layer: an input is added, the membrane is compared, and leaks where a step before has left one.

    A leak that multiplies takes the addition of the input along.
    """
    additions, multiplications = 2 * layer.updates, 0
    if leaks_by_multiplying(layer.decay):
        additions, multiplications = additions - layer.leaks, layer.leaks
    elif (2**DECAY_BITS - (layer.decay or 0)).bit_count() > 1:
        additions += layer.leaks
    found = [Term(layer.name, "neurons", additions, add, fixed=True)]
    if multiplications:
        found.append(Term(layer.name, "neurons", multiplications, wide, fixed=True))
    return found


def leaks_by_multiplying(decay: int | None) -> bool:
    """Whether the factor (4096 - decay) / 4096 is more than a power of two, or a sum or a difference of two."""
    if decay is None:
        return True
    kept = 2**DECAY_BITS - decay
    return kept.bit_count() > 2 and (kept + (kept & -kept)).bit_count() > 1


def linear(node: LinearCount, kind: str, add: Cost, mac: Cost, moved: float = 0.0) -> Term:
    """A Linear's inputs as k spikes each or as graded events, whichever is cheaper for the whole layer.

    Each operation costs `moved` pJ besides, which the term does not hold.
    """
    as_spikes = Term(node.name, kind, node.synaptic_operations, add)
    as_events = Term(node.name, kind, node.input_events * node.outputs, mac)
    return min(as_spikes, as_events, key=lambda term: term.operations * (term.cost.picojoules + moved))


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
        title="Same-shape BERT, all its arithmetic",
        formula=BERT_FORMULA + ",  ADD = E_AC, MAC = E_MAC",
        includes=BERT_INCLUDES,
        excludes="The embedding, pooler and classifier; all reading and moving of data.",
        prices=FLOAT32,
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
        found += functions(f"blocks.{i}", shape, run, add, wide)
    return found


def functions(block: str, shape: BertShape, run: RunRecord, add: Cost, wide: Cost) -> list[Term]:
    """Softmax and GELU of a block, as I-BERT computes them (arXiv 2101.01321, sections 3.4 and 3.5).

    An element of a softmax is less the row's largest, in a range of its own, squared and scaled, added up and divided;
    one of a GELU is clipped, squared, scaled, and multiplied with its input.
    """
    maps, inner = bert.maps(run), run.tokens * shape.intermediate
    return [
        Term(f"{block}.attention.softmax", "attention", 4 * maps, wide),
        Term(f"{block}.attention.softmax", "attention", 2 * maps, add),
        Term(f"{block}.mlp.gelu", "MLP", 3 * inner, wide),
        Term(f"{block}.mlp.gelu", "MLP", inner, add),
    ]
