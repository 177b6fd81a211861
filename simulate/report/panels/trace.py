"""One text looked at closely: its spikes, what attends to what, and the membrane of a neuron."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from simulate.report.content import Content
from simulate.report.panel import Panel, Plot
from simulate.trace import Trace

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHOWN = 48  # tokens whose names are written beside a figure
NEURONS = 96  # of a layer in the raster
BESIDE = 5.0  # inches that two small plots need beside each other
T = TypeVar("T")


def _panel(key: str, title: str, content: Content, text: str, formulas: tuple[str, ...], draw: Callable) -> Panel:
    """A panel on the traced text; without a trace it says which command records one."""
    trace = content.trace
    if trace is None:
        command = f"{content.run.origin.command} --trace 1"
        return Panel(key, title, (f"Not recorded. Simulate again with --trace N, N the number of a text: {command}",))
    sentence = f"Text {trace.number}, {len(trace.tokens)} tokens. {text}"
    return Panel(key, title, (sentence,), formulas, plot=Plot(lambda width: draw(trace, width), f"{title}."))


def raster(content: Content) -> Panel:
    text = f"Of each layer up to {NEURONS} neurons, evenly spread, a row each; the steps of a token side by side."
    return _panel("raster", "Spike raster of one text", content, text, ("from spikes of trace.npz",), _draw_raster)


def attention(content: Content) -> Panel:
    text = "The attention map of the last block: how many Q and K spikes of two tokens meet, over all heads and steps."
    formula = "map[m, n] = Σ over steps, heads and features of Q[m] · K[n], from spikes of trace.npz"
    title = "Attention map of the last block"
    if content.trace and not content.trace.attended:
        return Panel("attention", title, ("Not drawn: the trace names no layer with Q, K and V; simulate again.",))
    return _panel("attention", title, content, text, (formula,), _draw_attention)


def membrane(content: Content) -> Panel:
    text = (
        "In the first and the last layer, for one token, the first neuron that fires in half the steps or comes "
        "nearest: its membrane before each reset, and its spikes (orange bars)."
    )
    formula = "membrane / threshold; it fires at 1 and above; from membranes of trace.npz"
    return _panel("membrane", "Membrane of a neuron", content, text, (formula,), _draw_membrane)


def attention_map(trace: Trace) -> NDArray[np.int64]:
    """(N, N) of the last block."""
    qkv = trace.spikes[trace.attended[-1]].astype(np.int64)
    query, key, _ = np.split(qkv, 3, axis=2)
    return np.einsum("tmd,tnd->mn", query, key)


def _label(axis: Callable, tokens: list[str], places: NDArray, **how) -> None:
    """Token names at their places, or every so many of a long text."""
    every = -(-len(tokens) // SHOWN)
    axis(places[::every], tokens[::every], fontsize=7 if len(tokens) <= 32 else 5.5, **how)


def _draw_raster(trace: Trace, width: float) -> Figure:
    from simulate.report.plotting import drawable, new_figure, short_name

    tokens, names = len(trace.tokens), _few(list(trace.spikes), 14)
    steps = len(next(iter(trace.spikes.values())))
    bands = []
    for name in names:
        train = trace.spikes[name].transpose(2, 1, 0).reshape(-1, tokens * steps)  # (D, N · T)
        shown = _few(list(range(len(train))), NEURONS)
        band = np.zeros((NEURONS, tokens * steps))
        band[: len(shown)] = train[shown]
        bands.append(band)
    figure = new_figure(width, 1.1 + 0.34 * len(names))
    axes = figure.subplots()
    axes.imshow(np.concatenate(bands), aspect="auto", cmap="gray_r", interpolation="antialiased", vmin=0, vmax=1)
    edges = np.arange(len(names)) * NEURONS
    axes.hlines(edges[1:] - 0.5, -0.5, tokens * steps - 0.5, color="#0072b2", linewidth=0.6)
    axes.set_yticks(edges + NEURONS / 2, [short_name(name) for name in names])
    _label(axes.set_xticks, list(map(drawable, trace.tokens)), np.arange(tokens) * steps + (steps - 1) / 2, rotation=90)
    axes.tick_params(length=0)
    return figure


def _draw_attention(trace: Trace, width: float) -> Figure:
    from simulate.report.plotting import MAP, drawable, new_figure

    pairs, size = attention_map(trace), min(width, 4.8)
    figure = new_figure(width, size)
    axes: Axes = figure.subplots()
    image = axes.imshow(pairs, cmap=MAP)
    names, places = list(map(drawable, trace.tokens)), np.arange(len(trace.tokens))
    _label(axes.set_xticks, names, places, rotation=90)
    _label(axes.set_yticks, names, places)
    axes.set_xlabel("key")
    axes.set_ylabel("query")
    axes.tick_params(length=0)
    figure.colorbar(image, shrink=0.7, label="coincidences")
    return figure


def _draw_membrane(trace: Trace, width: float) -> Figure:
    from simulate.report.plotting import BLUE, FAINT, TICKS, VERMILLION, drawable, new_figure, short_name

    names = [next(iter(trace.spikes)), list(trace.spikes)[-1]]
    beside = width >= BESIDE
    figure = new_figure(width, 2.4 if beside else 4.6)
    for axes, name in zip(figure.subplots(*((1, 2) if beside else (2, 1)), sharey=True), names, strict=True):
        fired = trace.spikes[name][:, trace.watched]  # (T, D)
        neuron = int(np.abs(fired.sum(0, dtype=np.int64) - len(fired) / 2).argmin())
        threshold = trace.thresholds[name][neuron % len(trace.thresholds[name])]
        level = trace.membranes[name][:, neuron] / threshold
        steps = np.arange(1, len(level) + 1)
        axes.axhline(1, color=FAINT, linewidth=0.8, linestyle="--")
        axes.plot(steps, level, "-o", color=BLUE, markersize=3.5)
        spikes = fired[:, neuron] > 0
        axes.plot(steps[spikes], level[spikes], "|", color=VERMILLION, markersize=16, markeredgewidth=2)
        token = drawable(trace.tokens[trace.watched])
        axes.set_title(f'{short_name(name)}, neuron {neuron}, "{token}"', fontsize=8)
        axes.set_xticks(steps[:: -(-len(steps) // TICKS)])
        axes.set_xlabel("time step")
        axes.margins(y=0.2)
    figure.axes[0].set_ylabel("membrane / threshold")
    return figure


def _few(names: list[T], most: int) -> list[T]:
    """All of them, or evenly spread ones with the first and the last."""
    if len(names) <= most:
        return names
    return [names[i] for i in np.linspace(0, len(names) - 1, most).round().astype(int)]
