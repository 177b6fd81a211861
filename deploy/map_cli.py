"""spikebert-deploy map: a model onto the cores of a chip, with a report and a floorplan."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_map(commands: argparse._SubParsersAction) -> None:
    p = commands.add_parser(
        "map",
        help="place a model on the cores of a chip: cores, chips, steps, traffic, energy",
        description="Place a model on the cores of a chip: cores, chips, steps, traffic, energy.",
    )
    p.add_argument("model", help="model.nir of spikebert-export")
    p.add_argument("--chip", default="loihi2", help="loihi1, loihi2 or a .yaml file of your own (default: loihi2)")
    p.add_argument("--system", help="a known system or a number of chips (default: the smallest known that holds it)")
    p.add_argument(
        "--strategy",
        choices=("unrolled", "token-serial", "auto"),
        default="auto",
        help="every token its own neurons, or weights once and token after token (default: on the smallest system "
        "that holds either, the first that fits)",
    )
    p.add_argument("--tokens", type=int, help="the longest text, where it shall be shorter than the model's")
    p.add_argument("--counts", metavar="FILE", help="counts.json of spikebert-simulate: its spikes are the traffic")
    p.add_argument("-o", "--out", required=True, help="the folder for mapping.json, mapping.md and floorplan.svg")
    p.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    from deploy.chip import read_chip
    from deploy.estimate import own_costs
    from deploy.mapping import map_graph
    from deploy.mapping_report import write
    from export import nir

    chip = read_chip(options.chip)
    graph = nir.read(options.model)
    record = _run_of(Path(options.counts), Path(options.model)) if options.counts else None
    mapping = map_graph(graph, chip, options.system, options.strategy, record, options.tokens)
    found = mapping.estimate
    write(mapping, Path(options.out), Path(options.model))
    costs = "its own and Loihi 1's numbers" if own_costs(chip) else "Loihi 1's numbers"
    print(
        f"{options.out}: {mapping.title}, {found.steps:,} steps a sample; estimated with {costs}: "
        f"{found.latency_microseconds / 1000:,.2f} ms, {found.total_picojoules / 1e6:,.1f} µJ"
    )


def _run_of(path: Path, model: Path):
    """The run of a counts.json; an InputError where it simulated another file."""
    from simulate.energy.record import FILE, read_run
    from spikebert.errors import InputError
    from spikebert.files import sha256

    if path.name != FILE:
        raise InputError(f"--counts {path}: must be the {FILE} in the --out folder of spikebert-simulate")
    record = read_run(path.parent)
    if record.model.sha256 != sha256(model):
        raise InputError(f"{path}: counts of another model ({record.model.file}); simulate {model}")
    return record
