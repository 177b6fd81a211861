"""A placed network as an SVG: chips, their tiles, cores coloured by layer and filled as far as they are full; traffic.

A core's colour is its population's, the height of the colour its fill (memory or neurons, whichever is fuller). Lines
in the sender's colour join the cores between which the most messages travel; their width follows the messages of a
sample. The table beside it gives the populations the numbers that large cores carry.
"""

from __future__ import annotations

import colorsys
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from deploy.chips.placement import chip_position

if TYPE_CHECKING:
    from deploy.chips.mapping import Mapping

CELLS = {1: 30.0, 4: 22.0}  # pixels of a core, up to so many chips
CELL = 15.0  # with more chips
NUMBERED = 22.0  # a core of so many pixels carries its population's number
SHOWN = 24  # chips; a larger system is not drawn whole
LINES = 150  # the heaviest connections
LEGEND = 470
TOP = 62


def svg(mapping: Mapping) -> str:
    """The picture, of at most SHOWN chips."""
    return _Drawing(mapping).svg()


class _Drawing:
    def __init__(self, mapping: Mapping):
        self.mapping, self.placement = mapping, mapping.placement
        self.mesh = mapping.placement.mesh
        self.shown = min(self.placement.chips, SHOWN)
        self.cell = next((size for chips, size in CELLS.items() if self.shown <= chips), CELL)
        self.across = int(np.ceil(np.sqrt(self.mesh.cores_per_tile)))
        self.tile_w = self.across * self.cell + 5
        self.tile_h = -(-self.mesh.cores_per_tile // self.across) * self.cell + 5
        self.chip_w, self.chip_h = self.mesh.columns * self.tile_w + 14, self.mesh.rows * self.tile_h + 30
        self.columns = min(self.shown, self.mesh.chip_columns)
        self.names = [cut.population.name for cut in mapping.cuts]
        self.colours = _colours(self.names)

    def svg(self) -> str:
        legend_x = 10 + self.columns * (self.chip_w + 12) + 10
        rows = -(-self.shown // self.columns)
        height = max(TOP + rows * (self.chip_h + 12), TOP + 22 + 17 * (len(self.names) + 1)) + 16
        title = self.mapping.title
        if self.shown < self.placement.chips:
            title += f" (the first {self.shown} drawn)"
        head = HEAD.format(width=f"{legend_x + LEGEND:g}", height=f"{height:g}", title=escape(title), lines=LINES)
        return "\n".join(
            [head, *self._chips(), *self._cores(), *self._lines(), *self._marks(), *self._legend(legend_x), "</svg>\n"]
        )

    def _chip(self, chip: int) -> tuple[float, float]:
        """The upper left corner of a chip."""
        column, row = chip_position(np.array(chip), self.columns)
        return 10 + float(column) * (self.chip_w + 12), TOP + float(row) * (self.chip_h + 12)

    def _corner(self, chip: int, slot: int) -> tuple[float, float]:
        """The upper left corner of a core."""
        left, top = self._chip(chip)
        tile, place = divmod(slot, self.mesh.cores_per_tile)
        x = left + 9 + tile % self.mesh.columns * self.tile_w + place % self.across * self.cell
        y = top + 22 + tile // self.mesh.columns * self.tile_h + place // self.across * self.cell
        return x, y

    def _chips(self) -> list[str]:
        shapes = []
        for chip in range(self.shown):
            x, y = self._chip(chip)
            shapes.append(
                f'<rect class="chip" x="{x:g}" y="{y:g}" width="{self.chip_w:g}" height="{self.chip_h:g}" rx="6"/>'
            )
            shapes.append(f'<text class="side" x="{x + 8:g}" y="{y + 15:g}">chip {chip}</text>')
            for slot in range(self.mapping.system.cores):
                left, top = self._corner(chip, slot)
                shapes.append(
                    f'<rect class="core" x="{left:g}" y="{top:g}" width="{self.cell:g}" height="{self.cell:g}"/>'
                )
        return shapes

    def _drawn(self) -> list[int]:
        """The cores on the chips that are drawn."""
        return np.flatnonzero(self.placement.chip < self.shown).tolist()

    def _place(self, core: int) -> tuple[float, float]:
        return self._corner(int(self.placement.chip[core]), int(self.placement.slot[core]))

    def _cores(self) -> list[str]:
        shapes = []
        for i in self._drawn():
            core, fill, (left, top) = self.mapping.cores[i], _fill(self.mapping, i), self._place(i)
            name, height = core.population.name, max(1.5, fill * (self.cell - 1))
            shapes.append(
                f'<rect x="{left + 0.5:g}" y="{top + self.cell - 0.5 - height:.1f}" width="{self.cell - 1:g}" '
                f'height="{height:.1f}" fill="{self.colours[name]}"><title>{escape(name)} rows {core.rows[0]} to '
                f"{core.rows[1] - 1}, tokens {core.copies[0]} to {core.copies[1] - 1}: {core.neurons} neurons, "
                f"{core.synapse_bytes + core.state_bytes} bytes, {fill:.0%} full</title></rect>"
            )
        return shapes

    def _marks(self) -> list[str]:
        """The numbers of the populations, on cores that are large enough."""
        if self.cell < NUMBERED:
            return []
        numbers, places = (
            {name: i for i, name in enumerate(self.names, 1)},
            [(i, *self._place(i)) for i in self._drawn()],
        )
        return [
            f'<text class="mark" x="{x + 3:g}" y="{y + 10:g}">{numbers[self.mapping.cores[i].population.name]}</text>'
            for i, x, y in places
        ]

    def _lines(self) -> list[str]:
        """Curves that bend to the right of their way, so that both ways between two cores can be seen."""
        flows, half = self.mapping.traffic, self.cell / 2
        centres = {i: (x + half, y + half) for i in self._drawn() for x, y in [self._place(i)]}
        most = max(float(flows.events.max(initial=0)), 1e-9)
        found = []
        for i in np.argsort(-flows.events, kind="stable"):
            source, target = int(flows.source[i]), int(flows.target[i])
            if source in centres and target in centres:
                (x0, y0), (x1, y1) = centres[source], centres[target]
                bend_x, bend_y = (x0 + x1) / 2 - 0.15 * (y1 - y0), (y0 + y1) / 2 + 0.15 * (x1 - x0)
                width = 0.4 + 2.6 * float(flows.events[i]) / most
                colour = self.colours[self.mapping.cores[source].population.name]
                found.append(
                    f'<path class="flow" d="M{x0:g} {y0:g}Q{bend_x:.1f} {bend_y:.1f} {x1:g} {y1:g}" '
                    f'stroke="{colour}" stroke-width="{width:.2f}"/>'
                )
            if len(found) == LINES:
                break
        return found

    def _legend(self, x: float) -> list[str]:
        """The table beside the picture: number, colour, population, cores, the fullest core, messages sent."""
        sent, fullest = self._sent(), self._fullest()
        ends = {"cores": LEGEND - 160, "fullest": LEGEND - 100, "messages": LEGEND - 20}
        rows = [f'<text class="name" x="{x:g}" y="{TOP + 14}">population</text>']
        rows += [f'<text class="number" x="{x + end:g}" y="{TOP + 14}">{name}</text>' for name, end in ends.items()]
        for i, cut in enumerate(self.mapping.cuts):
            y, name = TOP + 31 + 17 * i, cut.population.name
            rows.append(f'<rect x="{x:g}" y="{y - 10}" width="12" height="12" fill="{self.colours[name]}"/>')
            rows.append(f'<text class="side" x="{x + 18:g}" y="{y}">{i + 1} {escape(name)}</text>')
            values = (f"{cut.count:,}", f"{fullest[name]:.0%}", f"{sent[name]:,.0f}")
            for value, end in zip(values, ends.values(), strict=True):
                rows.append(f'<text class="number" x="{x + end:g}" y="{y}">{value}</text>')
        return rows

    def _fullest(self) -> dict[str, float]:
        fullest = dict.fromkeys(self.names, 0.0)
        for i, core in enumerate(self.mapping.cores):
            fullest[core.population.name] = max(fullest[core.population.name], _fill(self.mapping, i))
        return fullest

    def _sent(self) -> dict[str, float]:
        """The messages that each population's cores send in a mean sample."""
        flows = self.mapping.traffic
        sent = dict.fromkeys(self.names, 0.0)
        for source, events in zip(flows.source.tolist(), flows.events.tolist(), strict=True):
            if source >= 0:
                sent[self.mapping.cores[source].population.name] += events
        return sent


def _fill(mapping: Mapping, core: int) -> float:
    held, chip = mapping.cores[core], mapping.system.chip
    memory = (held.synapse_bytes + held.state_bytes) / chip.memory_per_core
    if chip.synapse_memory_per_core:
        memory = max(memory, held.synapse_bytes / chip.synapse_memory_per_core)
    return min(1.0, max(memory, held.neurons / chip.neurons_per_core))


def _colours(names: list[str]) -> dict[str, str]:
    """A hue for each population, in the order of the way: neighbours differ in lightness, too."""
    found = {}
    for i, name in enumerate(names):
        rgb = colorsys.hls_to_rgb(0.83 * i / max(1, len(names) - 1), (0.46, 0.62)[i % 2], 0.6)
        found[name] = "#" + "".join(f"{round(255 * c):02x}" for c in rgb)
    return found


HEAD = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">
<style>
text {{ font-family: Helvetica, Arial, sans-serif; fill: #222 }}
.title {{ font-size: 16px; font-weight: bold }} .name {{ font-size: 12px; font-weight: bold }}
.side {{ font-size: 11px }} .number {{ font-size: 11px; text-anchor: end }}
.chip {{ fill: #f6f6f4; stroke: #888 }} .core {{ fill: #fff; stroke: #ccc; stroke-width: 0.6 }}
.flow {{ stroke-opacity: 0.75; fill: none }} .mark {{ font-size: 9px }}
</style>
<rect width="{width}" height="{height}" fill="#fff"/>
<text class="title" x="10" y="24">{title}</text>
<text class="side" x="10" y="44">Height of the colour: how full a core is. Lines: the {lines} busiest ways.</text>"""
