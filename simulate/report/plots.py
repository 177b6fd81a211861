"""The report's plots as SVG text; colours from the Okabe-Ito set, which colour-blind readers can tell apart."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from simulate.energy import paper

BLUE, ORANGE, GREEN, PURPLE = "#0072B2", "#E69F00", "#009E73", "#CC79A7"
KINDS = {"linear": BLUE, "attention": ORANGE, "embedding": GREEN, "readout": PURPLE}
STYLE = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.fonttype": "none",  # text stays text: it can be searched and read aloud
    "svg.hashsalt": "spikebert",  # the same input gives the same bytes
    "font.family": "sans-serif",
}


def draw(name: str, counts: dict[str, Any]) -> str:
    """The plot `name` as SVG."""
    with matplotlib.rc_context(STYLE):
        figure = PLOTS[name](counts)
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None}, bbox_inches="tight")
    return text.getvalue()[text.getvalue().index("<svg") :]


def rates(counts: dict[str, Any]) -> Figure:
    """A heat map of firing rates, layer × step."""
    layers, tokens = counts["layers"], counts["tokens"]
    grid = np.array([[n / (tokens * layer["width"]) for n in layer["spikes_per_step"]] for layer in layers])
    figure = Figure(figsize=(7, 1.2 + 0.3 * len(layers)))
    axes = figure.subplots()
    image = axes.imshow(grid, cmap="cividis", vmin=0, vmax=1, aspect="auto")
    axes.set_yticks(range(len(layers)), [layer["name"].removesuffix(".lif") for layer in layers])
    axes.set_xticks(range(grid.shape[1]), [str(t + 1) for t in range(grid.shape[1])])
    axes.set_xlabel("time step")
    for (row, column), value in np.ndenumerate(grid):
        axes.text(column, row, f"{value:.2f}", ha="center", va="center", color="white" if value < 0.6 else "black")
    figure.colorbar(image, label="firing rate", fraction=0.04)
    return figure


def operations(counts: dict[str, Any]) -> Figure:
    """SOPs of each layer, a sample."""
    terms = [t for t in paper.spikebert_terms(counts) if t.rate is not None]
    figure = Figure(figsize=(7, 1.0 + 0.3 * len(terms)))
    axes = figure.subplots()
    values = [t.operations / counts["samples"] / 1e6 for t in terms]
    names = [t.layer.removesuffix(".linear").removesuffix(".coincidences") for t in terms]
    axes.barh(range(len(terms)), values, color=[KINDS[t.kind] for t in terms])
    axes.set_yticks(range(len(terms)), names)
    axes.invert_yaxis()
    axes.set_xlabel("synaptic operations a sample, millions")
    return figure


def energy(counts: dict[str, Any]) -> Figure:
    """Energy a sample by kind of layer, SpikeBERT beside BERT."""
    sides = {
        "SpikeBERT": paper.by_kind(paper.spikebert_terms(counts)),
        "same-shape BERT": paper.by_kind(paper.bert_terms(counts)),
    }
    figure = Figure(figsize=(7, 2.2))
    axes = figure.subplots()
    left = np.zeros(len(sides))
    for kind, colour in KINDS.items():
        values = np.array([side.get(kind, 0.0) for side in sides.values()]) / counts["samples"] * 1e6
        axes.barh(list(sides), values, left=left, color=colour, label=kind)
        left += values
    axes.invert_yaxis()
    axes.set_xlabel("µJ a sample (45 nm, arithmetic alone)")
    axes.legend(frameon=False, ncols=4, loc="upper center", bbox_to_anchor=(0.4, 1.25))
    return figure


PLOTS: dict[str, Callable[[dict[str, Any]], Figure]] = {"rates": rates, "operations": operations, "energy": energy}
