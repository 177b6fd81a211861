"""spikebert-deploy: what an exported model needs of a Loihi-class system, and where it goes there."""

from __future__ import annotations

import argparse
import sys

from deploy.bundle_cli import add_bundle, add_verify
from deploy.map_cli import add_chip, add_map
from spikebert.core.errors import exit_cleanly

PROGRAM = "spikebert-deploy"


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        prog=PROGRAM, description="Tell what an exported SpikeBERT needs of a Loihi-class system, and place it there."
    )
    commands = p.add_subparsers(dest="command", required=True)
    resources = commands.add_parser(
        "resources",
        help="synapses, weight memory, neurons and state of each layer",
        description="Synapses, weight memory, neurons and state of each layer.",
    )
    resources.add_argument("model", help="model.nir of spikebert-export")
    resources.set_defaults(run=show_resources)
    add_map(commands)
    add_chip(commands)
    add_bundle(commands)
    add_verify(commands)
    return p


def main(arguments: list[str] | None = None) -> int:
    return exit_cleanly(PROGRAM, lambda: run(parser().parse_args(arguments)))


def run(options: argparse.Namespace) -> int | None:
    return options.run(options)


def show_resources(options: argparse.Namespace) -> None:
    from deploy.chips.resources import resources
    from export.ir import nir

    needs = resources(nir.read(options.model))
    print(f"{'layer':<34}{'synapses':>12}{'weight bytes':>14}{'neurons a token':>17}{'state bytes':>13}")
    for need in needs:
        print(f"{need.layer:<34}{need.synapses:>12,}{need.weight_bytes:>14,}{need.neurons:>17,}{need.state_bytes:>13,}")
    totals = [sum(getattr(n, f) for n in needs) for f in ("synapses", "weight_bytes", "neurons", "state_bytes")]
    print(f"{'total':<34}{totals[0]:>12,}{totals[1]:>14,}{totals[2]:>17,}{totals[3]:>13,}")


if __name__ == "__main__":
    sys.exit(main())
