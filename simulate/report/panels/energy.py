"""Energy per text under each accounting, against the same-shape BERT."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulate.energy.account import KINDS
from simulate.energy.costs import costs
from simulate.report import forms
from simulate.report.content import Content
from simulate.report.panel import Card, Column, Panel, Plot, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def card(content: Content) -> Card:
    """The first accounting in large; every one, and the reference, in the lines below."""
    accounts = [*content.accounts, content.reference]
    values = [content.per_text(account.picojoules) for account in accounts]
    texts = forms.energy(values)
    reference = values[-1]
    return Card(
        "energy",
        "Energy per text, 45 nm",
        texts[0],
        (
            *(
                f"{account.name}: {text}, {100 * value / reference:.1f} % of BERT"
                for account, text, value in zip(content.accounts, texts, values, strict=False)
            ),
            f"same-shape BERT, float32: {texts[-1]}",
        ),
        {account.name: value for account, value in zip(accounts, values, strict=True)}
        | {f"{a.name}_to_bert": v / reference for a, v in zip(content.accounts, values, strict=False)}
        | {"unit": "pJ per text"},
    )


def panel(content: Content) -> Panel:
    accounts = (*content.accounts, content.reference)
    sums = [account.by_kind() for account in accounts]
    kinds = [kind for kind in KINDS if any(kind in each for each in sums)]
    rows = [(kind, *(content.per_text(each.get(kind, 0.0)) for each in sums)) for kind in kinds]
    rows.append(("total", *(content.per_text(account.picojoules) for account in accounts)))
    by_kind = Table(
        "by_kind",
        "Energy per text by part of the network",
        (
            Column("part", "part", forms.text),
            *(Column(account.name, _label(account.name), forms.energy) for account in accounts),
        ),
        tuple(rows),
        total=True,
    )
    totals = Table(
        "against_bert",
        "Against the same-shape BERT",
        (
            Column("accounting", "accounting", forms.text),
            Column("operations", "operations per text", forms.count),
            Column("energy", "energy per text", forms.energy),
            Column("to_bert", "E / E of BERT", forms.ratio),
        ),
        tuple(
            (
                _label(account.name),
                content.per_text(account.operations),
                content.per_text(account.picojoules),
                account.picojoules / content.reference.picojoules,
            )
            for account in accounts
        ),
    )
    return Panel(
        "energy",
        "Energy against the same-shape BERT",
        _paragraphs(content),
        (
            *(f"{account.name}:  {account.formula}" for account in accounts),
            ",  ".join(f"{cost.name} = {cost.picojoules} pJ" for cost in costs().values()) + ";  per text: E / samples",
        ),
        (totals, by_kind),
        Plot(lambda width: _draw(content, width), "Energy per text by part of the network under each accounting."),
    )


def _label(name: str) -> str:
    return "BERT" if name == "bert" else name


def _paragraphs(content: Content) -> tuple[str, ...]:
    run, cost = content.run, costs()
    elements = sum(linear.input_elements for linear in run.linears())
    magnitude = sum(linear.input_magnitude for linear in run.linears()) / elements
    steps, break_even = (
        run.model.time_steps,
        cost["E_MAC"].picojoules / (run.model.time_steps * cost["E_AC"].picojoules),
    )
    verdicts = ", ".join(
        f"{100 * account.picojoules / content.reference.picojoules:.1f} % under {account.name}"
        for account in content.accounts
    )
    return (
        f"Of what the same-shape BERT spends, this model spends {verdicts}. Both sides are priced at float32 "
        "costs: the accounts compare additions with multiply-additions, not this chip with that one.",
        f"Break-even: a Linear costs as much as BERT's when its mean input per element and step reaches E_MAC / (T · "
        f"E_AC) = {break_even:.2f} at T = {steps}; the mean here is {magnitude:.3f}. "
        + (
            "A stream of plain spikes, at most 1, cannot reach it: with these prices and this T a spiking Linear is "
            "cheaper at any firing rate, and only the residual values above 1 could change that."
            if break_even > 1
            else "A Linear whose inputs fire more often than that costs more than BERT's."
        ),
    )


def _draw(content: Content, width: float) -> Figure:
    from simulate.report.plotting import KIND_COLOURS, new_figure

    accounts = (content.reference, *reversed(content.accounts))
    totals = [content.per_text(account.picojoules) for account in accounts]
    texts = forms.energy(totals)
    scale, unit = forms.energy_unit(totals)
    figure = new_figure(width, 0.95 + 0.45 * len(accounts))
    axes = figure.subplots()
    for row, account in enumerate(accounts):
        left = 0.0
        for kind, picojoules in account.by_kind().items():
            size = content.per_text(picojoules) * scale
            label = kind if kind not in axes.get_legend_handles_labels()[1] else None
            axes.barh(row, size, 0.62, left, color=KIND_COLOURS[kind], edgecolor="white", linewidth=0.6, label=label)
            left += size
        share = (
            ""
            if account is content.reference
            else f"  ({100 * account.picojoules / content.reference.picojoules:.1f} %)"
        )
        axes.annotate(texts[row] + share, (left, row), (4, 0), textcoords="offset points", va="center")
    axes.set_yticks(range(len(accounts)), [_label(account.name) for account in accounts])
    axes.set_xlim(0, max(totals) * scale * (1.22 if width > 5 else 1.45))
    axes.set_xlabel(f"{unit} per text")
    figure.legend(loc="outside upper center", ncols=4, handlelength=1, columnspacing=1.2)
    return figure
