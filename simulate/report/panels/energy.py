"""Energy per text under each accounting, against the same-shape BERT."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulate.energy.account import KINDS, Account
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
        | {f"{a.name}_to_bert": v / reference for a, v in zip(content.accounts, values, strict=False)},
    )


def panel(content: Content) -> Panel:
    accounts = (*content.accounts, content.reference)
    prices = ",  ".join(f"{cost.name} = {cost.picojoules} pJ" for cost in costs().values())
    return Panel(
        "energy",
        "Energy against the same-shape BERT",
        _paragraphs(content),
        (*(f"{_label(account)}:  {account.formula}" for account in accounts), f"{prices};  per text: E / samples"),
        (_totals(accounts, content), _by_kind(accounts, content), _terms(accounts, content)),
        Plot(lambda width: _draw(content, width), "Energy per text by part of the network under each accounting."),
    )


def _label(account: Account) -> str:
    return "BERT" if account.name == "bert" else account.name


def _totals(accounts: tuple[Account, ...], content: Content) -> Table:
    rows = [
        (
            _label(account),
            content.per_text(account.operations),
            content.per_text(account.picojoules),
            account.picojoules / content.reference.picojoules,
        )
        for account in accounts
    ]
    columns = (
        Column("account", "account", forms.text),
        Column("operations", "operations per text", forms.count),
        Column("energy", "energy per text", forms.energy),
        Column("to_bert", "E / E of BERT", forms.ratio),
    )
    return Table("against_bert", "Against the same-shape BERT", columns, tuple(rows))


def _by_kind(accounts: tuple[Account, ...], content: Content) -> Table:
    sums = [account.by_kind() for account in accounts]
    kinds = [kind for kind in KINDS if any(kind in each for each in sums)]
    return _side_by_side("by_kind", "Energy per text by part of the network", "part", kinds, sums, accounts, content)


def _terms(accounts: tuple[Account, ...], content: Content) -> Table:
    """Every term of every account, in the order of the network."""
    terms = [{term.name: term.picojoules for term in account.terms} for account in accounts]
    names = [operation.name for operation in content.run.operations if any(operation.name in each for each in terms)]
    return _side_by_side("terms", "Energy per text, term by term", "node", names, terms, accounts, content)


def _side_by_side(
    key: str,
    title: str,
    what: str,
    names: list[str],
    picojoules: list[dict[str, float]],
    accounts: tuple[Account, ...],
    content: Content,
) -> Table:
    """A row a name, a column an account, and their totals; an account without the name has 0 there."""
    rows = [(name, *(content.per_text(each.get(name, 0.0)) for each in picojoules)) for name in names]
    rows.append(("total", *(content.per_text(account.picojoules) for account in accounts)))
    columns = [Column(account.name, _label(account), forms.energy) for account in accounts]
    return Table(key, title, (Column(what, what, forms.text), *columns), tuple(rows), total=True)


def _paragraphs(content: Content) -> tuple[str, ...]:
    verdicts = ", ".join(
        f"{100 * account.picojoules / content.reference.picojoules:.1f} % under {account.name}"
        for account in content.accounts
    )
    return (
        f"Of what the same-shape BERT spends, this model spends {verdicts}. Both sides are priced at float32 costs: "
        "the accounts compare additions with multiply-additions, not this chip with that one.",
        _break_even(content),
    )


def _break_even(content: Content) -> str:
    """At which input a spiking Linear costs what BERT's does, and which of this model's cost more."""
    steps, linears = content.run.model.time_steps, content.run.linears()
    limit = costs()["E_MAC"].picojoules / (steps * costs()["E_AC"].picojoules)
    above = [linear.name for linear in linears if linear.input_magnitude > limit * linear.input_elements]
    reach = (
        "Spikes alone, at most 1, cannot reach it at any firing rate; the values of a residual stream can."
        if limit > 1
        else "Spikes alone can reach it, a residual stream all the more."
    )
    found = f"{len(above)} of the {len(linears)} do here: {_listed(above)}." if above else "Here no Linear does."
    return (
        f"Break-even: a Linear costs more than BERT's once its mean input per element and step, γ, exceeds "
        f"E_MAC / (T · E_AC) = {limit:.2f} at T = {steps}. {reach} {found}"
    )


def _listed(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _draw(content: Content, width: float) -> Figure:
    from simulate.report.plotting import KIND_COLOURS, kind_legend, new_figure

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
            axes.barh(row, size, 0.62, left, color=KIND_COLOURS[kind])
            left += size
        share = f"{texts[row]}  ({100 * totals[row] / totals[0]:.1f} %)"
        axes.annotate(share, (left, row), (4, 0), textcoords="offset points", va="center")
    axes.set_yticks(range(len(accounts)), [_label(account) for account in accounts])
    axes.set_xlim(0, max(totals) * scale * (1.3 if width > 5 else 1.6))
    axes.set_xlabel(f"{unit} per text")
    kind_legend(figure, KIND_COLOURS, 4)
    return figure
