"""The `paper` accounting: theoretical energy on 45 nm hardware by eqs 16-19 of arXiv 2308.15122.

    SOPs(l) = T · γ(l) · FLOPs(l)                                      γ: firing rate of the spikes that enter layer l
    E_SpikeBERT = E_MAC · FLOPs(embedding, readout) + E_AC · (Σ SOPs(fully connected) + Σ SOPs(attention))
    E_BERT = E_MAC · Σ FLOPs

FLOPs(l) are the multiply-accumulates of one time step of the same layer in an ordinary network: in·out a token for a
Linear, 2 n² D a sentence of n tokens for attention, D a token for the embedding (adding the position), D·labels a
sentence for the readout. What enters a Linear behind a residual stream is not binary: its γ is the mean value of the
stream's elements, since an event of value k costs k accumulations. γ of attention is the mean rate of Q, K and V.

Included: synaptic operations of every Linear and attention, embedding and readout. Not included: memory traffic, spike
routing, neuron updates, normalisation, and the fact that an integer addition costs less than a float32 one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from simulate.energy.costs import picojoule


@dataclass(frozen=True)
class Term:
    """The energy of one layer, summed over all samples of a run."""

    layer: str
    kind: str  # linear, attention, embedding, readout
    flops: int  # multiply-accumulates of one time step in an ordinary network
    rate: float | None  # γ; None where no spikes enter
    operations: float  # SOPs, or multiply-accumulates where no spikes enter
    cost: str  # the operation's name in costs.json

    @property
    def joule(self) -> float:
        return self.operations * picojoule(self.cost) * 1e-12


def spikebert_terms(counts: dict[str, Any]) -> list[Term]:
    """The terms of E_SpikeBERT in network order, for the whole run."""
    return [term for operation in counts["operations"] if (term := _term(operation, counts)) is not None]


def _term(operation: dict[str, Any], counts: dict[str, Any]) -> Term | None:
    kind, name, steps = operation["kind"], operation["name"], counts["model"]["time_steps"]
    if kind == "embedding":
        flops = counts["tokens"] * operation["width"]
        return Term(name, kind, flops, None, flops, "E_MAC")
    if kind == "readout":
        return Term(name, kind, operation["dense_macs"], None, operation["dense_macs"], "E_MAC")
    if kind in ("linear", "attention"):
        entering = operation["input_magnitude"] if kind == "linear" else operation["input_events"]
        rate = entering / operation["input_elements"]
        flops = operation["dense_macs"]
        return Term(name, kind, flops, rate, steps * rate * flops, "E_AC")
    return None  # norms are not in eqs 16-19


def bert_terms(counts: dict[str, Any]) -> list[Term]:
    """The terms of E_BERT for a BERT of the same shape on the same sentences: its layers are ours, run once."""
    terms = []
    for operation in counts["operations"]:
        if operation["kind"] == "embedding":
            flops = counts["tokens"] * operation["width"]
        elif "dense_macs" in operation:
            flops = operation["dense_macs"]
        else:
            continue
        terms.append(Term(operation["name"], operation["kind"], flops, None, flops, "E_MAC"))
    return terms


def by_kind(terms: list[Term]) -> dict[str, float]:
    """Joule by kind of layer."""
    total: dict[str, float] = {}
    for term in terms:
        total[term.kind] = total.get(term.kind, 0.0) + term.joule
    return total
