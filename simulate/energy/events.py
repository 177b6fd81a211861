"""`events`: the synaptic operations that happened, each one accumulation.

    E = E_AC · (Σ over Linears of input_magnitude · outputs + Σ over attentions of T · γ · FLOPs)

An input of magnitude k reaches every output of its Linear and adds its weight k times there. An embedding is a table
look-up: no arithmetic. Attention is still the rate estimate of `paper`: counts.json of version 1 holds the spikes of
Q, K and V, not how many of them coincide.
"""

from __future__ import annotations

from simulate.energy.account import Account, Term, kind_of_linear
from simulate.energy.costs import costs
from simulate.energy.paper import attention_sops
from simulate.energy.record import RunRecord


def account(run: RunRecord) -> Account:
    cost = costs()["E_AC"]
    linears = [Term(op.name, kind_of_linear(op.name), op.synaptic_operations, cost) for op in run.linears()]
    attentions = [Term(op.name, "attention", attention_sops(op, run.model.time_steps), cost) for op in run.attentions()]
    return Account(
        name="events",
        title="Synaptic events",
        formula="E = E_AC · (Σ input_magnitude · outputs + Σ attention T · γ · FLOPs)",
        includes="Each spike into a Linear times its outputs, counted, not estimated (a residual value k is k spikes); "
        "attention by the estimate of the paper, since the counts hold no coincidences.",
        excludes="The embedding (a look-up is no arithmetic), normalisation, neuron updates, residual additions, the "
        "readout; all reading and moving of weights, states and spikes.",
        terms=(*linears, *attentions),
    )
