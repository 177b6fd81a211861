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


@pytest.mark.parametrize("value", ["9" * 23, "-" + "9" * 23])
def test_a_whole_number_that_no_array_counts_to_is_refused_by_name(value, capsys):
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch-size", type=int)
    line = ["p", f"--batch-size={value}"]
    assert Command(lambda: parser, print).call("p", lambda: parser.parse_args(line[1:]), line) == 2
    told = f"p: error: --batch-size {value}: must lie in 0 to 9223372036854775807\n"
    assert capsys.readouterr().err == told
