"""`loihi1`: synaptic operations, neuron updates and spikes at what Intel published for Loihi 1 (Davies et al. 2018).

Binary spikes alone: a residual value k is k spikes. Loihi 1 has neither attention nor layer normalisation: a
coincidence is priced as a synaptic operation, a normalisation is left out. The reference is the float32 BERT in 45 nm,
since no BERT runs on Loihi 1: of two technologies, and no like with like.
"""

from __future__ import annotations

from simulate.energy.account import CHIP, Account, Term
from simulate.energy.costs import costs
from simulate.energy.events import attention_accumulations
from simulate.energy.record import RunRecord


def account(run: RunRecord) -> Account:
    cost = costs()
    synapse = cost["E_LOIHI_SYNOP"]
    kinds = run.kinds_of_linears
    linears = [Term(op.name, kinds[op.name], op.synaptic_operations, synapse) for op in run.linears()]
    attentions = [Term(op.name, "attention", attention_accumulations(op), synapse) for op in run.attentions()]
    updates = [Term(x.name, "neurons", x.updates, cost["E_LOIHI_ACTIVE"], fixed=True) for x in run.layers]
    spikes = [Term(x.name, "traffic", x.spikes, cost["E_LOIHI_SPIKE"]) for x in run.layers]
    return Account(
        name="loihi1",
        title="Loihi 1 (14 nm)",
        formula="E = E_LOIHI_SYNOP · (Σ input_magnitude · outputs + Σ min((qk + qk_v), (kv + q_kv))) "
        "+ E_LOIHI_ACTIVE · updates + E_LOIHI_SPIKE · spikes",
        includes="Every synaptic operation, neuron update (all as active) and spike, weights and states read included.",
        excludes="Normalisation and messages of a stream of currents, which Loihi 1 cannot do; hops between tiles, "
        "which need a placement; its static power, which needs a time: both are in the estimate of a mapping.",
        prices=CHIP,
        terms=(*linears, *attentions, *updates, *spikes),
    )
