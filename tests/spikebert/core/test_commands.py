"""What holds for every command, whatever it does."""

import argparse

import pytest

from spikebert.core.commands import Command


def parser():
    p = argparse.ArgumentParser(prog="p")
    p.add_argument("model")
    p.add_argument("-o", "--out")
    p.add_argument("--text-column", nargs="+")
    return p


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ([""], "model"),
        (["m", "-o", ""], "out"),
        (["m", "--out="], "out"),
        (["m", "--text-column", "a", ""], "text-column"),
    ],
)
def test_an_empty_value_is_refused_by_name(arguments, named, capsys):
    def run(options):
        raise AssertionError(options)

    command = Command(parser, run)
    assert command.call("p", lambda: parser().parse_args(arguments), ["p", *arguments]) == 2
    assert capsys.readouterr().err == f"p: error: {named}: is empty; give a value, or leave it out\n"
