"""The commands as a user meets them."""

import shlex
import subprocess
import sys
from importlib import import_module

import pytest

from deploy.workbench.cli import COMMANDS as tree

COMMANDS = {
    "spikebert-train": "spikebert.cli",
    "spikebert-export": "export.cli",
    "spikebert-simulate": "simulate.cli",
    "spikebert-report": "simulate.report.cli",
    "spikebert-deploy": "deploy.cli",
}


def call(module, *arguments):
    return subprocess.run([sys.executable, "-m", module, *arguments], capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize(("command", "module"), COMMANDS.items())
def test_help_tells_what_the_command_does_without_loading_heavy_libraries(command, module):
    done = call(module, "--help")
    assert done.returncode == 0
    assert command in done.stdout
    code = (
        f"import sys, {module}; print([m for m in ('torch', 'lava', 'transformers', 'matplotlib') if m in sys.modules])"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert loaded.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "arguments",
    [
        ("export.cli", "none.pt", "-o", "x.nir"),
        ("simulate.cli", "none.nir", "--text", "a"),
        ("simulate.report.cli", "none", "-o", "r.html"),
        ("deploy.cli", "resources", "none.nir"),
    ],
)
def test_a_missing_file_is_one_line_and_exit_code_2(arguments, tmp_path):
    done = call(*arguments)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "none" in done.stderr


def test_exporting_into_no_folder_writes_nothing(tmp_path):
    done = call("export.cli", "none.pt", "-o", str(tmp_path / "no" / "x.nir"))
    assert done.returncode == 2
    assert "folder does not exist" in done.stderr


@pytest.mark.parametrize("module", ["deploy.workbench.cli", "deploy.cli"])
def test_the_help_of_a_tree_has_an_example_of_one_of_its_commands(module):
    cli = import_module(module)
    program, name, *arguments = shlex.split(cli.EXAMPLE)
    assert program == cli.PROGRAM and f"For example: {cli.EXAMPLE}" in " ".join(call(module, "--help").stdout.split())
    cli.COMMANDS[name].parser().parse_args(arguments)


def commands():
    return [(name, command.parser()) for name, command in tree.items()]


@pytest.mark.parametrize(("name", "parser"), commands(), ids=[name for name, _ in commands()])
def test_each_help_has_an_example_that_parses_and_each_option_says_what_it_is(name, parser):
    example = (parser.epilog or "").partition("For example: ")[2].partition(" | ")[0]
    program, called, *arguments = shlex.split(example)
    assert (program, called) == (("spikebert-deploy", "verify") if name == "verify-bundle" else ("spikebert", name))
    parser.parse_args(arguments)
    for action in parser._actions:
        first = (action.help or "").partition(" ")[0].strip(":;,").lower()
        assert first and first not in {"of", "in", "to", "for", "after", "as", "on", "is", "must", "it"}, action.dest
        assert first[0].isalnum() or first == "-", action.dest
        options = set(action.option_strings)
        assert ("-o" in options) == ("--out" in options) and not options & {"--target", "--output"}
