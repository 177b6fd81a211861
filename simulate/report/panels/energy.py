"""Energy per text under each accounting, against a BERT under the same one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from simulate.energy import dataflow
from simulate.energy.account import CHIP, KINDS, Account, Comparison
from simulate.energy.bert import BertShape
from simulate.energy.costs import Cost, costs
from simulate.energy.span import NOTHING
from simulate.report import forms
from simulate.report.content import Content
from simulate.report.panel import Card, Column, Panel, Plot, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure


HEADLINE = "matched"  # the fair race


def card(content: Content) -> Card:
    """The fair race in large, with whom it is run; what other rules would say below, and a chip's own energy apart."""
    by_name = {each.spiking.name: each for each in content.comparisons}
    fair = by_name.pop(HEADLINE)
    spiking, reference = (_per_text(account, content) for account in (fair.spiking, fair.reference))
    others = ", ".join(f"{name} {_share(each)}" for name, each in by_name.items() if each.spiking.prices != CHIP)
    chips = [
        f"{name}, at the prices of {each.spiking.title}: {_per_text(each.spiking, content)}; no BERT runs there to "
        "compare it with"
        for name, each in by_name.items()
        if each.spiking.prices == CHIP
    ]
    return Card(
        "energy",
        "Energy per text, of an int8 BERT's",
        _share(fair),
        (
            "calculated from a simulation, never measured",
            f"{HEADLINE}: {spiking}, integers on both sides; {_opponent(content)}: {reference}",
            f"by other rules: {others}",
            *chips,
        ),
        {each.spiking.name: content.per_text(each.spiking.picojoules) for each in content.comparisons}
        | {f"{each.spiking.name}_range": content.per_text(each.spiking.span) for each in content.comparisons}
        | {f"{each.spiking.name}_to_bert": each.ratio for each in content.comparisons}
        | {f"{each.spiking.name}_to_bert_range": each.ratio_span for each in content.comparisons}
        | {f"{each.spiking.name}_break_even": each.break_even(content.run.rate) for each in content.comparisons},
    )


def _per_text(account: Account, content: Content) -> str:
    energy = content.per_text(account.span)
    return forms.energy_span(energy.low, energy.high)


def _share(comparison: Comparison) -> str:
    """Of BERT, in whole percent."""
    return forms.spans(forms.whole_percent)([comparison.ratio_span])[0]


def _opponent(content: Content) -> str:
    shape = BertShape.of(content.run)
    weights = f"{shape.weights / 1e6:.1f} M weights"
    reached = content.noted_result("same_shape")
    worth = "nobody has trained" if reached is None else f"reached {reached} on the dev texts of the training"
    return f"a BERT of {shape.size} ({weights}) that {worth}"


def panel(content: Content) -> Panel:
    spiking = tuple(each.spiking for each in content.comparisons)
    return Panel(
        "energy",
        "Energy against BERT",
        _paragraphs(content),
        (
            *(f"{account.name}:  {account.formula}" for account in spiking),
            *(f"{name}:  {account.formula}" for name, account in references(content).items()),
            ",  ".join(f"{cost.name} = {_price(cost)} pJ" for cost in _used(content.comparisons)),
            *(f"{name}:  {formula}" for name, formula in dataflow.formulas().items()),
            "per text: E / samples",
            "break-even = rate · (E(BERT) − E(fixed)) / (E − E(fixed)),  rate = Σ spikes / Σ updates,  fixed: the "
            "terms of E without magnitude, events, coincidences, SOPs or spikes",
        ),
        (totals(content), _by_kind(spiking, content), dataflows(content), _worth(content)),
        Plot(
            lambda width: _draw(content, width),
            "Left: what the energy goes to under each accounting. Right: the energy as a share of BERT's, "
            "with a bar over its range where prices have one.",
        ),
    )


def references(content: Content) -> dict[str, Account]:
    """The reference accounts, each once, by name."""
    return {each.reference.name: each.reference for each in content.comparisons}


def _price(cost: Cost) -> str:
    return forms.spans(forms.number)([cost.span])[0]


def _used(comparisons: Sequence[Comparison]) -> list[Cost]:
    """Those of `costs.json` in its order, then those that were made of them."""
    accounts = (account for each in comparisons for account in (each.spiking, each.reference))
    used = {term.cost.name: term.cost for account in accounts for term in account.terms}
    return [used[name] for name in dict.fromkeys((*costs(), *used)) if name in used]


def _worth(content: Content) -> Table:
    """What is known of each price of these tables; low and high differ from it where sources differ."""
    compared = (*content.comparisons, *dataflow.comparisons(content.run), dataflow.narrow(content.run))
    rows = [(c.name, c.picojoules, c.low, c.high, c.status, c.operation, c.source) for c in _used(compared)]
    columns = (
        Column("price", "price", forms.text),
        Column("picojoules", "pJ", forms.number),
        Column("low", "from", forms.number),
        Column("high", "to", forms.number),
        Column("status", "status", forms.text),
        Column("operation", "of", forms.text),
        Column("source", "source", forms.text),
    )
    return Table("prices", "What each price is worth", columns, tuple(rows))


def totals(content: Content) -> Table:
    rows = [
        (
            each.spiking.name,
            each.ratio_span,
            content.microjoules(each.spiking.span),
            content.microjoules(each.reference.span),
            each.break_even_span(content.run.rate),
            content.per_text(each.spiking.operations),
        )
        for each in content.comparisons
    ]
    columns = (
        Column("account", "accounting", forms.text),
        Column("to_bert", "of BERT", forms.shares),
        Column("energy_uj", "µJ per text", forms.microjoules),
        Column("bert_uj", "BERT, µJ", forms.microjoules),
        Column("break_even", "break-even rate", forms.spans(forms.rate)),
        Column("operations", "operations per text", forms.count),
    )
    return Table("against_bert", "Each accounting beside BERT under the same one", columns, tuple(rows))


def dataflows(content: Content) -> Table:
    """The same integers on both sides: with as much reuse, and with as few bits as the spikes of a value say."""
    run = content.run
    pairs = [(_both(each.spiking.name, each.reference.name), each) for each in dataflow.comparisons(run)]
    bits = dataflow.narrow_bits(run.model.time_steps)
    pairs.append((f"arithmetic alone; a BERT with {bits}-bit activations", dataflow.narrow(run)))
    rows = [
        (
            name,
            content.microjoules(each.spiking.span),
            content.microjoules(each.reference.span),
            each.ratio_span,
        )
        for name, each in pairs
    ]
    columns = (
        Column("dataflow", "this model; BERT", forms.text),
        Column("energy_uj", "µJ per text", forms.microjoules),
        Column("bert_uj", "int8 BERT, µJ", forms.microjoules),
        Column("to_bert", "of BERT", forms.shares),
    )
    return Table("dataflow", "Memory counted alike on both sides, int8 on both", columns, tuple(rows))


def _both(ours: str, theirs: str) -> str:
    return f"{ours}, both" if ours == theirs else f"{ours}; {theirs}"


def _by_kind(accounts: tuple[Account, ...], content: Content) -> Table:
    parts = [account.by_kind() for account in accounts]
    kinds = [kind for kind in KINDS if any(kind in each for each in parts)]
    return side_by_side("by_kind", "µJ per text by part of the network", "part", kinds, parts, accounts, content)


def side_by_side(
    key: str,
    title: str,
    what: str,
    names: list[str],
    parts: list[dict[str, Account]],
    accounts: tuple[Account, ...],
    content: Content,
) -> Table:
    """A row a name, a column an account, and their totals; an account without the name has 0 there."""
    spans = [{name: part.span for name, part in each.items()} for each in parts]
    rows = [(name, *(content.microjoules(each.get(name, NOTHING)) for each in spans)) for name in names]
    rows.append(("total", *(content.microjoules(account.span) for account in accounts)))
    columns = [Column(account.name, account.name, forms.microjoules) for account in accounts]
    return Table(key, title, (Column(what, what, forms.text), *columns), tuple(rows), total=True)


def _paragraphs(content: Content) -> tuple[str, ...]:
    shares = [(each, each.ratio_span) for each in content.comparisons if each.spiking.prices != CHIP]
    groups = {
        "The model spends less than half of BERT's energy under": [c for c, r in shares if r.high < 0.5],
        "The advantage shrinks under": [c for c, r in shares if 0.5 <= r.high < 1],
        "The prices decide whether there is an advantage under": [c for c, r in shares if r.low < 1 <= r.high],
        "It vanishes under": [c for c, r in shares if r.low >= 1],
    }
    verdicts = [
        f"{what} {', '.join(f'{c.spiking.name} ({_share(c)})' for c in chosen)}."
        for what, chosen in groups.items()
        if chosen
    ]
    return (
        " ".join(verdicts),
        "paper and events set float32 additions against float32 multiply-additions, and nothing else. matched is the "
        "fair race: integers on both sides. memory adds what is read and written. It gives the spikes no reuse, "
        "and BERT float32 and the best reuse. The table of dataflows gives both sides the same. loihi1 decides "
        "nothing: it is a 14 nm chip with its memories, beside the arithmetic alone of a BERT in 45 nm.",
        "Where sources differ, a price has a range, and so have the energies, shares and rates that are made of it: "
        "from low to high. A price is the same on both sides, whatever it is. The last table says what each is worth.",
        "The last row of the dataflows gives BERT activations of as few bits as the spikes of T steps can say: "
        "⌈log2(T + 1)⌉. Its products are priced by their bits, and by the additions that they consist of: that is the "
        "range. Nobody has trained such a BERT here, so that its accuracy is not known.",
        f"This run fires at a mean rate of {content.run.rate:.3f}. Break-even is the rate at which the model would "
        "cost what BERT does, all events in proportion. Above 1 it is out of reach, since no neuron fires more than "
        "once a step: the model costs less. A dash: even a silent network costs more.",
    )


def _draw(content: Content, width: float) -> Figure:
    from simulate.report.plotting import FAINT, INK, KIND_COLOURS, kind_legend, new_figure

    rows = content.comparisons[::-1]
    wide = width > 5
    figure = new_figure(width, (1.3 if wide else 2.2) + (0.3 if wide else 0.5) * len(rows))
    parts, shares = figure.subplots(*((1, 2) if wide else (2, 1)), sharey=True)
    for row, each in enumerate(rows):
        left = 0.0
        for kind, part in each.spiking.by_kind().items():
            size = 100 * part.picojoules / (each.spiking.picojoules or 1.0)
            parts.barh(row, size, 0.66, left, color=KIND_COLOURS[kind])
            left += size
        if each.ratio > 0:
            shares.plot([100, 100 * each.ratio], [row, row], color=FAINT, linewidth=1)
            ends = each.ratio_span
            shares.plot([100 * ends.low, 100 * ends.high], [row, row], color=INK, linewidth=3)
            shares.plot(100 * each.ratio, row, "o", color=INK, markersize=5)
            shares.annotate(
                _share(each),
                (100 * each.ratio, row),
                (0, 5),
                textcoords="offset points",
                ha="center",
            )
    parts.set_yticks(range(len(rows)), [each.spiking.name for each in rows])
    parts.set_xlim(0, 100)
    parts.set_xlabel("% of the energy")
    shares.axvline(100, color=INK, linewidth=0.8)
    shares.set_xscale("log")
    most = max(180.0, *(180 * each.ratio_span.high for each in rows))
    shares.set_xlim(min(20.0, *(60 * each.ratio_span.low or 20.0 for each in rows)), most)
    shares.set_ylim(-0.6, len(rows) - 0.3)
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    shares.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    shares.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    shares.xaxis.set_minor_formatter(NullFormatter())
    shares.set_xlabel("% of BERT")
    kind_legend(figure, {kind for each in rows for kind in each.spiking.by_kind()}, 4 if wide else 3)
    return figure
