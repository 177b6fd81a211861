"""Chinese reviews of things bought online as unlabelled text (`spikebert-train --corpus`): online_shopping_10_cats.

    python recipes/shopping_reviews.py online_shopping_10_cats.csv --without data/chnsenti -o shopping.txt.gz

The file, 62,774 reviews with a category and a rating each, is part of a collection of Chinese corpora
(https://github.com/SophonPlus/ChineseNlpCorpus, folder datasets/online_shopping_10_cats). The ratings are not read. The
reviews of hotels are left out, since ChnSentiCorp is of the same kind. So are repeats, and texts that stand in a task
of `--without`, be it its training or its dev part.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterator
from pathlib import Path

from imdb_sentences import letters_of_tasks, unseen, write_lines

from spikebert.core.errors import InputError, exit_cleanly
from spikebert.core.files import require_file

HOTELS = "酒店"


def reviews(path: Path) -> Iterator[str]:
    with require_file(path, "file of reviews").open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file)
        if not {"cat", "review"} <= set(rows.fieldnames or ()):
            raise InputError(f"{path}: has no columns cat and review; give online_shopping_10_cats.csv")
        for row in rows:
            if row["cat"] != HOTELS:
                yield " ".join((row["review"] or "").split())


def main() -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("file", type=Path)
    p.add_argument("--without", nargs="*", default=[], metavar="TASK")
    p.add_argument("-o", "--out", type=Path, required=True)
    options = p.parse_args()
    return exit_cleanly("shopping_reviews", lambda: run(options))


def run(options: argparse.Namespace) -> None:
    found = unseen(reviews(options.file), letters_of_tasks(options.without))
    write_lines(options.out, found)
    print(f"{options.out}: {len(found):,} reviews")


if __name__ == "__main__":
    sys.exit(main())
