"""The paper's energy tables recomputed from its own inputs, then the rows of our own runs; Markdown for docs/energy.md.

python benchmarks/paper_table.py RUN … > table.md
"""

from __future__ import annotations

import sys
from pathlib import Path

from simulate.energy.accountings import compare
from simulate.energy.published import tables
from simulate.energy.record import read_run


def our_rows(folders: list[Path]) -> list[str]:
    """A row for each run and accounting, per text."""
    lines = ["| run | accounting | 10⁶ operations | SpikeBERT, mJ | its BERT, mJ | share | break-even rate |"]
    lines.append("|---|---|--:|--:|--:|--:|--:|")
    for folder in folders:
        run = read_run(folder)
        model = f"{run.model.blocks} × {run.model.hidden_size}, {run.model.norm} norm, rate {run.rate:.3f}"
        for comparison in compare(run):
            spiking, reference = comparison.spiking, comparison.reference
            limit = comparison.break_even(run.rate)
            lines.append(
                f"| {model} | {spiking.name} | {spiking.operations / run.samples / 1e6:.2f} "
                f"| {spiking.picojoules / run.samples / 1e9:.4f} | {reference.picojoules / run.samples / 1e9:.4f} "
                f"| {100 * comparison.ratio:.1f} % | {'none' if limit is None else f'{limit:.3f}'} |"
            )
    return lines


if __name__ == "__main__":
    print("\n".join(tables()))
    if sys.argv[1:]:
        print("\n" + "\n".join(our_rows([Path(folder) for folder in sys.argv[1:]])))
