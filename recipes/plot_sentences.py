"""Sentences of films' plots as unlabelled text (`spikebert-train --corpus`), from tables that tell of each film.

    python recipes/plot_sentences.py rt.movie_info.tsv.gz tmdb_5000_movies.csv --without data/subj -o plots.txt.gz

A table's column `synopsis` or `overview` is read: its first line names the columns, which a tab, a semicolon or a comma
parts. rt.movie_info.tsv.gz, 1,560 films, lies beside the reviews that critics_sentences.py reads. The TMDB 5000 Movie
Dataset, 4,803 films, is public on Kaggle. Sentences of the task `--without` are left out as critics_sentences.py does.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from critics_sentences import unknown_sentences
from recipe import column_of, lenient_lines, lines_recipe, recipe_parser, table


def plots(path: Path) -> Iterator[str]:
    """Of one table, which is in UTF-8; a table need not tell of every film."""
    names, rows = table(path, lenient_lines(path, "utf-8"), "\t;,")
    column = column_of(path, names, "synopsis", "overview")
    return (row[column] or "" for row in rows)


def parser() -> argparse.ArgumentParser:
    p = recipe_parser(__doc__)
    p.add_argument("tables", type=Path, nargs="+")
    p.add_argument("--without", required=True, metavar="TASK")
    return p


def collect(options: argparse.Namespace) -> list[str]:
    return unknown_sentences(chain.from_iterable(map(plots, options.tables)), options.without)


if __name__ == "__main__":
    sys.exit(lines_recipe(parser, collect, "sentences"))
