"""What each part of the model is worth: its score without the part, where `spikebert-simulate ablate` told."""

from __future__ import annotations

from simulate.report import forms
from simulate.report.ablation import Ablation
from simulate.report.content import Content
from simulate.report.panel import Column, Panel, Table
from spikebert.data.metrics import ACCURACY


def panel(content: Content) -> Panel | None:
    if content.ablation is None:
        return None
    record, whole = content.ablation.record, content.ablation.whole
    shown = whole.metric.shown
    return Panel(
        "worth",
        "What each part is worth",
        (
            f"The {whole.metric.title} of the whole model on {record.texts:,} texts of {record.data} is "
            f"{shown(whole.value)}, with a 95 % interval of {shown(whole.low)} to {shown(whole.high)}. Each row shows "
            f"it without one part. A loss below {shown(whole.value - whole.low)} may be chance: such a part earns "
            "nothing that these texts can show, however many operations it takes.",
        ),
        (
            "silenced: the part puts out nothing",
            "majority: each neuron puts out what it puts out most often",
            "permuted: its outputs are mixed up among the tokens of each text",
        ),
        (_table(content.ablation),),
    )


def _table(ablation: Ablation) -> Table:
    metric = ablation.whole.metric
    form = forms.points if metric == ACCURACY else forms.rate
    return Table(
        "worth",
        f"{metric.heading} without a part",
        (
            Column("part", "part", forms.text),
            Column("kind", "kind", forms.text),
            Column("operations", "share of operations", forms.percent),
            Column("silenced", "silenced", form),
            Column("majority", "majority", form),
            Column("permuted", "permuted", form),
        ),
        tuple(
            (part.part, part.kind, part.operations, part.silenced, part.majority, part.permuted)
            for part in ablation.record.parts
        ),
    )
