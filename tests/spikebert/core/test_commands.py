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


def test_a_whole_number_that_no_array_counts_to_is_refused_by_name(capsys):
    parser = argparse.ArgumentParser()
    parser.add_argument("--limit", type=int)
    line = ["p", "--limit", "9" * 23]
    assert Command(lambda: parser, print).call("p", lambda: parser.parse_args(line[1:]), line) == 2
    assert "p: error: limit: is larger than 9,223,372,036,854,775,807" in capsys.readouterr().err
