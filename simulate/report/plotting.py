"""The look of all figures: readable in print, and for colour-blind people (Okabe-Ito colours, cividis maps)."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from simulate.energy.account import KINDS
from simulate.report.panel import Plot
from spikebert.core.figures import plain

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDE, NARROW = 6.4, 3.7  # inches: beside a table on a desk, and on a phone
INK, FAINT = "#22262b", "#8a929b"
# Okabe and Ito, Color universal design, 2008.
BLUE, GREEN, ORANGE, VERMILLION = "#0072b2", "#009e73", "#e69f00", "#d55e00"
PURPLE, SKY, YELLOW = "#cc79a7", "#56b4e9", "#f0e442"
KIND_COLOURS = {
    "embedding": VERMILLION,
    "projections": BLUE,
    "attention": ORANGE,
    "MLP": GREEN,
    "normalisation": PURPLE,
    "neurons": SKY,
    "other": YELLOW,
    "traffic": FAINT,
}
MAP = "cividis"
TICKS = 64  # along an axis: each takes time, and beyond these none could be read
LONGEST = 40  # letters of a layer's name

STYLE = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same figure everywhere
    "font.size": 8.5,
    "text.parse_math": False,  # a $ in the name of a layer or in a token is a $
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "legend.frameon": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "spikebert",  # the same run gives the same bytes
    "figure.constrained_layout.use": True,
}


def svg(plot: Plot, width: float) -> str:
    """The figure as an SVG document."""
    buffer = io.StringIO()
    with plain(STYLE):
        plot.draw(width).savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def save(plot: Plot, path: Path, kind: str) -> None:
    """The figure as a file of `kind` svg, pdf or png."""
    dates = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}
    with plain(STYLE):
        plot.draw(WIDE).savefig(path, format=kind, dpi=200, metadata=dates[kind])


def new_figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height))


def kind_legend(figure: Figure, kinds: Iterable[str], columns: int, *others: Artist) -> None:
    """The colours of these kinds of operation, in the order of KINDS, and `others` that bring their own label."""
    from matplotlib.patches import Patch

    patches = [Patch(color=KIND_COLOURS[kind], label=kind) for kind in KINDS if kind in set(kinds)]
    handles = [*patches, *others]
    figure.legend(handles=handles, loc="outside upper center", ncols=columns, handlelength=1, columnspacing=1.2)


def row_height(rows: int) -> float:
    """Inches for a figure of horizontal rows: closer together where there are many."""
    return 0.9 + rows * (0.25 if rows <= 24 else 0.17)


def heat_map(
    axes: Axes,
    values: Sequence[Sequence[float]],
    rows: Sequence[str],
    columns: Sequence[object],
    cells: Sequence[Sequence[str]] | None,
) -> float:
    """Values from 0 up as colours, dark is little; `cells` are written on them. Gives the size of the letters."""
    top, size = max(map(max, values)) or 1.0, 7.5 if len(rows) <= 24 else 6.0
    axes.imshow(values, aspect="auto", cmap=MAP, vmin=0, vmax=top)
    for row, texts in enumerate(cells or []):
        for column, text in enumerate(texts):
            colour = "white" if values[row][column] < 0.55 * top else "black"
            axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=size)
    axes.set_yticks(range(len(rows)), rows, fontsize=size)
    ticks = range(0, len(columns), -(-len(columns) // TICKS))
    axes.set_xticks(ticks, [str(columns[place]) for place in ticks])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return size


def short_name(node: str) -> str:
    """`blocks.0.mlp.up.lif` → `0 mlp.up`: the block's number, then the part. Long names of other tools are cut."""
    name = drawable(node).removeprefix("blocks.")
    for suffix in (".lif", ".linear", ".coincidences"):
        name = name.removesuffix(suffix)
    block, _, part = name.partition(".")
    name = f"{block} {part}" if block.isdigit() else name
    return name if len(name) <= LONGEST else name[: LONGEST - 1] + "…"


def drawable(text: str) -> str:
    """A text as the figures' font can show it."""
    return "".join(c if c.isprintable() and ord(c) < 0x2E80 else "□" for c in text)
