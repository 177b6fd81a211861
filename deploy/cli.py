"""spikebert-deploy: what an exported model needs of a Loihi-class system, and where it goes there."""

from __future__ import annotations

import argparse
import sys

from deploy.bundle_cli import bundle, bundle_parser, verify, verify_parser
from deploy.map_cli import chip_parser, map_parser, run_map, write_chip
from spikebert.core.commands import Command, tree_script

PROGRAM = "spikebert-deploy"
DESCRIPTION = "Tell what an exported SpikeBERT needs of a Loihi-class system, and place it there."
EXAMPLE = "spikebert-deploy map model.nir --chip loihi2 -o map"


def main(arguments: list[str] | None = None) -> int:
    return tree_script(PROGRAM, DESCRIPTION, EXAMPLE, COMMANDS, arguments)


def resources_parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        prog=f"{PROGRAM} resources",
        description="Tell the synapses, weight memory, neurons and state of each layer.",
        epilog="For example: spikebert resources model.nir",
    )
    p.add_argument("model", help="model.nir of spikebert-export")
    return p


def show_resources(options: argparse.Namespace) -> None:
    from deploy.chips.resources import resources
    from export.ir import nir

    needs = resources(nir.read(options.model))
    print(f"{'layer':<34}{'synapses':>12}{'weight bytes':>14}{'neurons a token':>17}{'state bytes':>13}")
    for need in needs:
        print(f"{need.layer:<34}{need.synapses:>12,}{need.weight_bytes:>14,}{need.neurons:>17,}{need.state_bytes:>13,}")
    totals = [sum(getattr(n, f) for n in needs) for f in ("synapses", "weight_bytes", "neurons", "state_bytes")]
    print(f"{'total':<34}{totals[0]:>12,}{totals[1]:>14,}{totals[2]:>17,}{totals[3]:>13,}")


COMMANDS = {
    "resources": Command(resources_parser, show_resources),
    "map": Command(map_parser, run_map),
    "chip": Command(chip_parser, write_chip),
    "bundle": Command(bundle_parser, bundle),
    "verify": Command(verify_parser, verify),
}


if __name__ == "__main__":
    sys.exit(main())
