"""`events`: the synaptic operations that happened, each one accumulation.

    E = E_AC · (Σ over Linears of input_magnitude · outputs + Σ over attentions of the cheaper order's accumulations)

An input of magnitude k reaches every output of its Linear and adds its weight k times there. An embedding is a table
look-up: no arithmetic. Attention is counted from the spikes of Q, K and V, as (Q Kᵀ) V or as Q (Kᵀ V): both give the
same integers, and each attention takes the order that needed fewer accumulations over the run.
"""

from __future__ import annotations

from simulate.counts_schema import AttentionCount
from simulate.energy.account import FLOAT32, Account, Term
from simulate.energy.costs import costs
from simulate.energy.record import RunRecord


def account(run: RunRecord) -> Account:
    cost = costs()["E_AC"]
    kinds = run.kinds_of_linears
    linears = [Term(op.name, kinds[op.name], op.synaptic_operations, cost) for op in run.linears()]
    attentions = [Term(op.name, "attention", attention_accumulations(op), cost) for op in run.attentions()]
    return Account(
        name="events",
        title="Synaptic events",
        formula="E = E_AC · (Σ input_magnitude · outputs + Σ min((qk + qk_v), (kv + q_kv)))",
        includes="Each spike into a Linear times its outputs (a residual value k is k spikes), and each spike of Q, K "
        "and V that meets another, or what others have left: all counted, none estimated.",
        excludes="The embedding (a look-up is no arithmetic), normalisation, neuron updates, residual additions, the "
        "readout; all reading and moving of weights, states and spikes.",
        prices=FLOAT32,
        terms=(*linears, *attentions),
    )


def attention_accumulations(attention: AttentionCount) -> int:
    """Of the cheaper order of association."""
    return min(attention.pairs_first, attention.memory_first)
