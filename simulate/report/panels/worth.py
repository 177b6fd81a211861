"""What each part of the model is worth: its accuracy without the part, where `spikebert-simulate ablate` told."""

from __future__ import annotations

from simulate.report import forms
from simulate.report.ablation import Ablation
from simulate.report.content import Content
from simulate.report.panel import Column, Panel, Table


def panel(content: Content) -> Panel | None:
    if content.ablation is None:
        return None
    head = content.ablation.head
    error = (head.accuracy * (1 - head.accuracy) / head.texts) ** 0.5
    return Panel(
        "worth",
        "What each part is worth",
        (
            f"The accuracy of the whole model on {head.texts:,} texts of {head.data} is {head.accuracy:.2%}, with a "
            f"standard error of {100 * error:.1f} points. Each row shows it without one part. A part whose loss is "
            "within that error earns nothing on these texts, however many operations it takes.",
        ),
        (
            "silenced: the part puts out nothing",
            "majority: each neuron puts out what it puts out most often",
            "permuted: its outputs are mixed up among the tokens of each text",
        ),
        (_table(content.ablation),),
    )


def _table(ablation: Ablation) -> Table:
    return Table(
        "worth",
        "Accuracy without a part",
        (
            Column("part", "part", forms.text),
            Column("kind", "kind", forms.text),
            Column("operations", "share of operations", forms.percent),
            Column("silenced", "silenced", forms.points),
            Column("majority", "majority", forms.points),
            Column("permuted", "permuted", forms.points),
        ),
        tuple(
            (part.part, part.kind, part.operations, part.silenced, part.majority, part.permuted)
            for part in ablation.parts
        ),
    )
