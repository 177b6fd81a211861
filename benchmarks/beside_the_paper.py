"""The models of this repository beside the paper's, set by set, as a Markdown table of accuracies in percent.

    python benchmarks/beside_the_paper.py DATA

The paper's columns are its own (Lv et al. 2023, arXiv 2308.15122, Tables 1 and 2): networks of 109 M parameters, on its
cut of the sets. Ours are measured anew, each from its model file; the teacher's and that of the BERT of the same shape
stand in the file.
"""

from __future__ import annotations

import sys
from pathlib import Path

from bag_of_words import bag_of
from models import MODELS, ROOT, Shipped, simulated, workplace

from export.ir import nir
from spikebert.core.errors import exit_cleanly
from spikebert.data.metrics import wilson

PAPER = {  # fine-tuned BERT, SNN-TextCNN, SpikeBERT
    "examples/sst2/model.nir": (92.31, 80.91, 85.39),
    "examples/mr/model.nir": (87.63, 75.45, 80.69),
    "examples/subj/model.nir": (95.90, 90.60, 93.00),
    "examples/chnsenti/model.nir": (89.48, 85.02, 86.36),
    "examples/waimai/model.nir": (90.27, 86.66, 89.66),
}
HEADER = (
    "| set | paper's BERT | paper's SNN-TextCNN | paper's SpikeBERT | ours, int8 | 95 % interval | our teacher "
    "| BERT of its shape | bag of n-grams |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|"
)


def row(model: Shipped, data: Path) -> str:
    with workplace() as place:
        run, bag = simulated(model, data, place), bag_of(model, data, place)
    assert run.correct is not None
    low, high = wilson(run.correct, run.samples)
    training = nir.read(ROOT / model.file).metadata["training"]
    shares = (training["teacher_accuracy"], training["same_shape"]["accuracy"], bag.accuracy)
    paper = " | ".join(f"{value:.2f}" for value in PAPER[model.file])
    own = f"**{100 * run.correct / run.samples:.2f}** | {100 * low:.1f} to {100 * high:.1f}"
    return f"| {model.task} | {paper} | {own} | {' | '.join(f'{100 * share:.2f}' for share in shares)} |"


def main() -> int:
    def run() -> None:
        shipped = [model for model in MODELS if model.file in PAPER and (ROOT / model.file).exists()]
        rows = [row(model, Path(sys.argv[1])) for model in shipped]
        print(HEADER)
        print("\n".join(rows))

    return exit_cleanly("beside_the_paper", run)


if __name__ == "__main__":
    sys.exit(main())
