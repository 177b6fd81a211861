"""spikebert-deploy map: a model onto the cores of a chip, with a report and a floorplan."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from deploy.chips.chip import chip_names
from deploy.chips.choices import AUTO, CORES, OBJECTIVES, STRATEGIES
from export.ir.exit_option import add_exit_margin


def map_parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        prog="spikebert-deploy map",
        description="Place a model on the cores of a chip: cores, chips, steps, traffic, energy.",
        epilog="For example: spikebert map model.nir --chip loihi2 --counts run -o map",
    )
    p.add_argument("model", help="model.nir of spikebert-export")
    p.add_argument(
        "--chip",
        default="loihi2",
        help=f"chip: {', '.join(chip_names())} or a .yaml file of your own (default: %(default)s)",
    )
    p.add_argument("--system", help="a known system or a number of chips (default: the smallest known that holds it)")
    p.add_argument(
        "--strategy",
        choices=(*STRATEGIES, AUTO),
        default=AUTO,
        help="neurons of its own for every token, or weights once and token after token (default: on the smallest "
        "system that holds either, the first that fits)",
    )
    p.add_argument(
        "--objective",
        choices=OBJECTIVES,
        default=CORES,
        help="what the cut into cores is for: as few as memory allows, or more of them for the layers that take "
        "longest, up to all of the chips that it takes, or of --system (default: %(default)s)",
    )
    p.add_argument("--tokens", type=int, help="the longest text, where it shall be shorter than the model's")
    p.add_argument(
        "--counts",
        metavar="RUN",
        help="the --out folder of spikebert-simulate, or its counts.json: its spikes are the traffic (default: the "
        "worst case, in which every neuron fires in every step)",
    )
    add_exit_margin(p)
    p.add_argument(
        "--sanafe",
        metavar="DIR",
        help="folder for the mapped model as SANA-FE simulates it, with the spikes of --counts, and the script that "
        "compares the two (default: none)",
    )
    p.add_argument("-o", "--out", required=True, help="the folder for mapping.json, mapping.md and floorplan.svg")
    return p


def chip_parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        prog="spikebert-deploy chip",
        description="Write the description of a chip: a form to fill in, and to give to --chip.",
        epilog="For example: spikebert chip --like loihi2 -o my-chip.yaml",
    )
    p.add_argument(
        "--like",
        metavar="NAME",
        help=f"a known chip to start from: {', '.join(chip_names())} (default: an empty form)",
    )
    p.add_argument("-o", "--out", metavar="FILE", required=True, help="the .yaml file to write; must not exist yet")
    return p


def write_chip(options: argparse.Namespace) -> None:
    from deploy.chips.chip import CHIPS
    from spikebert.core.errors import InputError
    from spikebert.core.files import require_folder_of, write_atomically

    name, out = options.like or "template", Path(options.out)
    if options.like and options.like not in chip_names():
        raise InputError(f"--like {options.like}: not one of {', '.join(chip_names())}")
    if out.suffix not in (".yaml", ".yml"):
        raise InputError(f"-o {out}: the name must end in .yaml")
    require_folder_of(out, "-o")
    if out.exists() or out.is_symlink():
        raise InputError(f"-o {out}: is there already; choose another name")
    write_atomically(out, lambda path: path.write_bytes((CHIPS / f"{name}.yaml").read_bytes()))
    print(f"{out}: fill it in, then: spikebert-deploy map MODEL --chip {shlex.quote(str(out))} -o FOLDER")


def run_map(options: argparse.Namespace) -> None:
    from deploy.chips.mapping import map_model
    from deploy.chips.mapping_report import FOLDER
    from deploy.chips.sanafe import write as sanafe
    from export.ir import nir
    from export.ir.early_exit import with_margin
    from simulate.energy.record import read_run
    from simulate.report import forms
    from spikebert.core.files import require_place, sha256

    require_place(options.out, FOLDER, "-o")
    if options.sanafe is not None:
        _require_sanafe(options)
    graph = with_margin(nir.read(options.model), options.exit_margin)
    run = read_run(_folder_of(Path(options.counts))) if options.counts else None
    mapping = map_model(
        graph,
        sha256(Path(options.model)),
        options.chip,
        options.system,
        options.strategy,
        run,
        options.tokens,
        options.objective,
    )
    folder = None if options.sanafe is None else Path(options.sanafe)
    network = sanafe.prepare(mapping, run) if run and folder else None
    mapping.save(options.out)
    if network and folder:
        sanafe.write(mapping, network, folder)
        print(
            f"{folder}: {network.texts} texts in {network.steps:,} steps; run it in an environment that has "
            f"SANA-FE: python {shlex.quote(str(folder / 'run.py'))}"
        )
    latency, energy = mapping.estimate.runtime.latency, mapping.estimate.total_picojoules
    case = "" if run else "worst case (give --counts for a run's spikes), "
    print(
        f"{options.out}: {mapping.title}, {mapping.estimate.runtime.steps:,} steps a sample; {case}estimated, not "
        f"measured: {forms.time_span(latency.low, latency.high)}, {forms.energy_span(energy.low, energy.high)}"
    )


def _require_sanafe(options: argparse.Namespace) -> None:
    from deploy.chips.sanafe.write import FOLDER
    from spikebert.core.errors import InputError
    from spikebert.core.files import require_place

    if not options.counts:
        raise InputError("--sanafe: needs the spikes of a run, --counts RUN, that was simulated with --spikes")
    if Path(options.sanafe).resolve() == Path(options.out).resolve():
        raise InputError(f"--sanafe {options.sanafe}: is the folder of -o, too; give another")
    require_place(options.sanafe, FOLDER, "--sanafe")


def _folder_of(path: Path) -> Path:
    """The folder of a run, which may be given by its counts.json."""
    from simulate.energy.record import FILE
    from spikebert.core.errors import InputError

    if path.name != FILE and path.is_file():
        raise InputError(f"--counts {path}: must be the --out folder of spikebert-simulate, or the {FILE} in it")
    return path.parent if path.name == FILE and not path.is_dir() else path
