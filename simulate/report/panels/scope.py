"""What the figures count and what they do not."""

from __future__ import annotations

from simulate.energy.account import FLOAT32
from simulate.report import forms
from simulate.report.content import Content
from simulate.report.panel import Column, Panel, Table
from simulate.report.panels.energy import references

STREAMS = {  # by residual: what the stream between the layers carries
    "spikes": "The residual stream carries small integers, not spikes. An input of k is counted as k accumulations, "
    "as k spikes over the same synapses would be.",
    "membrane": "The residual stream carries currents, which are signed integers. No synapse reads them: neurons at "
    "the entrance of each branch turn them into spikes.",
}


def panel(content: Content) -> Panel:
    accounts = (*(each.spiking for each in content.comparisons), *references(content).values())
    as_floats = [each.spiking.name for each in content.comparisons if each.spiking.prices == FLOAT32]
    included = Table(
        "accounts",
        "The accounts",
        (
            Column("account", "account", forms.text),
            Column("includes", "includes", forms.text),
            Column("excludes", "leaves out", forms.text),
        ),
        tuple((f"{account.name}: {account.title}", account.includes, account.excludes) for account in accounts),
    )
    return Panel(
        "scope",
        "What this counts, and what it does not",
        (
            "Spikes and magnitudes are exact: they were counted while the integer model ran on these texts, in which "
            "padding does not exist. The energy is a calculation from those counts, not a measurement: no chip was "
            "run. Static power, clocks and instructions are in no account; static power is in the estimate of a "
            "mapping. What each price is worth stands below the energies.",
            STREAMS[content.run.model.residual],
            f"The model computes with {content.run.model.weight_bits}-bit weights. These accountings price its "
            f"arithmetic as that of float32, as the paper does: {', '.join(as_floats)}.",
            "A later paper of the same first author prints eqs 16-18 in the same way (arXiv 2402.01533, eqs 12-14). "
            "How many operations eq. 19 counts for the embedding is not said; one per value looked up is our reading.",
        ),
        tables=(included,),
    )
