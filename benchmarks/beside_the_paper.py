"""The models of this repository beside the paper's, set by set, as a Markdown table of scores, times 100.

    python benchmarks/beside_the_paper.py DATA

The paper's columns are its own (Lv et al. 2023, arXiv 2308.15122, Tables 1, 2 and 4): networks of 109 M parameters, on
its cut of the sets. Ours are measured anew, each from its model file; the teacher's and that of the BERT of the same
shape stand in the file.
"""

from __future__ import annotations

import sys
from pathlib import Path

from bag_of_words import bag_of
from models import ROOT, Shipped, interval, measured_by, percent, shipped, simulated, workplace

from export.ir import nir
from spikebert.core.errors import exit_cleanly
from spikebert.data.metrics import TITLES

PAPER = {  # fine-tuned BERT, SNN-TextCNN, SpikeBERT
    "examples/sst2/model.nir": (92.31, 80.91, 85.39),
    "examples/mr/model.nir": (87.63, 75.45, 80.69),
    "examples/subj/model.nir": (95.90, 90.60, 93.00),
    "examples/chnsenti/model.nir": (89.48, 85.02, 86.36),
    "examples/waimai/model.nir": (90.27, 86.66, 89.66),
    "examples/sst5/model.nir": (50.41, 41.63, 46.11),
    "examples/mrpc/model.nir": (89.80, 80.62, 81.98),
    "examples/rte/model.nir": (69.31, 47.29, 57.47),
    "examples/cola/model.nir": (60.00, -5.28, 16.86),
    "examples/stsb/model.nir": (89.41, 0.00, 18.73),
}
HEADER = (
    "| set | metric | paper's BERT | paper's SNN-TextCNN | paper's SpikeBERT | ours, int8 | 95 % interval "
    "| our teacher | BERT of its shape | bag of n-grams |\n|---|---|--:|--:|--:|--:|--:|--:|--:|--:|"
)


def row(model: Shipped, data: Path) -> str:
    with workplace() as place:
        run, bag = simulated(model, data, place), bag_of(model, data, place)
    assert run.score is not None
    training = nir.read(ROOT / model.file).metadata["training"]
    shape = training["same_shape"]
    cells = (
        model.task,
        TITLES[measured_by(run).name],
        *(f"{value:.2f}" for value in PAPER[model.file]),
        f"**{percent(run.score)}**",
        interval(run),
        percent(training.get("teacher_score") or training["teacher_accuracy"]),
        percent(shape.get("score") or shape["accuracy"]),
        percent(bag.score),
    )
    return f"| {' | '.join(cells)} |"


def main() -> int:
    def run() -> None:
        rows = [row(model, Path(sys.argv[1])) for model in shipped() if model.file in PAPER]
        print(HEADER)
        print("\n".join(rows))

    return exit_cleanly("beside_the_paper", run)


if __name__ == "__main__":
    sys.exit(main())
