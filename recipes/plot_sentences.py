"""Sentences of films' plots as unlabelled text (`spikebert-train --corpus`), from tables that tell of each film.

    python recipes/plot_sentences.py rt.movie_info.tsv.gz tmdb_5000_movies.csv --without data/subj -o plots.txt.gz

A table's column `synopsis` or `overview` is read: its first line names the columns, which a tab, a semicolon or a comma
parts. rt.movie_info.tsv.gz, 1,560 films, lies beside the reviews that critics_sentences.py reads. The TMDB 5000 Movie
Dataset, 4,803 films, is public on Kaggle. Sentences of the task `--without` are left out as critics_sentences.py does.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from critics_sentences import collect
from imdb_sentences import write_lines

from spikebert.core.errors import InputError, exit_cleanly
from spikebert.core.files import require_file
from spikebert.data.lines import byte_lines

COLUMNS = ("synopsis", "overview")


def plots(path: Path) -> Iterator[str]:
    """Of one table, which is in UTF-8; a table need not tell of every film."""
    lines = (line.decode("utf-8", errors="replace") for _, line in byte_lines(require_file(path, "table")))
    head = next(lines, "")
    delimiter = next((sign for sign in "\t;" if sign in head), ",")
    rows = csv.DictReader(chain([head], lines), delimiter=delimiter)
    column = next((name for name in COLUMNS if name in (rows.fieldnames or [])), None)
    if column is None:
        raise InputError(f"{path}: has no column named {' or '.join(COLUMNS)}; its first line must name the columns")
    return (row[column] or "" for row in rows)


def main() -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("tables", type=Path, nargs="+")
    p.add_argument("--without", required=True, metavar="TASK")
    p.add_argument("-o", "--out", type=Path, required=True)
    options = p.parse_args()
    return exit_cleanly("plot_sentences", lambda: run(options))


def run(options: argparse.Namespace) -> None:
    found = collect(chain.from_iterable(map(plots, options.tables)), options.without)
    write_lines(options.out, found)
    print(f"{options.out}: {len(found):,} sentences")


if __name__ == "__main__":
    sys.exit(main())
