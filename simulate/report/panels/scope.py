"""What the figures count and what they do not."""

from __future__ import annotations

from simulate.energy.costs import costs
from simulate.report import forms
from simulate.report.content import Content
from simulate.report.panel import Column, Panel, Table


def panel(content: Content) -> Panel:
    accounts = (*content.accounts, content.reference)
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
    prices = Table(
        "costs",
        "The prices",
        (
            Column("cost", "cost", forms.text),
            Column("picojoules", "pJ", forms.number),
            Column("operation", "for", forms.text),
            Column("source", "source", forms.text),
        ),
        tuple((cost.name, cost.picojoules, cost.operation, cost.source) for cost in costs().values()),
    )
    return Panel(
        "scope",
        "What this counts, and what it does not",
        (
            "Spikes and magnitudes are exact: they were counted while the integer model ran on these texts, in which "
            "padding does not exist. The energy is a calculation from those counts, not a measurement: no chip was "
            "run, and nothing here knows a chip's memories, network or idle power.",
            "The residual stream carries small integers, not spikes. An input of k is counted as k accumulations, as k "
            "spikes over the same synapses would be.",
            f"The model computes with {content.run.model.weight_bits}-bit weights, yet both sides are priced at "
            "float32, as in the paper. An 8-bit BERT would be far cheaper than the reference shown here, and 8-bit "
            "accumulations far cheaper than E_AC: the ratio holds for float32 alone.",
            "The form of eqs 16-18 was checked against a later paper of the same first author (arXiv 2402.01533, eqs "
            "12-14). How many operations eq. 19 counts for the embedding could not be checked; one per value looked up "
            "is our reading.",
        ),
        tables=(included, prices),
    )
