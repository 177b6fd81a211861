"""A placed network as an SVG: chips, their tiles, cores coloured by layer and filled as far as they are full; traffic.

A core's colour is its layer's, the height of the colour its fill (memory or neurons, whichever is fuller). Lines join
the tiles between which the most messages travel; their width follows the messages of a sample.
"""

from __future__ import annotations

import colorsys
from html import escape

import numpy as np

from deploy.mapping import Mapping

CELL = 15.0  # of a core, in pixels
SHOWN = 24  # chips; a larger system is not drawn whole
LINES = 150  # the heaviest connections
LEGEND = 370


def svg(mapping: Mapping) -> str:
    """The picture, of at most SHOWN chips."""
    placement, layout = mapping.placement, mapping.placement.mesh
    shown = min(placement.chips, SHOWN)
    across = int(np.ceil(np.sqrt(layout.cores_per_tile)))
    down = -(-layout.cores_per_tile // across)
    tile_w, tile_h = across * CELL + 5, down * CELL + 5
    chip_w, chip_h = layout.columns * tile_w + 14, layout.rows * tile_h + 30
    columns = min(shown, layout.chip_columns, 6)
    colours = _colours([cut.population.name for cut in mapping.cuts])

    def corner(chip: int, slot: int) -> tuple[float, float]:
        """The upper left corner of a core."""
        row, column = divmod(chip, columns)
        tile, place = divmod(slot, layout.cores_per_tile)
        x = 10 + column * (chip_w + 12) + 9 + tile % layout.columns * tile_w + place % across * CELL
        y = 44 + row * (chip_h + 12) + 22 + tile // layout.columns * tile_h + place // across * CELL
        return x, y

    shapes = []
    for chip in range(shown):
        row, column = divmod(chip, columns)
        x, y = 10 + column * (chip_w + 12), 44 + row * (chip_h + 12)
        shapes.append(f'<rect class="chip" x="{x:g}" y="{y:g}" width="{chip_w:g}" height="{chip_h:g}" rx="6"/>')
        shapes.append(f'<text class="side" x="{x + 8:g}" y="{y + 15:g}">chip {chip}</text>')
        for slot in range(mapping.system.cores):
            left, top = corner(chip, slot)
            shapes.append(f'<rect class="core" x="{left:g}" y="{top:g}" width="{CELL}" height="{CELL}"/>')
    centres = {}
    for i, core in enumerate(mapping.cores):
        if placement.chip[i] >= shown:
            continue
        left, top = corner(int(placement.chip[i]), int(placement.slot[i]))
        centres[i] = (left + CELL / 2, top + CELL / 2)
        fill = _fill(mapping, i)
        height = max(1.5, fill * (CELL - 1))
        shapes.append(
            f'<rect x="{left + 0.5:g}" y="{top + CELL - 0.5 - height:.1f}" width="{CELL - 1:g}" height="{height:.1f}" '
            f'fill="{colours[core.population.name]}"><title>{escape(core.population.name)} rows {core.rows[0]} to '
            f"{core.rows[1] - 1}, tokens {core.copies[0]} to {core.copies[1] - 1}: {core.neurons} neurons, "
            f"{core.synapse_bytes + core.state_bytes} bytes, {fill:.0%} full</title></rect>"
        )
    shapes += _lines(mapping, centres)
    right = 10 + columns * (chip_w + 12) + 10
    legend = _legend(mapping, colours, right)
    height = max(44 + -(-shown // columns) * (chip_h + 12), 66 + 17 * (len(mapping.cuts) + 1)) + 16
    title = f"{mapping.strategy} on {mapping.system.name}: {len(mapping.cores):,} cores, {placement.chips} chips"
    if shown < placement.chips:
        title += f" (the first {shown} drawn)"
    head = HEAD.format(width=f"{right + LEGEND:g}", height=f"{height:g}", title=escape(title))
    return "\n".join([head, *shapes, *legend, "</svg>\n"])


def _fill(mapping: Mapping, core: int) -> float:
    held, chip = mapping.cores[core], mapping.system.chip
    memory = (held.synapse_bytes + held.state_bytes) / chip.memory_per_core
    if chip.synapse_memory_per_core:
        memory = max(memory, held.synapse_bytes / chip.synapse_memory_per_core)
    return min(1.0, max(memory, held.neurons / chip.neurons_per_core))


def _lines(mapping: Mapping, centres: dict[int, tuple[float, float]]) -> list[str]:
    flows = mapping.traffic
    heaviest = np.argsort(-flows.events, kind="stable")
    most = max(float(flows.events.max(initial=0)), 1e-9)
    found = []
    for i in heaviest:
        ends = int(flows.source[i]), int(flows.target[i])
        if all(end in centres for end in ends):
            (x0, y0), (x1, y1) = (centres[end] for end in ends)
            width = 0.3 + 1.9 * float(flows.events[i]) / most
            found.append(f'<path class="flow" d="M{x0:g} {y0:g}L{x1:g} {y1:g}" stroke-width="{width:.2f}"/>')
        if len(found) == LINES:
            break
    return found


def _legend(mapping: Mapping, colours: dict[str, str], x: float) -> list[str]:
    """The table beside the picture: colour, population, cores."""
    rows = [f'<text class="name" x="{x:g}" y="60">population</text>']
    rows.append(f'<text class="number" x="{x + LEGEND - 20:g}" y="60">cores</text>')
    for i, cut in enumerate(mapping.cuts):
        y, name = 77 + 17 * i, cut.population.name
        rows.append(f'<rect x="{x:g}" y="{y - 10}" width="12" height="12" fill="{colours[name]}"/>')
        rows.append(f'<text class="side" x="{x + 18:g}" y="{y}">{escape(name)} ({cut.population.role})</text>')
        rows.append(f'<text class="number" x="{x + LEGEND - 20:g}" y="{y}">{cut.count:,}</text>')
    return rows


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
.flow {{ stroke: #222; stroke-opacity: 0.35; fill: none }}
</style>
<rect width="{width}" height="{height}" fill="#fff"/>
<text class="title" x="10" y="26">{title}</text>"""
