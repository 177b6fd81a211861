"""spikebert: one tree of all commands; and spikebert-train, with the commands that the packages above it add."""

from __future__ import annotations

import argparse
import sys

import deploy.cli
import export.cli
import simulate.cli
import simulate.report.cli
import spikebert.cli
from spikebert.core.commands import Command, Commands, of_module, script, tree_script

PROGRAM = "spikebert"
DESCRIPTION = "Take a spiking language model from training to a Loihi-class chip. COMMAND --help tells more."
EXAMPLE = 'spikebert simulate model.nir --text "a warm and funny film"'


def inspect_parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        prog=f"{PROGRAM} inspect",
        description="Tell what a file or a folder is: a row for each layer, and what each target would refuse.",
        epilog="For example: spikebert inspect model.nir --json | jq '.layers[] | .name'",
    )
    p.add_argument(
        "path",
        help="a model.nir, a NIR file of another tool, a model.pt or a model folder, or a folder that a command wrote: "
        "a run, a training, stages, a bundle, a mapping",
    )
    p.add_argument("--json", action="store_true", help="print it as JSON, every number whole")
    return p


def inspect(options: argparse.Namespace) -> None:
    from deploy.workbench.inspection.inspect import inspect

    found = inspect(options.path)
    print(found.as_json() if options.json else found)


TRAIN: Commands = {**spikebert.cli.COMMANDS, "qat": of_module("export.lower.qat_cli")}
COMMANDS: Commands = {
    **TRAIN,
    **export.cli.COMMANDS,
    **simulate.cli.COMMANDS,
    **simulate.report.cli.COMMANDS,
    **{name: command for name, command in deploy.cli.COMMANDS.items() if name != "verify"},
    "verify-bundle": deploy.cli.COMMANDS["verify"],
    "inspect": Command(inspect_parser, inspect),
}


def main(arguments: list[str] | None = None) -> int:
    return tree_script(PROGRAM, DESCRIPTION, EXAMPLE, COMMANDS, arguments)


def train(arguments: list[str] | None = None) -> int:
    return script(spikebert.cli.PROGRAM, TRAIN, "train", arguments)


if __name__ == "__main__":
    sys.exit(main())
