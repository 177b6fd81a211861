"""What the recipes that make files of text share: the command, the tables that they read, what they write."""

from __future__ import annotations

import argparse
import csv
import gzip
import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path

from spikebert.core.commands import Command, script_of_one
from spikebert.core.errors import InputError
from spikebert.core.files import (
    Kind,
    require_file,
    require_folder_of,
    require_place,
    write_atomically,
    write_folder_atomically,
)
from spikebert.data.lines import BOM, byte_lines

DEV = 2000  # rows
TASK = Kind("a task of a recipe", ("train.tsv.gz", "dev.tsv.gz"))


def recipe_parser(about: str | None) -> argparse.ArgumentParser:
    """A parser with the option -o, whose help is the docstring of the recipe."""
    p = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("-o", "--out", type=Path, required=True)
    return p


def recipe(parser: Callable[[], argparse.ArgumentParser], run: Callable[[argparse.Namespace], None]) -> int:
    """The recipe that is run as a script; gives its exit code."""
    return script_of_one(Path(sys.argv[0]).stem, Command(parser, run))


def lines_recipe(
    parser: Callable[[], argparse.ArgumentParser], collect: Callable[[argparse.Namespace], list[str]], what: str
) -> int:
    """A recipe for one file of the lines that `collect` gives; `what` they are is printed behind their number."""

    def run(options: argparse.Namespace) -> None:
        require_folder_of(options.out, "-o")
        lines = collect(options)
        write_lines(options.out, lines)
        print(f"{options.out}: {len(lines):,} {what}")

    return recipe(parser, run)


def task_recipe(
    parser: Callable[[], argparse.ArgumentParser], parts: Callable[[argparse.Namespace], tuple[list[str], list[str]]]
) -> int:
    """A recipe for the folder of a task, of whose train and dev `parts` gives the rows, `label<TAB>text`."""

    def run(options: argparse.Namespace) -> None:
        require_place(options.out, TASK, "-o")
        named = dict(zip(TASK.files, parts(options), strict=True))

        def write(folder: Path) -> None:
            for name, rows in named.items():
                write_lines(folder / name, rows)

        write_folder_atomically(options.out, TASK, write)
        for name, rows in named.items():
            print(f"{options.out / name}: {len(rows):,} rows")

    return recipe(parser, run)


def divided(rows: list[str]) -> tuple[list[str], list[str]]:
    """(train, dev): the first tenth of all is dev, DEV rows at most."""
    held = min(DEV, len(rows) // 10)
    return rows[held:], rows[:held]


def lenient_lines(path: Path, encoding: str) -> Iterator[str]:
    """The lines of a file, gzipped or not, with their ends; bytes that are not of the encoding become �."""
    return (line.decode(encoding, errors="replace") for _, line in byte_lines(require_file(path, "table")))


def table(path: Path, lines: Iterable[str], delimiters: str = ",") -> tuple[list[str], list[dict[str, str | None]]]:
    """The columns and the rows of CSV lines; the first of `delimiters` that the first line holds parts the cells.

    A cell that a short row lacks is None.

    Raises:
        InputError: the line of `path` at which the reader gave up.
    """
    rest = iter(lines)
    head = next(rest, "").removeprefix(BOM)
    delimiter = next((sign for sign in delimiters if sign in head), delimiters[-1])
    reader = csv.DictReader(chain([head], rest), delimiter=delimiter)
    try:
        rows = list(reader)
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.reader.line_num}: not CSV ({error})") from None
    return list(reader.fieldnames or []), rows


def column_of(path: Path, columns: list[str], *names: str) -> str:
    """The first of `names` that is a column; an InputError where none is."""
    found = next((name for name in names if name in columns), None)
    if found is None:
        raise InputError(f"{path}: has no column named {' or '.join(names)}; its first line must name the columns")
    return found


def write_lines(path: Path, lines: list[str]) -> None:
    """A gzipped text, one a line: the same lines give the same bytes."""

    def write(temporary: Path) -> None:
        # Without a name: gzip would write the temporary one, which differs each time, into the file.
        with temporary.open("wb") as raw, gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as file:
            file.writelines(f"{line}\n".encode() for line in lines)

    write_atomically(path, write)
