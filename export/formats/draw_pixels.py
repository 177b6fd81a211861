"""The picture of `export.formats.draw` by matplotlib, which writes pixels and PDF."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from export.formats.shapes import Box, Dot, Line, Shape, Text
from spikebert.core.figures import plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DOTS = 192  # to an inch, of which a shape's pixel is 1/96: a PNG has twice the pixels of the page
# Of each kind of text: its size in pixels, weight, colour and where its place is.
STYLE = {
    "title": (17, "bold", "#222", "center"),
    "name": (13, "bold", "#222", "center"),
    "detail": (11, "normal", "#555", "center"),
    "side": (11, "normal", "#555", "left"),
    "times": (22, "bold", "#222", "center"),
}
POINT = 72 / 96  # of a pixel


def save(shapes: Sequence[Shape], width: float, height: float, path: Path, form: str) -> None:
    """Write the shapes on a page of so many pixels as "png" or "pdf"."""
    with plain({}):
        _draw(shapes, width, height).savefig(
            path,
            format=form,
            dpi=DOTS,
            facecolor="white",
            metadata={"Software" if form == "png" else "CreationDate": None},
        )


def _draw(shapes: Sequence[Shape], width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width / 96, height / 96), dpi=DOTS)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    for layer, shape in enumerate(shapes):
        _put(shape, axes, layer)
    return figure


def _put(shape: Shape, axes, layer: int) -> None:
    from matplotlib.patches import Circle, FancyBboxPatch

    if isinstance(shape, Box):
        framed = shape.fill is None
        style = f"round,pad=0,rounding_size={10 if framed else 5}"
        look = {"facecolor": "#fafafa", "edgecolor": "#aaa", "linestyle": (0, (5, 3))} if framed else {}
        look = look or {"facecolor": shape.fill, "edgecolor": "#777"}
        axes.add_patch(
            FancyBboxPatch(
                (shape.x, shape.y), shape.width, shape.height, boxstyle=style, linewidth=POINT, zorder=layer, **look
            )
        )
    elif isinstance(shape, Line):
        axes.plot(*zip(*shape.points, strict=True), color="#444", linewidth=1.3 * POINT, zorder=layer)
        if shape.arrow:
            arrow = {"arrowstyle": "-|>,head_length=0.35,head_width=0.18", "color": "#444", "linewidth": 0}
            axes.annotate(
                "", xy=shape.points[-1], xytext=shape.points[-2], zorder=layer, arrowprops={**arrow, "shrinkB": 0}
            )
    elif isinstance(shape, Dot):
        look = {"facecolor": shape.fill, "edgecolor": "#444", "linewidth": 1.3 * POINT}
        axes.add_patch(Circle((shape.x, shape.y), shape.radius, zorder=layer, **look))
    else:
        assert isinstance(shape, Text)
        size, weight, colour, place = STYLE[shape.kind]
        axes.text(
            shape.x,
            shape.y,
            shape.text,
            size=size * POINT,
            weight=weight,
            color=colour,
            ha=place,
            va="baseline",
            zorder=layer,
            parse_math=False,
        )
