"""CNNs that were trained as baselines, as a Markdown table: what they reach, and what they spend by our accountings.

    python benchmarks/cnns.py runs/*-snn-textcnn runs/*-textcnn

Reads `result.json` of each folder, which `spikebert-train baseline` wrote; a folder without counts is left out. What a
CNN spends is a share of what a BERT of one block and of the CNN's width spends on the same texts: the reference of the
shipped models. A CNN is not exported: its counts are those of the float network, its weights are priced at 8 bits where
it spikes, and as the BERT's where it does not.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from models import percent, share

from export.ir.graph import DECAY_BITS
from simulate.counts_schema import (
    EmbeddingCount,
    LayerCount,
    LayerNormCount,
    LinearCount,
    OperationCount,
    Origin,
    PerSample,
    ReadoutCount,
    Shape,
)
from simulate.energy import memory
from simulate.energy.account import Term
from simulate.energy.accountings import compare
from simulate.energy.costs import Cost, costs
from simulate.energy.record import RunRecord
from simulate.energy.traffic import WORD
from spikebert.core.errors import exit_cleanly
from spikebert.data.metrics import TITLES

COLUMNS = {  # heading: alignment
    "run": "---",
    "network": "---",
    "metric": "---",
    "float": "--:",
    "95 % interval": "---",
    "teacher": "--:",
    "T": "--:",
    "operations a MAC": "--:",
    "`events`": "--:",
    "`matched`": "--:",
    "`memory`": "--:",
    "minutes": "--:",
}
ACCOUNTINGS = ("events", "matched", "memory")
HEADS = 12  # of the reference, whose softmax counts a map a head


@dataclass(frozen=True)
class Counted:
    """The `counts` of a result, as `spikebert.baselines.counting` has them."""

    lengths: list[int]
    width: int
    widths: list[int]
    filters: int
    labels: int
    time_steps: int = 1
    beta: float = 0.0
    norm: str = "batch"
    spikes: dict[str, int] | None = None  # none of a CNN that does not spike

    @property
    def tokens(self) -> int:
        return sum(self.lengths)

    @property
    def texts(self) -> int:
        return len(self.lengths)

    def windows(self, width: int) -> int:
        """Of all texts; each token stands in `width` of them."""
        return self.tokens + self.texts * (width - 1)

    @property
    def all_windows(self) -> int:
        return sum(map(self.windows, self.widths))


def run_of(cnn: Counted) -> RunRecord:
    """A CNN as a simulated run, beside which a BERT of one block stands: a filter is a Linear of its window."""
    spikes = cnn.spikes or {"embedding": 0, "filters": 0}
    steps, size = cnn.time_steps, len(cnn.widths) * cnn.filters
    layers = [layer("embedding", cnn.tokens * cnn.width, spikes["embedding"], cnn)]
    layers.append(layer("filters", cnn.all_windows * cnn.filters, spikes["filters"], cnn))
    operations: list[OperationCount] = [EmbeddingCount("embedding", cnn.width, cnn.tokens * cnn.width)]
    if cnn.norm == "layer":  # batch norms are folded into the products
        operations.append(LayerNormCount("norm", cnn.width, cnn.tokens * cnn.width, cnn.tokens))
        normalised = steps * cnn.all_windows
        operations.append(LayerNormCount("norms", cnn.filters, normalised * cnn.filters, normalised))
    for width in cnn.widths:
        inputs, magnitude = width * cnn.width, width * spikes["embedding"]
        done, dense = magnitude * cnn.filters, cnn.tokens * inputs * cnn.filters
        operations.append(
            LinearCount(
                f"of {width}",
                inputs,
                cnn.filters,
                steps * cnn.windows(width) * inputs,
                magnitude,
                magnitude,
                done,
                [done],
                0,
                dense,
            )
        )
    averaged = steps * cnn.all_windows * cnn.filters
    fired = spikes["filters"]
    operations.append(ReadoutCount("readout", size, cnn.labels, averaged, fired, fired, size * cnn.labels * cnn.texts))
    return RunRecord(
        folder=Path(),
        model=shape(cnn),
        origin=Origin(backend="float", data="", command="", seconds=0.0, versions={}),
        samples=cnn.texts,
        tokens=cnn.tokens,
        lengths=cnn.lengths,
        accuracy=None,
        correct=None,
        majority=None,
        per_sample=PerSample(spikes=[], synaptic_operations=[], attention_pairs_first=[], attention_memory_first=[]),
        layers=layers,
        operations=operations,
    )


def layer(name: str, neurons: int, spikes: int, cnn: Counted) -> LayerCount:
    updates, decay = cnn.time_steps * neurons, round((1 - cnn.beta) * 2**DECAY_BITS)
    return LayerCount(name, cnn.width, neurons, [spikes], spikes, spikes / updates, updates, None, None, decay)


def shape(cnn: Counted) -> Shape:
    """That of the reference."""
    return Shape(
        file="",
        sha256="",
        labels=[],
        time_steps=cnn.time_steps,
        max_tokens=max(cnn.lengths),
        vocabulary=1,
        hidden_size=cnn.width,
        intermediate_size=4 * cnn.width,
        blocks=1,
        heads=HEADS,
        norm=cnn.norm,
        reset="zero",
        weight_bits=8,
        metadata={},
    )


def spent(cnn: Counted) -> list[str]:
    """Operations for each multiply-accumulate of the BERT, and the energy as shares of the BERT's."""
    found = {each.spiking.name: each for each in compare(run_of(cnn)) if each.spiking.name in ACCOUNTINGS}
    if cnn.spikes is None:
        own = (products(cnn, costs()["E_MAC"]), of_integers(cnn), with_memory(cnn))
        for name, terms in zip(ACCOUNTINGS, own, strict=True):
            found[name] = replace(found[name], spiking=replace(found[name].spiking, terms=tuple(terms)))
    operations = found["events"].spiking.operations / found["events"].reference.operations
    return [f"{operations:.3f}", *(share(found[name]) for name in ACCOUNTINGS)]


def products(cnn: Counted, mac: Cost) -> list[Term]:
    """Multiply-accumulates of the convolutions."""
    return [Term("filters", "MLP", cnn.tokens * sum(cnn.widths) * cnn.width * cnn.filters, mac)]


def arithmetic(cnn: Counted, add: Cost, mac: Cost) -> list[Term]:
    """All of a TextCNN's: a comparison for each window, which is the maximum and the ReLU, and the head."""
    head = cnn.texts * len(cnn.widths) * cnn.filters * cnn.labels
    return [
        *products(cnn, mac),
        Term("maximum", "other", cnn.all_windows * cnn.filters, add),
        Term("head", "other", head, mac),
    ]


def of_integers(cnn: Counted) -> list[Term]:
    """With int8 products, each of whose maxima is scaled to 8 bits."""
    cost = costs()
    scaled = Term("requantised", "other", cnn.texts * len(cnn.widths) * cnn.filters, cost["E_MAC32"])
    return [*arithmetic(cnn, cost["E_ADD32"], cost["E_MAC8"]), scaled]


def with_memory(cnn: Counted) -> list[Term]:
    """In float32: a text reads each weight once; what goes into and out of a layer is written and read once."""
    cost, words = costs(), memory.FLOAT / WORD
    rows = cnn.tokens * cnn.width
    weights = cnn.texts * sum(cnn.widths) * cnn.width * cnn.filters
    values = 2 * rows + 2 * cnn.texts * len(cnn.widths) * cnn.filters
    return [
        *arithmetic(cnn, cost["E_AC"], cost["E_MAC"]),
        Term("embedding", "traffic", rows * words, cost["E_DRAM"]),
        Term("weights", "traffic", weights * words, cost["E_32KB"]),
        Term("values", "traffic", values * words, cost["E_8KB"]),
    ]


def row(folder: Path) -> str | None:
    path = folder / "result.json"
    found: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    if "counts" not in found:
        return None
    cnn, settings = Counted(**found["counts"]), found["settings"]
    cells = (
        folder.name,
        settings["model"] + (", distilled" if settings["distil"] else ""),
        TITLES[found["metric"].partition(":")[0]],
        percent(found["score"]),
        " to ".join(percent(end, 1) for end in found["interval"]),
        percent(found["teacher_score"]) if "teacher_score" in found else "",
        cnn.time_steps if cnn.spikes else "",
        *spent(cnn),
        f"{found['seconds'] / 60:.0f}",
    )
    return f"| {' | '.join(map(str, cells))} |"


def main() -> int:
    def run() -> None:
        rows = [row(Path(folder)) for folder in sys.argv[1:]]
        print(f"| {' | '.join(COLUMNS)} |\n|{'|'.join(COLUMNS.values())}|")
        print("\n".join(each for each in rows if each))

    return exit_cleanly("cnns", run)


if __name__ == "__main__":
    sys.exit(main())
