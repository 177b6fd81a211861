"""Chinese reviews of things bought online as unlabelled text (`spikebert-train --corpus`): online_shopping_10_cats.

    python recipes/shopping_reviews.py online_shopping_10_cats.csv --without data/chnsenti -o shopping.txt.gz

The file, 62,774 reviews with a category and a rating each, is part of a collection of Chinese corpora
(https://github.com/SophonPlus/ChineseNlpCorpus, folder datasets/online_shopping_10_cats). The ratings are not read. The
reviews of hotels are left out, since ChnSentiCorp is of the same kind. So are repeats, and texts that stand in a task
of `--without`, be it its training or its dev part.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from recipe import column_of, lines_recipe, recipe_parser, table
from sentences import letters_of_tasks, unseen

from spikebert.core.files import require_file
from spikebert.data.lines import read_lines

HOTELS = "酒店"


def reviews(path: Path) -> Iterator[str]:
    """Those of a table in UTF-8 that are not of hotels, each on one line."""
    names, rows = table(path, (f"{line}\n" for _, line in read_lines(require_file(path, "table"))))
    kind, review = (column_of(path, names, name) for name in ("cat", "review"))
    return (" ".join((row[review] or "").split()) for row in rows if row[kind] != HOTELS)


def parser() -> argparse.ArgumentParser:
    p = recipe_parser(__doc__)
    p.add_argument("file", type=Path)
    p.add_argument("--without", nargs="*", default=[], metavar="TASK")
    return p


def collect(options: argparse.Namespace) -> list[str]:
    return unseen(reviews(options.file), letters_of_tasks(options.without))


if __name__ == "__main__":
    sys.exit(lines_recipe(parser, collect, "reviews"))
