"""The tables of a report's panel "What it is compared with" and each accounting, of several runs; Markdown for a page.

    python benchmarks/paper_table.py RUN …

The paper's energy tables are recomputed from its own inputs; each run adds its own row.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from simulate.report import markdown
from simulate.report.content import Content, read_content
from simulate.report.panel import Table
from simulate.report.panels import energy, references
from spikebert.core.errors import exit_cleanly


def merged(tables: list[Table], names: list[str], first: int) -> Table:
    """One table of several of the same columns; rows from `first` on are a run's own and get its name."""
    rows = list(tables[0].rows[:first])
    for table, name in zip(tables, names, strict=True):
        rows += [(f"{name}: {row[0]}", *row[1:]) for row in table.rows[first:]]
    return replace(tables[0], rows=tuple(rows))


def name_of(content: Content) -> str:
    model = content.run.model
    return f"{model.blocks} × {model.hidden_size}, T = {model.time_steps}, {model.residual}"


def main() -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("runs", nargs="+", metavar="RUN", type=Path, help="the --out folders of spikebert-simulate")
    options = p.parse_args()

    def run() -> None:
        contents = [read_content(folder) for folder in options.runs]
        names = [name_of(content) for content in contents]
        paper = [references.energies(content) for content in contents]
        tables = [
            references.networks(),
            merged(paper, names, len(references.energies().rows)),
            merged([energy.totals(content) for content in contents], names, 0),
            merged([energy.dataflows(content) for content in contents], names, 0),
        ]
        print("\n\n".join(map(markdown.table_lines, tables)))

    return exit_cleanly("paper_table", run)


if __name__ == "__main__":
    sys.exit(main())
