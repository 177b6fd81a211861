"""What the model is compared with: BERTs counted from their shapes, and the paper's own table beside our row."""

from __future__ import annotations

from simulate.energy import published
from simulate.energy.account import Account
from simulate.energy.bert import BertShape, macs
from simulate.energy.costs import costs
from simulate.report import forms
from simulate.report.content import Content
from simulate.report.panel import Column, Panel, Table


def panel(content: Content) -> Panel:
    return Panel(
        "references",
        "What it is compared with",
        (
            f"BERTs counted from their shapes: the one of the model's own shape on these texts"
            f"{_teacher_words(content)}, those of the paper at the {published.LENGTH} tokens that it pads to, and "
            f"BERT-base at the {published.SHORT} of later papers.",
            "The paper's table recomputed from its own operations. What its synaptic operations at E_AC leave of its "
            "energy is the embedding's; it differs from set to set, and how it was counted is not said. In our row the "
            "embedding is one E_MAC a value looked up. The mean share of the paper's rows is "
            f"{100 * published.mean_share():.2f} %, stated as 27.82 %.",
        ),
        (
            "MACs = blocks · Σ over texts of (n · 4 D² + n² · 2 D + n · 2 D · I)",
            "BERT, mJ = 10⁹ MACs · E_MAC,  spikes, mJ = 10⁹ SOPs · E_AC,  left = SpikeBERT, mJ − spikes, mJ",
            "left, 10⁹ MACs = left, mJ / E_MAC,  of BERT = SpikeBERT, mJ / BERT, mJ",
            "of this run: MACs and SOPs per text; SpikeBERT, mJ: the account paper",
        ),
        (networks(content), energies(content)),
    )


def _teacher_words(content: Content) -> str:
    if content.teacher is None:
        return " (the file does not note its teacher: give it by --teacher)"
    return ", the teacher that it learned from"


def networks(content: Content | None = None) -> Table:
    """Multiply-accumulates of BERTs, counted and as stated; per text in 10^9, energies in mJ."""
    rows: list[tuple] = []
    if content is not None:
        tokens = content.run.tokens / content.run.samples
        rows.append(_ours(BertShape.of(content.run), tokens, content, content.reference))
        if content.teacher is not None:
            rows.append(_ours(content.teacher[0], tokens, content, content.teacher[1]))
    for shape, tokens, operations, energy in published.NETWORKS:
        counted = macs(shape, [tokens]) / 1e9
        priced = counted * costs()["E_MAC"].picojoules
        size = f"{shape.blocks} × {shape.hidden}"
        share = priced / energy if operations is None else counted / operations
        rows.append((shape.name, size, tokens, counted, priced, operations, energy, share))
    columns = (
        Column("network", "network", forms.text),
        Column("size", "blocks × D", forms.text),
        Column("tokens", "tokens", forms.count),
        Column("macs", "10⁹ MACs", forms.precise),
        Column("energy_mj", "mJ", forms.precise),
        Column("stated_macs", "stated 10⁹", forms.stated),
        Column("stated_mj", "stated mJ", forms.stated),
        Column("of_stated", "counted / stated", forms.ratio),
    )
    return Table("networks", "BERTs, per text", columns, tuple(rows))


def _ours(shape: BertShape, tokens: float, content: Content, account: Account) -> tuple:
    counted, energy = content.per_text(account.operations) / 1e9, content.per_text(account.picojoules) / 1e9
    return (shape.name, f"{shape.blocks} × {shape.hidden}", tokens, counted, energy, None, None, None)


def energies(content: Content | None = None) -> Table:
    """The paper's energy table: stated operations and energies, and what follows from them; then the run's own row."""
    rows = [
        (
            f"paper, {row.dataset}",
            row.bert_operations,
            row.bert_energy,
            published.price_of_bert(row),
            row.spiking_operations,
            row.spiking_energy,
            published.price_of_spikes(row),
            row.spiking_energy - published.price_of_spikes(row),
            published.embedding_operations(row),
            row.spiking_energy / row.bert_energy,
        )
        for row in published.ROWS
    ]
    if content is not None:
        rows.append(_own_row(content))
    columns = (
        Column("texts", "texts", forms.text),
        Column("bert_macs", "10⁹ MACs", forms.precise),
        Column("bert_mj", "BERT, mJ", forms.precise),
        Column("bert_recomputed_mj", "recomputed", forms.precise),
        Column("sops", "10⁹ SOPs", forms.precise),
        Column("spiking_mj", "SpikeBERT, mJ", forms.precise),
        Column("spikes_mj", "spikes, mJ", forms.precise),
        Column("left_mj", "left, mJ", forms.precise),
        Column("left_macs", "left, 10⁹ MACs", forms.precise),
        Column("share", "of BERT", forms.percent),
    )
    return Table("paper", "The paper's energies per text, recomputed, and ours", columns, tuple(rows))


def _own_row(content: Content) -> tuple:
    spiking, price = content.comparisons[0].spiking, costs()
    assert spiking.name == "paper"
    sops = content.per_text(sum(term.operations for term in spiking.terms if term.kind != "embedding")) / 1e9
    spikes = sops * price["E_AC"].picojoules
    energy, bert = (content.per_text(account.picojoules) / 1e9 for account in (spiking, content.reference))
    counted = content.per_text(content.reference.operations) / 1e9
    recomputed = counted * price["E_MAC"].picojoules
    left = energy - spikes
    values = counted, bert, recomputed, sops, energy, spikes, left, left / price["E_MAC"].picojoules, energy / bert
    return ("this run", *values)
