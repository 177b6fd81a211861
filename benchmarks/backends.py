"""The backends compared over several trained models, as a Markdown table: `docs/history.md` holds its output.

    python benchmarks/backends.py --data sst2/dev.tsv.gz --limit 200 runs/*/model.pt

For each model: export at --bits, run float and fast on all texts, and every Lava granularity that can hold it on the
first --limit of them.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from export.lower.pipeline import lower
from simulate.text import encode
from simulate.verification import Outcome, compare_backends, holding
from spikebert.core.errors import exit_cleanly
from spikebert.core.log import shown
from spikebert.data.labelled import read_labelled
from spikebert.model.checkpoint import load_model

HEADER = (
    "| model | norm | reset | bits | float | integer | same predictions | same spikes, least | Lava equal to fast |\n"
    "|---|---|---|---|---|---|---|---|---|"
)


def row(path: Path, data: str, limit: int, bits: int) -> str:
    """The table's row of one model."""
    trained = load_model(path)
    graph = lower(trained, bits)
    rows = read_labelled(data)
    sentences = encode(graph, [r.text for r in rows], f"{data}: text", truncate=True)
    labels = np.array([graph.labels.index(r.label) for r in rows])
    with shown(sys.stderr):
        floats, fast = compare_backends(graph, sentences, [], path)
        _, *lava = compare_backends(graph, sentences[:limit], holding(graph))
    config = trained.model.config
    cells = [
        f"{path.parent.name}: {config.num_hidden_layers} × {config.hidden_size}",
        config.norm,
        config.reset,
        bits,
        f"{np.mean(floats.predictions == labels):.2%}",
        f"{np.mean(fast.predictions == labels):.2%}",
        f"{np.mean(floats.predictions == fast.predictions):.1%}",
        f"{min(floats.layers.values()):.1%}",
        ", ".join(verdict(outcome) for outcome in lava),
    ]
    return "| " + " | ".join(map(str, cells)) + " |"


def verdict(outcome: Outcome) -> str:
    return outcome.name.removeprefix("lava-") if outcome.equal else f"**{outcome.name} differs: {outcome.divergence}**"


def main() -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("models", nargs="+", type=Path)
    p.add_argument("--data", required=True)
    p.add_argument("--limit", type=int, default=200, help="texts on Lava (default: %(default)s)")
    p.add_argument("--bits", type=int, default=8)
    options = p.parse_args()

    def run() -> None:
        print(HEADER)
        for model in options.models:
            print(row(model, options.data, options.limit, options.bits), flush=True)

    return exit_cleanly("backends", run)


if __name__ == "__main__":
    sys.exit(main())
