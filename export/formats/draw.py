"""The network as a picture: a box for each node, a frame around each block, equal blocks drawn once.

Its suffix says what the file is: .svg, where the name of a node shows when the pointer rests on its box, .png or .pdf.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import singledispatch
from itertools import groupby
from pathlib import Path

from export.formats.shapes import Box, Dot, Line, Shape, Text
from export.ir.graph import (
    LIF,
    Accumulate,
    Add,
    Attention,
    Embedding,
    Graph,
    LayerNorm,
    Linear,
    NeuronLayer,
    Node,
    Readout,
)
from export.ir.ranges import output_bounds
from spikebert.core.errors import InputError
from spikebert.core.files import require_folder_of, write_atomically

WIDTH, MIDDLE, SKIP = 660, 350, 100  # pixels: the page, the line that spikes follow, the residual stream beside it
BOX, HEIGHT, GAP = 330, 44, 22  # a node's width and height, and the arrow to the next
FRAME = (60, 580)  # a block's left and right edge
FILL = {
    Embedding: "#e8e8e8",
    Linear: "#dbe9f9",
    LayerNorm: "#efe6f7",
    LIF: "#fde8cf",
    Attention: "#d9f2e3",
    Readout: "#e8e8e8",
}


SUFFIXES = (".svg", ".png", ".pdf")


@dataclass(frozen=True)
class Residual:
    """A branch beside the residual stream and the Add or Accumulate that joins them."""

    branch: tuple[Node, ...]
    add: Add | Accumulate


def write(graph: Graph, path: str | os.PathLike[str]) -> None:
    """Write the picture; the file appears whole or not at all."""
    suffix = require_picture(path)
    canvas = paint(graph)
    if suffix == ".svg":
        write_atomically(Path(path), lambda temporary: temporary.write_text(canvas.svg(), "utf-8"))
        return
    from export.formats.draw_pixels import save

    write_atomically(Path(path), lambda temporary: save(canvas.shapes, WIDTH, canvas.height, temporary, suffix[1:]))


def require_picture(path: str | os.PathLike[str]) -> str:
    """The suffix of a picture's file, in small letters; an InputError for one that is none, or where it cannot be."""
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(f"{path}: the suffix must be {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}", field="draw")
    require_folder_of(path, "--draw")
    return suffix


def draw(graph: Graph) -> str:
    """The picture as the text of an SVG file."""
    return paint(graph).svg()


def _predicted(graph: Graph) -> str:
    return "predicts a number" if graph.regression else f"{len(graph.labels)} labels"


def paint(graph: Graph) -> Canvas:
    """The picture as shapes on a canvas."""
    first, residuals, last = parts(graph)
    canvas = Canvas(output_bounds(graph))
    synapses = sum(n.weight.size for n in graph if isinstance(n, (Linear, Readout)))
    blocks = blocks_of(residuals)
    count = f"{len(blocks)} block{'s' * (len(blocks) != 1)}"
    canvas.text(MIDDLE, 30, f"{count}, {synapses:,} synapses, T = {graph.time_steps}", "title")
    content = f"up to {graph.max_tokens} tokens, {_predicted(graph)}; all widths are per token"
    canvas.text(MIDDLE, 50, content, "detail")
    canvas.y = 66
    for node in first:
        canvas.node(node, levels=sum(isinstance(n, NeuronLayer) and n.inputs == node.inputs for n in graph))
    for _, equal in groupby(blocks, looks):
        canvas.blocks(list(equal))
    for node in last:
        canvas.node(node)
    return canvas


def parts(graph: Graph) -> tuple[list[Node], list[Residual], list[Node]]:
    """(nodes before the blocks, the residual branches in order, nodes behind them).

    Of the levels of embedding neurons the first stands for all.

    Raises:
        InputError: names the first node that does not stand in a line with what comes before it, as in a SpikeBERT.
    """
    start = next((i for i, n in enumerate(graph.nodes) if isinstance(n, Linear)), len(graph.nodes))
    if any(isinstance(n, Accumulate) for n in graph):
        start -= 1  # the neurons at the entrance of the first branch
    first, stream = _embedded(graph.nodes[:start])
    residuals: list[Residual] = []
    waiting: list[Node] = []
    for node in graph.nodes[start:]:
        last = (waiting[-1].name,) if waiting else stream
        if not isinstance(node, (Add, Accumulate)):
            if node.inputs != last:
                raise InputError(f"node {node.name}: is not fed by the node before it alone; only a SpikeBERT is drawn")
            waiting.append(node)
            continue
        if not waiting or node.inputs != (*stream, *last):
            raise InputError(f"node {node.name}: is no sum of the stream and the branch beside it; it cannot be drawn")
        residuals.append(Residual(tuple(waiting), node))
        waiting, stream = [], (node.name,)
    return first, residuals, waiting


def _embedded(nodes: Sequence[Node]) -> tuple[list[Node], tuple[str, ...]]:
    """(the embedding's nodes in a line, with one LIF for all levels; what gives the stream that the blocks take)."""
    line: list[Node] = []
    stream: tuple[str, ...] = ()
    level: tuple[str, ...] = ()
    for node in nodes:
        if isinstance(node, Add):
            fed, stream = node.inputs == (*stream, *level), (node.name,)
        elif isinstance(node, NeuronLayer) and stream:
            fed, level = node.inputs == line[-1].inputs, (node.name,)
        else:
            fed = node.inputs == (line[-1].name,) if line else not node.inputs
            stream = (node.name,) if isinstance(node, NeuronLayer) else ()
            line.append(node)
        if not fed:
            raise InputError(f"node {node.name}: is not fed by the node before it alone; only a SpikeBERT is drawn")
    return line, stream or tuple(node.name for node in line[-1:])  # a stream of currents begins with the embedding


def blocks_of(residuals: list[Residual]) -> list[list[Residual]]:
    """A block begins with each attention."""
    blocks: list[list[Residual]] = []
    for residual in residuals:
        if not blocks or any(isinstance(n, Attention) for n in residual.branch):
            blocks.append([])
        blocks[-1].append(residual)
    return blocks


def looks(block: list[Residual]) -> list[tuple]:
    """What blocks that look alike have in common: everything that a picture says but the bits that values reach."""
    return [describe(n, 0) for residual in block for n in residual.branch] + [(r.add.width,) for r in block]


@singledispatch
def describe(node: Node, bound: int) -> tuple[str, str]:
    """(what it is, its sizes and bits) of a node whose output is at most `bound`."""
    raise NotImplementedError(type(node).__name__)


@describe.register
def _(node: Embedding, bound: int) -> tuple[str, str]:
    beside = "" if node.neighbour is None else ", with those beside it"
    return "Embedding", f"{len(node.word):,} words → {node.width}, 8 bits{beside}"


@describe.register
def _(node: Linear, bound: int) -> tuple[str, str]:
    outputs, inputs = node.weight.shape
    exponents = "" if node.exponent is None else " · 2^k"
    return "Linear", f"{inputs} → {outputs}, {node.bits}-bit weights{exponents}, sums of {bound.bit_length() + 1} bits"


@describe.register
def _(node: LayerNorm, bound: int) -> tuple[str, str]:
    parts = f"{node.groups} × {node.width // node.groups}" if node.groups > 1 else f"{node.width}"
    return "Integer layer norm", f"{parts}, 16-bit gain, output of {bound.bit_length() + 1} bits"


@describe.register
def _(node: LIF, bound: int) -> tuple[str, str]:
    return "LIF neurons", f"{node.width}, 24-bit membrane, reset {node.reset}"


@describe.register
def _(node: Attention, bound: int) -> tuple[str, str]:
    return (
        "Spiking attention (Q Kᵀ) V",
        f"{node.heads} heads × {node.size // node.heads}, counts of up to {bound.bit_length()} bits",
    )


@describe.register
def _(node: Readout, bound: int) -> tuple[str, str]:
    labels, inputs = node.weight.shape
    return "Mean over steps and tokens, linear head", f"{inputs} → {labels} logits, 8-bit weights"


@dataclass
class Canvas:
    """A picture under construction, from top to bottom; `y` is where the last node ends."""

    bounds: dict[str, int]
    y: float = 0
    shapes: list[Shape] = field(default_factory=list)
    started: bool = False

    def node(self, node: Node, levels: int = 1) -> None:
        """The next node on the middle line; neurons may stand for several levels of them."""
        if self.started:
            self.arrow((MIDDLE, self.y), (MIDDLE, self.y + GAP))
            self.y += GAP
        self.started = True
        title, detail = describe(node, self.bounds[node.name])
        if isinstance(node, NeuronLayer) and levels > 1:
            title, detail = f"{levels} levels of {title}, added up", f"{levels} × {detail}"
        self.box(MIDDLE - BOX / 2, BOX, node, title, detail)
        self.y += HEIGHT

    def blocks(self, equal: list[list[Residual]]) -> None:
        """Blocks that look alike, in one frame, with the most bits that any of them reaches."""
        for same in zip(*([n for r in block for n in (*r.branch, r.add)] for block in equal), strict=True):
            self.bounds[same[0].name] = max(self.bounds[node.name] for node in same)
        self.line((MIDDLE, self.y), (MIDDLE, self.y + GAP))
        self.y += GAP
        top, place = self.y, len(self.shapes)
        self.line((MIDDLE, self.y), (MIDDLE, self.y + 12))
        self.y += 12
        for residual in equal[0]:
            self.residual(residual)
        self.line((MIDDLE, self.y), (MIDDLE, self.y + 12))
        self.y += 12
        left, right = FRAME
        self.shapes.insert(place, Box(left, top, right - left, self.y - top))
        if len(equal) > 1:
            self.text(right + 36, (top + self.y) / 2 + 8, f"× {len(equal)}", "times")

    def residual(self, residual: Residual) -> None:
        """A branch, with the stream passing beside it into the Add."""
        fork = self.y
        self.shapes.append(Dot(MIDDLE, fork, 3, "#000"))
        attends = any(isinstance(n, Attention) for n in residual.branch)
        self.text(SKIP + 8, fork + 17, "attention" if attends else "MLP", "side")
        for place, node in enumerate(residual.branch):
            following = residual.branch[place + 1] if place + 1 < len(residual.branch) else None
            if isinstance(node, NeuronLayer) and isinstance(following, Attention):
                self.query_key_value(node)
            else:
                self.node(node)
        self.arrow((MIDDLE, self.y), (MIDDLE, self.y + GAP))
        self.y += GAP
        centre = self.y + 12
        self.arrow((MIDDLE, fork), (SKIP, fork), (SKIP, centre), (MIDDLE - 12, centre))
        self.shapes.append(Dot(MIDDLE, centre, 12, "#fff"))
        self.text(MIDDLE, centre + 6, "+", "title")
        bits = self.bounds[residual.add.name].bit_length()
        self.text(MIDDLE + 20, centre + 4, f"stream: {residual.add.width} counts of up to {bits} bits", "side")
        self.y += 24
        self.line((MIDDLE, self.y), (MIDDLE, self.y + 10))
        self.y += 10

    def query_key_value(self, node: NeuronLayer) -> None:
        """The neurons in front of an attention: three populations side by side."""
        width, space = 106.0, 6.0
        xs = [MIDDLE + (i - 1) * (width + space) for i in range(3)]
        for x in xs:
            self.arrow((x, self.y), (x, self.y + GAP))
        self.y += GAP
        for x, letter in zip(xs, "QKV", strict=True):
            self.box(
                x - width / 2, width, node, f"{letter}: {type(node).__name__}", f"{node.width // 3}, reset {node.reset}"
            )
        self.y += HEIGHT
        for x in (xs[0], xs[2]):
            self.arrow((x, self.y), (x, self.y + GAP))

    def box(self, x: float, width: float, node: Node, title: str, detail: str) -> None:
        self.shapes.append(Box(x, self.y, width, HEIGHT, FILL[type(node)], node.name))
        self.text(x + width / 2, self.y + 18, title, "name")
        self.text(x + width / 2, self.y + 34, detail, "detail")

    def line(self, *points: tuple[float, float]) -> None:
        self.shapes.append(Line(points))

    def arrow(self, *points: tuple[float, float]) -> None:
        self.shapes.append(Line(points, arrow=True))

    def text(self, x: float, y: float, text: str, kind: str) -> None:
        self.shapes.append(Text(x, y, text, kind))

    @property
    def height(self) -> float:
        return self.y + 16

    def svg(self) -> str:
        head = HEAD.format(width=WIDTH, height=self.height)
        return "\n".join([head, *(shape.svg() for shape in self.shapes), "</svg>\n"])


HEAD = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">
<style>
text {{ font-family: Helvetica, Arial, sans-serif; text-anchor: middle; fill: #222 }}
.title {{ font-size: 17px; font-weight: bold }} .name {{ font-size: 13px; font-weight: bold }}
.detail {{ font-size: 11px; fill: #555 }} .side {{ font-size: 11px; fill: #555; text-anchor: start }}
.times {{ font-size: 22px; font-weight: bold }}
rect {{ stroke: #777 }} .frame {{ fill: #fafafa; stroke: #aaa; stroke-dasharray: 5 3 }}
path {{ fill: none; stroke: #444; stroke-width: 1.3 }} .dot {{ stroke: #444; stroke-width: 1.3 }}
</style>
<defs><marker id="head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">
<path d="M0 0L8 4L0 8z" style="fill: #444; stroke: none"/></marker></defs>
<rect width="{width}" height="{height}" style="fill: #fff; stroke: none"/>"""
