"""A mapping as JSON, the numbers, and as Markdown, the page; the folder of both and the picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploy.chips.estimate import cost_source
from deploy.chips.floorplan import svg
from deploy.chips.partition import Cut
from spikebert.core.files import Kind, names_format, write_folder_atomically

if TYPE_CHECKING:
    from deploy.chips.mapping import Mapping

FORMAT = "spikebert-mapping"
VERSION = 1
FOLDER = Kind("a mapping of spikebert-deploy", ("mapping.json", "mapping.md", "floorplan.svg"), names_format(FORMAT))


def write(mapping: Mapping, out: Path) -> None:
    """`out`/mapping.json, mapping.md and floorplan.svg, all or none."""
    content, chip = {**as_json(mapping), "model_sha256": mapping.model_sha256}, mapping.system.chip
    picture = "\n![floorplan](floorplan.svg)\n"

    def fill(folder: Path) -> None:
        (folder / "mapping.json").write_text(json.dumps(content, indent=1, ensure_ascii=False), "utf-8")
        page = as_markdown(content, chip.memory_per_core, chip.neurons_per_core)
        (folder / "mapping.md").write_text(page + picture, "utf-8")
        (folder / "floorplan.svg").write_text(svg(mapping), "utf-8")

    write_folder_atomically(out, FOLDER, fill)


def as_json(mapping: Mapping) -> dict[str, Any]:
    """Plain JSON values, field by field as in `docs/mapping.md`."""
    chip, found, hops = mapping.system.chip, mapping.estimate, mapping.estimate.hops
    return {
        "format": FORMAT,
        "version": VERSION,
        "chip": chip.name,
        "system": mapping.system.name,
        "strategy": mapping.strategy,
        "tokens": mapping.tokens,
        "time_steps": mapping.graph.time_steps,
        "cores_used": len(mapping.cores),
        "chips_used": mapping.placement.chips,
        "chips": mapping.system.chips,
        "cores_per_chip": mapping.system.cores,
        "host_layers": mapping.host_layers,
        "layers": [_layer(cut, mapping) for cut in mapping.cuts],
        "cores": [
            {
                "population": core.population.name,
                "rows": list(core.rows),
                "copies": list(core.copies),
                "chip": int(mapping.placement.chip[i]),
                "slot": int(mapping.placement.slot[i]),
                "neurons": core.neurons,
                "synapse_bytes": core.synapse_bytes,
                "state_bytes": core.state_bytes,
                "input_axons": core.input_axons,
            }
            for i, core in enumerate(mapping.cores)
        ],
        "activity": {"source": mapping.activity.source, "tokens": mapping.activity.tokens},
        "estimate": {
            "costs": cost_source(chip),
            "steps": found.steps,
            "depth": found.depth,
            "step_nanoseconds": found.step_nanoseconds,
            "latency_microseconds": found.latency_microseconds,
            "messages": hops.messages,
            "messages_between_chips": hops.between_chips,
            "messages_from_host": hops.from_host,
            "hops_east_west": hops.east_west,
            "hops_north_south": hops.north_south,
            "hops_between_chips": hops.chip_hops,
            "picojoules": {**found.picojoules, "total": found.total_picojoules},
        },
        "sources": chip.sources,
    }


def _layer(cut: Cut, mapping: Mapping) -> dict[str, Any]:
    cores = [core for core in mapping.cores if core.population is cut.population]
    return {
        "population": cut.population.name,
        "role": cut.population.role,
        "cores": len(cores),
        "neurons": sum(core.neurons for core in cores),
        "synapse_bytes": sum(core.synapse_bytes for core in cores),
        "state_bytes": sum(core.state_bytes for core in cores),
        "fullest_memory": max(core.synapse_bytes + core.state_bytes for core in cores),
        "fullest_neurons": max(core.neurons for core in cores),
        "bound_by": cut.limit,
    }


def as_markdown(content: dict[str, Any], memory: int, neurons: int) -> str:
    """The page of `as_json`; `memory` and `neurons` are what a core holds."""
    found, energy = content["estimate"], content["estimate"]["picojoules"]
    chips = f"{content['chips_used']} of {content['chips']} chips"
    rows = [
        ("strategy", content["strategy"]),
        ("cores", f"{content['cores_used']:,} on {chips} of {content['cores_per_chip']} cores"),
        ("texts", f"up to {content['tokens']} tokens, T = {content['time_steps']}"),
        ("left to the host", ", ".join(content["host_layers"])),
        ("activity", f"{content['activity']['source']}; {content['activity']['tokens']:.1f} tokens a sample"),
        ("steps a sample", f"{found['steps']:,}, of them {found['depth']} from the first core to the last"),
        ("longest step, estimated", f"{found['step_nanoseconds'] / 1000:,.1f} µs"),
        ("latency a sample, estimated", f"{found['latency_microseconds'] / 1000:,.2f} ms"),
        ("messages a sample", f"{found['messages']:,.0f}, {found['messages_from_host']:,.0f} of them from the host"),
        ("between chips", f"{found['messages_between_chips']:,.0f}, over {found['hops_between_chips']:,.0f} chip hops"),
        (
            "hops within chips",
            f"{found['hops_east_west']:,.0f} east-west, {found['hops_north_south']:,.0f} north-south",
        ),
        *((f"energy, {kind}, estimated", f"{value / 1e6:,.2f} µJ") for kind, value in energy.items()),
    ]
    lines = [
        f"# {content['chip']}, {content['system']}: {content['strategy']}",
        "",
        "| of the mapping | |",
        "|---|---|",
    ]
    lines += [f"| {name} | {value} |" for name, value in rows]
    lines += ["", f"Estimated, not measured, by the numbers of {found['costs']}; the host's work is not in it.", ""]
    lines += ["| population | role | cores | neurons | weights, kB | state, kB | fullest core | bound by |"]
    lines += ["|---|---|---:|---:|---:|---:|---:|---|"]
    for layer in content["layers"]:
        fill = max(layer["fullest_memory"] / memory, layer["fullest_neurons"] / neurons)
        lines.append(
            f"| {layer['population']} | {layer['role']} | {layer['cores']:,} | {layer['neurons']:,} | "
            f"{layer['synapse_bytes'] / 1000:,.1f} | {layer['state_bytes'] / 1000:,.1f} | {fill:.0%} | "
            f"{layer['bound_by']} |"
        )
    return "\n".join(lines) + "\n"
