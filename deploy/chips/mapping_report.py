"""A mapping as a record, the numbers, and as Markdown, the page; the folder of both and the picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from deploy.chips.chip import FIELDS, Chip
from deploy.chips.costs import cost_facts
from deploy.chips.floorplan import svg
from deploy.chips.partition import Cut
from simulate import mapping_schema as schema
from simulate.energy.span import Span
from simulate.mapping_schema import FILE, FORMAT, MappingRecord
from simulate.report import forms
from simulate.report.mapping import PICTURE
from spikebert.core.files import Kind, names_format, write_folder_atomically

if TYPE_CHECKING:
    from deploy.chips.mapping import Mapping

PAGE = "mapping.md"
SHOWN = 6  # points of the curve
FOLDER = Kind("a mapping of spikebert-deploy", (FILE, PAGE, PICTURE), names_format(FORMAT))


def write(mapping: Mapping, out: Path) -> None:
    """`out`/mapping.json, mapping.md and floorplan.svg, all or none."""
    record, chip = record_of(mapping), mapping.system.chip

    def fill(folder: Path) -> None:
        (folder / FILE).write_text(record.text, "utf-8")
        page = as_markdown(record, chip.memory_per_core, chip.neurons_per_core)
        (folder / PAGE).write_text(f"{page}\n![floorplan]({PICTURE})\n", "utf-8")
        (folder / PICTURE).write_text(svg(mapping), "utf-8")

    write_folder_atomically(out, FOLDER, fill)


def record_of(mapping: Mapping) -> MappingRecord:
    """What the file says of a mapping."""
    chip = mapping.system.chip
    return MappingRecord(
        chip=chip.name,
        system=mapping.system.name,
        strategy=mapping.strategy,
        objective=mapping.objective,
        curve=[[point.cores, point.nanoseconds] for point in mapping.curve],
        tokens=mapping.tokens,
        time_steps=mapping.graph.time_steps,
        cores_used=len(mapping.cores),
        cores_compiled=mapping.compiled_cores,
        chips_used=mapping.placement.chips,
        chips=mapping.system.chips,
        cores_per_chip=mapping.system.cores,
        host_layers=mapping.host_layers,
        layers=[_layer(cut, mapping) for cut in mapping.cuts],
        cores=_cores(mapping),
        activity=schema.Activity(mapping.activity.source, mapping.activity.tokens),
        estimate=_estimate(mapping),
        numbers=_numbers(chip),
        model_sha256=mapping.model_sha256,
    )


def _cores(mapping: Mapping) -> list[schema.Core]:
    places = zip(mapping.cores, mapping.placement.chip, mapping.placement.slot, strict=True)
    return [
        schema.Core(
            population=core.population.name,
            rows=list(core.rows),
            copies=list(core.copies),
            chip=int(chip),
            slot=int(slot),
            neurons=core.neurons,
            synapse_bytes=core.synapse_bytes,
            state_bytes=core.state_bytes,
            input_axons=core.input_axons,
        )
        for core, chip, slot in places
    ]


def _estimate(mapping: Mapping) -> schema.Estimate:
    found, hops, runtime = mapping.estimate, mapping.estimate.hops, mapping.estimate.runtime
    return schema.Estimate(
        steps=runtime.steps,
        depth=runtime.depth,
        passes=[
            schema.Pass(each.steps, each.fill, _ends(each.nanoseconds), each.bottleneck, each.population)
            for each in runtime.passes
        ],
        latency_nanoseconds=_ends(runtime.latency),
        overlaps=runtime.overlaps,
        interval_steps=runtime.interval_steps,
        interval_nanoseconds=_ends(runtime.interval),
        messages=hops.messages,
        messages_between_chips=hops.between_chips,
        messages_from_host=hops.from_host,
        messages_to_host=hops.to_host,
        hops_east_west=hops.east_west,
        hops_north_south=hops.north_south,
        hops_between_chips=hops.chip_hops,
        operations=found.operations,
        operations_saved_by_silent_neurons=found.saved,
        picojoules={kind: _ends(each) for kind, each in found.picojoules.items()}
        | {"total": _ends(found.total_picojoules)},
        static_picojoules_overlapped=_ends(found.static),
    )


def _ends(span: Span) -> list[float]:
    return [span.low, span.high]


def _numbers(chip: Chip) -> dict[str, schema.Fact]:
    """Every number of the chip that the mapping rests on, costs of another chip included."""
    return {name: chip.fact(name) for name in FIELDS} | cost_facts(chip)


def _layer(cut: Cut, mapping: Mapping) -> schema.Population:
    cores = [core for core in mapping.cores if core.population is cut.population]
    return schema.Population(
        population=cut.population.name,
        role=cut.population.role,
        cores=len(cores),
        neurons=sum(core.neurons for core in cores),
        synapse_bytes=sum(core.synapse_bytes for core in cores),
        state_bytes=sum(core.state_bytes for core in cores),
        fullest_memory=max(core.synapse_bytes + core.state_bytes for core in cores),
        fullest_neurons=max(core.neurons for core in cores),
        bound_by=cut.limit,
    )


def as_markdown(record: MappingRecord, memory: int, neurons: int) -> str:
    """The page of a record; `memory` and `neurons` are what a core holds."""
    lines = [
        f"# {record.chip}, {record.system}: {record.strategy}",
        "",
        "Estimated from the numbers below, not measured: no chip was run. From the least to the most that they allow.",
        "",
        "| of the mapping | |",
        "|---|---|",
    ]
    lines += [f"| {name} | {value} |" for name, value in _facts(record)]
    lines += ["", "| pass | steps | to fill it | a step | bound by | on a core of |", "|--:|--:|--:|--:|---|---|"]
    lines += [
        f"| {number} | {each.steps:,} | {each.fill} | {forms.time_span(*each.step_nanoseconds)} | "
        f"{each.bottleneck} | {each.population or '–'} |"
        for number, each in enumerate(record.estimate.passes)
    ]
    lines += ["", "| cores | a sample alone, between the ends of the estimate and without the mesh |", "|--:|--:|"]
    lines += [f"| {cores:,} | {forms.time_span(time, time)} |" for cores, time in _some(record.curve)]
    lines += ["", "| energy of a sample | |", "|---|---|"]
    lines += [f"| {kind} | {forms.energy_span(*ends)} |" for kind, ends in record.estimate.picojoules.items()]
    lines += ["", "| population | role | cores | neurons | weights, kB | state, kB | fullest core | bound by |"]
    lines += ["|---|---|---:|---:|---:|---:|---:|---|"]
    for layer in record.layers:
        fill = max(layer.fullest_memory / memory, layer.fullest_neurons / neurons)
        lines.append(
            f"| {layer.population} | {layer.role} | {layer.cores:,} | {layer.neurons:,} | "
            f"{layer.synapse_bytes / 1000:,.1f} | {layer.state_bytes / 1000:,.1f} | {fill:.0%} | "
            f"{layer.bound_by} |"
        )
    lines += ["", "## What each number is worth", "", "| number | value | from | to | status | source |"]
    lines += ["|---|--:|--:|--:|---|---|"]
    for name, fact in record.numbers.items():
        lines.append(f"| {name} | {' | '.join(fact.shown)} | {fact.status} | {fact.source} |")
    return "\n".join(lines) + "\n"


def _chips(number: int) -> str:
    return f"{number:,} chip{'s' * (number != 1)}"


def _some(curve: list[list[float]]) -> list[list[float]]:
    """Points over the whole curve, its ends among them, few enough for a table."""
    shown = min(len(curve), SHOWN)
    return [curve[round(i * (len(curve) - 1) / max(1, shown - 1))] for i in range(shown)]


def _facts(record: MappingRecord) -> list[tuple[str, str]]:
    found = record.estimate
    compiled, room = record.cores_compiled, record.cores_per_chip
    placed = f"{record.cores_used:,} on {record.chips_used} of {_chips(record.chips)} of {room} cores"
    most = f"; up to {compiled:,} as a published compiler packs weights, on {_chips(-(-compiled // room))}"
    packed = most if compiled > record.cores_used else ""
    follows = "" if found.overlaps else "; it cannot begin before the one before it is done"
    messages = f"{found.messages_from_host:,.0f} of them from the host, {found.messages_to_host:,.0f} to it"
    saved = found.operations_saved_by_silent_neurons
    share = saved / found.operations if found.operations else 0.0
    return [
        ("strategy", record.strategy),
        ("cut for", record.objective),
        ("cores", f"{placed}{packed}"),
        ("texts", f"up to {record.tokens} tokens, T = {record.time_steps}"),
        ("left to the host", ", ".join(record.host_layers)),
        ("activity", f"{record.activity.source}; {record.activity.tokens:.1f} tokens a sample"),
        ("steps a sample", f"{found.steps:,}, of them {found.depth} from the first core to the last"),
        ("latency, a sample alone", forms.time_span(*found.latency_nanoseconds)),
        (
            "a sample behind another",
            f"every {found.interval_steps:,} steps, {forms.time_span(*found.interval_nanoseconds)}{follows}",
        ),
        ("messages a sample", f"{found.messages:,.0f}, {messages}"),
        ("between chips", f"{found.messages_between_chips:,.0f}, over {found.hops_between_chips:,.0f} chip hops"),
        (
            "hops within chips",
            f"{found.hops_east_west:,.0f} east-west, {found.hops_north_south:,.0f} north-south",
        ),
        ("synaptic operations", f"{found.operations:,.0f}"),
        ("if layers that mostly fire sent their silent neurons", f"{saved:,.0f} fewer ({share:.1%})"),
        ("energy, total", forms.energy_span(*found.picojoules["total"])),
        ("of it static, a sample behind another", forms.energy_span(*found.static_picojoules_overlapped)),
    ]
