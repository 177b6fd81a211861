"""Commands: how each is parsed and what it runs; a script is one of them with others beside it, or a tree of them."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module

from spikebert.core.errors import InputError, exit_cleanly, printable
from spikebert.core.log import shown
from spikebert.core.options import WHOLE_MAX


@dataclass(frozen=True)
class Command:
    """A command.

    Attributes:
        parser: makes the parser, whose `prog` is how the script calls it.
        run: does the work of the parsed options; gives an exit code, or None for 0.
        tells_its_line: whether the options hold, as `line`, the command line that was typed, for a record.
        messages: where what the library logs is shown: "stdout", or "stderr" where stdout is for results.
    """

    parser: Callable[[], argparse.ArgumentParser]
    run: Callable[[argparse.Namespace], int | None]
    tells_its_line: bool = False
    messages: str = "stdout"

    def call(self, program: str, parse: Callable[[], argparse.Namespace], line: list[str]) -> int:
        """Parse and run it as `program`; gives the exit code."""

        def work() -> int | None:
            options = parse()
            _require_values(options)
            if self.tells_its_line:
                options.line = printable(shlex.join(line))
            with shown(getattr(sys, self.messages)):
                return self.run(options)

        return exit_cleanly(program, work)


def _require_values(options: argparse.Namespace) -> None:
    """An InputError for an empty value, as an unset variable of a shell leaves it: as a path it means this folder.

    Nor does a whole number pass that no machine can count to.
    """
    for name, value in vars(options).items():
        values = value if isinstance(value, list) else [value]
        if "" in values:
            raise InputError(f"{name.replace('_', '-')}: is empty; give a value, or leave it out")
        beyond = next((each for each in values if isinstance(each, int) and abs(each) >= WHOLE_MAX), None)
        if beyond is not None:
            raise InputError(f"{beyond}: must lie in 0 to {WHOLE_MAX - 1}", field=name)


Commands = Mapping[str, Command]


def of_module(name: str) -> Command:
    """The command of a module with `parser` and `run`, which is imported when it is called."""
    return Command(lambda: import_module(name).parser(), lambda options: import_module(name).run(options))


def script_of_one(program: str, command: Command, arguments: list[str] | None = None) -> int:
    """A script that is one command, and no other: gives its exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    return command.call(program, lambda: command.parser().parse_args(arguments), [program, *arguments])


def script(program: str, commands: Commands, default: str, arguments: list[str] | None = None) -> int:
    """A script that is one command, and others by their name as its first argument: `spikebert-simulate verify …`."""
    arguments = sys.argv[1:] if arguments is None else arguments
    name = arguments[0] if arguments and arguments[0] in commands else default
    command, called, rest = commands[name], program, arguments
    if name != default:
        called, rest = f"{program} {name}", arguments[1:]
    return command.call(called, lambda: command.parser().parse_args(rest), [program, *arguments])


def tree_script(
    program: str, description: str, example: str, commands: Commands, arguments: list[str] | None = None
) -> int:
    """A script that takes the name of a command first: `spikebert inspect …`."""
    arguments = sys.argv[1:] if arguments is None else arguments

    def parse() -> argparse.Namespace:
        return tree(program, description, example, commands).parse_args(arguments)

    def help_or_refuse() -> None:
        parse()  # which ends the program

    if not arguments or arguments[0] not in commands:
        return exit_cleanly(program, help_or_refuse)
    return commands[arguments[0]].call(f"{program} {arguments[0]}", parse, [program, *arguments])


def tree(program: str, description: str, example: str, commands: Commands) -> argparse.ArgumentParser:
    """One parser of all commands."""
    p = argparse.ArgumentParser(prog=program, description=description, epilog=f"For example: {example}")
    branches = p.add_subparsers(required=True, metavar="COMMAND")
    for name, command in commands.items():
        made = command.parser()
        told = (made.description or "").split(". ")[0].split(": ")[0].rstrip(".").replace("%", "%%")
        branches.add_parser(
            name, parents=[made], add_help=False, help=told, description=made.description, epilog=made.epilog
        )
    return p
