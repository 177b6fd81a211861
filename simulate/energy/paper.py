"""`paper`: the theoretical energy of SpikeBERT (arXiv 2308.15122, appendix, eqs 16-19).

    Energy(l) = E_AC · SOPs(l)            a spiking layer
    Energy(b) = E_MAC · FLOPs(b)          a layer of an ordinary network, FLOPs counted in multiply-accumulates
    SOPs(l)   = T · γ · FLOPs(l)          γ: firing rate of the layer's input spike train
    E         = E_MAC · EMB + E_AC · (Σ SOPs(fully connected) + Σ SOPs(SSA))

A later paper of the same first author prints the first three in the same way (arXiv 2402.01533, appendix B, eqs 12-14).
The first term of the fourth is the embedding at E_MAC; how many operations the authors count for it is not said. Our
reading: one multiply-accumulate per value looked up, EMB = tokens · D, or (2 tokens − samples) · D where the embedding
has a table of neighbours, too.

Where the text leaves a choice:
- A Linear fed by the residual stream has inputs 0, 1, 2, ...: γ is then the mean magnitude, so that an input of k costs
  k accumulations. With that, T · γ · FLOPs of a Linear is exactly the number of accumulations that happened.
- Attention: γ is the firing rate of Q, K and V together, FLOPs those of both products of an ordinary attention,
  2 · Σ length² · D. That is not the number of coincidences that happened.
- Only real tokens exist here: nothing is padded to a fixed length.
- Of a model with an early exit T is the mean of the steps that the texts took, each text weighing as its FLOPs.
"""

from __future__ import annotations

from simulate.counts_schema import AttentionCount, EmbeddingCount, LinearCount
from simulate.energy.account import FLOAT32, Account, Term
from simulate.energy.costs import costs
from simulate.energy.record import RunRecord


def account(run: RunRecord) -> Account:
    steps, squared, cost = run.mean_steps(), run.mean_steps(2), costs()
    terms = []
    for operation in run.operations:
        match operation:
            case EmbeddingCount(name=name):
                terms.append(Term(name, "embedding", operation.elements, cost["E_MAC"], fixed=True))
            case LinearCount(name=name):
                terms.append(Term(name, run.kinds_of_linears[name], linear_sops(operation, steps), cost["E_AC"]))
            case AttentionCount(name=name):
                terms.append(Term(name, "attention", attention_sops(operation, squared), cost["E_AC"]))
    return Account(
        name="paper",
        title="SpikeBERT paper, eqs 16-19",
        formula="E = E_MAC · embedding elements + E_AC · Σ SOPs(l),  SOPs(l) = T · γ(l) · FLOPs(l)",
        includes="The embedding, one E_MAC for each value looked up; every Linear and both products of each attention, "
        "one E_AC for each of T · γ · FLOPs accumulations, where FLOPs are the multiply-accumulates of an ordinary "
        "network of the same shape and γ is the mean input per element and step (Linear: spikes, or the magnitude on "
        "the residual stream; attention: spikes of Q, K and V).",
        excludes="Normalisation, neuron updates, residual additions, the readout; all reading and moving of weights, "
        "states and spikes.",
        prices=FLOAT32,
        terms=tuple(terms),
    )


def linear_sops(linear: LinearCount, steps: float) -> float:
    """T · γ · FLOPs with γ = input_magnitude / input_elements."""
    return steps * linear.input_magnitude * linear.dense_macs / linear.input_elements


def attention_sops(attention: AttentionCount, steps: float) -> float:
    """T · γ · FLOPs with γ = input_events / input_elements."""
    return steps * attention.input_events * attention.dense_macs / attention.input_elements
