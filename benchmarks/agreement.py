"""How far a student follows its teacher, on texts that it was trained on and on dev: does it lack texts, or capacity?

    python benchmarks/agreement.py runs/sst2-two runs/sst2-imdb

Reads the `settings.json` of runs of `spikebert-train` that were given a fine-tuned `--teacher`. A Markdown table: the
share of texts that both put into the same class, and the mean KL divergence of their class distributions in nats.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch

from spikebert.checkpoint import load_model
from spikebert.data import load_task
from spikebert.distill import logits_loss
from spikebert.examples import examples_of
from spikebert.loop import Batch, Example
from spikebert.teacher import Teacher, load


@torch.no_grad()
def compare(student: torch.nn.Module, teacher: Teacher, examples: list[Example]) -> tuple[float, float]:
    """(share of equal classes, KL)."""
    equal = divergence = 0.0
    by_length = sorted(examples, key=lambda e: len(e.tokens))
    for start in range(0, len(by_length), 64):
        batch = Batch.of(by_length[start : start + 64])
        own, (theirs, _) = student(batch.tokens, batch.mask).logits, teacher(batch.tokens, batch.mask)
        equal += float((own.argmax(-1) == theirs.argmax(-1)).sum())
        divergence += float(logits_loss(own, theirs)) * len(batch.labels)
    return equal / len(examples), divergence / len(examples)


def row(folder: Path) -> str:
    settings = json.loads((folder / "settings.json").read_text("utf-8"))
    task = load_task(settings["task"], settings["dev"])
    model, tokenizer, _ = load(settings["teacher"], task.labels)
    student = load_model(folder / "model.pt").model.eval()
    cells = [folder.name]
    for rows in (task.train, task.dev):
        examples = examples_of(rows, task.labels, tokenizer, student.config.max_tokens)
        equal, divergence = compare(student, Teacher(model), examples)
        cells += [f"{equal:.1%}", f"{divergence:.3f}"]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    print("| run | same class, train | KL, train | same class, dev | KL, dev |")
    print("|---|--:|--:|--:|--:|")
    for folder in map(Path, sys.argv[1:]):
        print(row(folder))


if __name__ == "__main__":
    main()
