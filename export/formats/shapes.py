"""What a picture is made of: each shape knows its SVG."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape


@dataclass(frozen=True)
class Box:
    """A rectangle: of a node, or, without a fill, the frame around a block."""

    x: float
    y: float
    width: float
    height: float
    fill: str | None = None
    title: str = ""

    def svg(self) -> str:
        place = f'x="{self.x}" y="{self.y}" width="{self.width}" height="{self.height}"'
        if self.fill is None:
            return f'<rect class="frame" {place} rx="10"/>'
        return f'<rect {place} rx="5" fill="{self.fill}"><title>{escape(self.title)}</title></rect>'


@dataclass(frozen=True)
class Line:
    """A line from point to point, with a head where it ends if it is an arrow."""

    points: tuple[tuple[float, float], ...]
    arrow: bool = False

    def svg(self) -> str:
        head = ' marker-end="url(#head)"' if self.arrow else ""
        return f'<path d="M{"L".join(f"{x} {y}" for x, y in self.points)}"{head}/>'


@dataclass(frozen=True)
class Dot:
    x: float
    y: float
    radius: float
    fill: str

    def svg(self) -> str:
        return f'<circle class="dot" cx="{self.x}" cy="{self.y}" r="{self.radius}" style="fill: {self.fill}"/>'


@dataclass(frozen=True)
class Text:
    """A line of text of a kind of STYLE; y is where its letters stand."""

    x: float
    y: float
    text: str
    kind: str

    def svg(self) -> str:
        return f'<text class="{self.kind}" x="{self.x}" y="{self.y}">{escape(self.text)}</text>'


Shape = Box | Line | Dot | Text
