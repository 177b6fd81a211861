"""What a report says: numbers and tables from counts.json alone, the same in HTML, Markdown and JSON."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from simulate.energy import paper
from simulate.energy.costs import costs


@dataclass(frozen=True)
class Section:
    """A part of the report: prose, a table, and the name of its plot in `simulate.report.plots`."""

    title: str
    text: str
    columns: list[str]
    rows: list[list[Any]]
    plot: str = ""


@dataclass(frozen=True)
class Report:
    title: str
    headlines: list[tuple[str, str, str]]  # (what, figure, remark)
    sections: list[Section]
    data: dict[str, Any] = field(default_factory=dict)  # the same numbers for the JSON form


def wilson(right: int, of: int) -> tuple[float, float]:
    """The 95 % Wilson interval of a share."""
    z, share = 1.959964, right / of
    centre = share + z * z / (2 * of)
    half = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return (centre - half) / (1 + z * z / of), (centre + half) / (1 + z * z / of)


def make_report(counts: dict[str, Any]) -> Report:
    """The report of a run from its counts.json."""
    ours, bert = paper.spikebert_terms(counts), paper.bert_terms(counts)
    samples = counts["samples"]
    energy = sum(t.joule for t in ours) / samples
    reference = sum(t.joule for t in bert) / samples
    rate = sum(layer["spikes"] for layer in counts["layers"]) / (
        sum(layer["neurons"] for layer in counts["layers"]) * counts["model"]["time_steps"]
    )
    headlines = [
        *_accuracy(counts),
        ("Energy a sample", f"{energy * 1e3:.4f} mJ", "45 nm, eqs 16-19"),
        ("Same-shape BERT", f"{reference * 1e3:.4f} mJ", f"SpikeBERT takes {energy / reference:.1%} of it"),
        ("Mean firing rate", f"{rate:.3f}", "spikes a neuron and step"),
    ]
    data = {
        "accuracy": counts["accuracy"],
        "majority": counts["majority"],
        "samples": samples,
        "energy_joule_per_sample": energy,
        "bert_joule_per_sample": reference,
        "ratio": energy / reference,
        "mean_firing_rate": rate,
        "terms": [{**vars(t), "joule": t.joule} for t in ours],
        "bert_terms": [{**vars(t), "joule": t.joule} for t in bert],
        "layers": counts["layers"],
        "costs": costs(),
        "model": counts["model"],
        "run": counts["run"],
    }
    sections = [_rates(counts), _operations(counts, ours), _energy(counts, ours, bert), _costs(), _model(counts)]
    return Report(f"SpikeBERT on {counts['run']['data']}", headlines, sections, data)


def _accuracy(counts: dict[str, Any]) -> list[tuple[str, str, str]]:
    if counts["accuracy"] is None:
        return [("Texts", str(counts["samples"]), "without labels: no accuracy")]
    low, high = wilson(counts["correct"], counts["samples"])
    return [
        ("Accuracy", f"{counts['accuracy']:.1%}", f"95 % interval {low:.1%} to {high:.1%}, {counts['samples']} texts"),
        ("Majority class", f"{counts['majority']:.1%}", "what always answering one label would reach"),
    ]


def _rates(counts: dict[str, Any]) -> Section:
    steps = counts["model"]["time_steps"]
    tokens = counts["tokens"]
    rows = [
        [layer["name"], layer["width"], layer["spikes"] / counts["samples"], layer["rate"]]
        + [n / (tokens * layer["width"]) for n in layer["spikes_per_step"]]
        for layer in counts["layers"]
    ]
    return Section(
        "Firing rates",
        "The share of neurons that fire in a step, by layer: spikes / (tokens · width · T). Padding does not exist in "
        "these counts. A silent layer carries nothing; a layer near 1 could as well be a constant.",
        ["layer", "neurons a token", "spikes a sample", "rate", *(f"rate in step {t + 1}" for t in range(steps))],
        rows,
        "rates",
    )


def _operations(counts: dict[str, Any], ours: list[paper.Term]) -> Section:
    rows = [
        [t.layer, t.kind, t.flops / counts["samples"], t.rate, t.operations / counts["samples"]]
        for t in ours
        if t.rate is not None
    ]
    return Section(
        "Synaptic operations",
        "SOPs = T · γ · FLOPs (eq. 16), a sample. γ is the mean value of what enters the layer: a firing rate where "
        "that is spikes, and above 1 possibly where it is the residual stream, a sum of spike trains. FLOPs are the "
        "multiply-accumulates of the same layer in an ordinary network, run once.",
        ["layer", "kind", "FLOPs", "γ", "SOPs"],
        rows,
        "operations",
    )


def _energy(counts: dict[str, Any], ours: list[paper.Term], bert: list[paper.Term]) -> Section:
    mine, theirs, samples = paper.by_kind(ours), paper.by_kind(bert), counts["samples"]
    rows = [[kind, mine[kind] / samples * 1e6, theirs[kind] / samples * 1e6, mine[kind] / theirs[kind]] for kind in theirs]
    total, reference = sum(mine.values()), sum(theirs.values())
    rows.append(["total", total / samples * 1e6, reference / samples * 1e6, total / reference])
    return Section(
        "Energy",
        "E_SpikeBERT = E_MAC · FLOPs(embedding, readout) + E_AC · Σ SOPs, E_BERT = E_MAC · Σ FLOPs (eqs 17-19), a "
        "sample, against a BERT of the same shape on the same sentences. This counts arithmetic alone: no memory "
        "traffic, no spike routing, no neuron updates, no normalisation; and both sides at float32 cost, though the "
        "exported weights are integers. It is an estimate by formula, not a measurement of a chip.",
        ["kind of layer", "SpikeBERT, µJ", "BERT, µJ", "ratio"],
        rows,
        "energy",
    )


def _costs() -> Section:
    rows = [[name, c["picojoule"], c["what"], c["source"]] for name, c in costs().items()]
    return Section("Costs used", "Every energy above is a count times one of these.", ["cost", "pJ", "what", "source"], rows)


def _model(counts: dict[str, Any]) -> Section:
    model, run = counts["model"], counts["run"]
    shape = f"{model['blocks']} blocks of width {model['hidden_size']}, T = {model['time_steps']}"
    rows = [
        ["file", model["file"]],
        ["SHA-256", model.get("sha256", "")],
        ["shape", f"{shape}, {model['norm']} norm, {model['reset']} reset, {model['weight_bits']}-bit weights"],
        ["labels", ", ".join(model["labels"])],
        ["simulated on", run["backend"]],
        ["data", f"{run['data']}: {counts['samples']} texts, {counts['tokens']} tokens"],
        ["command", run["command"]],
    ]
    return Section("The run", "What was simulated, and the command that repeats it.", ["", ""], rows)
