"""Where the energy goes: layer by layer, and each term as so many operations at a price."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from simulate.energy.account import KINDS, Account
from simulate.report import forms
from simulate.report.content import Content
from simulate.report.panel import Column, Panel, Plot, Table
from simulate.report.panels.energy import side_by_side

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def panel(content: Content) -> Panel:
    accounts = tuple(each.spiking for each in content.comparisons)
    return Panel(
        "terms",
        "Energy layer by layer, term by term",
        (
            "Every account is a sum of terms: so many operations of a node, at a price. The figure adds them up by "
            "layer, the tables by node and by price.",
        ),
        (
            "operations: those of the account's formula, per text: its counts / samples",
            "µJ per text = operations · pJ / 10⁶;  the total is the sum",
            "share of a layer = its µJ / total",
        ),
        (_by_price(accounts, content), _by_node(accounts, content)),
        Plot(
            lambda width: _draw(accounts, content, width),
            "Share of each layer in each account's energy, %; what is below half a percent everywhere is left out.",
        ),
    )


def _by_price(accounts: tuple[Account, ...], content: Content) -> Table:
    rows = []
    for account in accounts:
        sums: dict[tuple[str, str], float] = defaultdict(float)
        prices = {term.cost.name: term.cost.span for term in account.terms}
        for term in account.terms:
            sums[term.kind, term.cost.name] += term.operations
        for (kind, name), operations in sorted(sums.items(), key=lambda item: KINDS.index(item[0][0])):
            each = content.per_text(operations)
            rows.append((account.name, kind, each, name, prices[name], prices[name] * (each / 1e6)))
    columns = (
        Column("account", "account", forms.text),
        Column("kind", "part", forms.text),
        Column("operations", "operations", forms.count),
        Column("cost", "price", forms.text),
        Column("picojoules", "pJ", forms.spans(forms.number)),
        Column("energy_uj", "µJ per text", forms.microjoules),
    )
    return Table("terms", "Operations per text at each price", columns, tuple(rows))


def _by_node(accounts: tuple[Account, ...], content: Content) -> Table:
    """Every node under every accounting: layers of neurons, then the other nodes, in the order of the network."""
    nodes = [account.by_node() for account in accounts]
    return side_by_side(
        "nodes", "µJ per text, node by node", "node", _names(accounts, content), nodes, accounts, content
    )


def _names(accounts: tuple[Account, ...], content: Content) -> list[str]:
    known = [*(layer.name for layer in content.run.layers), *(operation.name for operation in content.run.operations)]
    named = {term.name for account in accounts for term in account.terms}
    return [name for name in known if name in named]


def _draw(accounts: tuple[Account, ...], content: Content, width: float) -> Figure:
    """Heat map layer × account, of what is not negligible; a layer is a Linear with its neurons."""
    from simulate.report.plotting import heat_map, new_figure, row_height, short_name

    shares = {short_name(name): [0.0] * len(accounts) for name in _names(accounts, content)}
    for column, account in enumerate(accounts):
        for name, part in account.by_node().items():
            shares[short_name(name)][column] += 100 * part.picojoules / (account.picojoules or 1.0)
    shares = {layer: row for layer, row in shares.items() if max(row) >= 0.5} or shares
    cells = [[f"{share:.0f}" if share >= 0.5 else "" for share in row] for row in shares.values()]
    figure = new_figure(width, row_height(len(shares)))
    axes = figure.subplots()
    heat_map(axes, list(shares.values()), list(shares), [account.name for account in accounts], cells)
    axes.tick_params(axis="x", labelrotation=0 if width > 5 else 45)
    return figure
