"""How far a student follows its teacher, on texts that it was trained on and on dev: does it lack texts, or capacity?

    python benchmarks/agreement.py runs/sst2-two runs/sst2-imdb

Reads the `settings.json` of runs of `spikebert-train` that were given a fine-tuned `--teacher`. A Markdown table: the
share of texts that both put into the same class, and the mean KL divergence of their class distributions in nats.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from spikebert.checkpoint import load_model
from spikebert.data import load_task
from spikebert.errors import exit_cleanly
from spikebert.examples import examples_of
from spikebert.files import read_json
from spikebert.loop import Example, by_length
from spikebert.losses import logits_loss
from spikebert.teacher import MeanOfBerts, load, load_more


@torch.no_grad()
def compare(student: torch.nn.Module, teacher: torch.nn.Module, examples: list[Example]) -> tuple[float, float]:
    """(share of equal classes, KL)."""
    equal = divergence = 0.0
    for batch in by_length(examples, 64):
        own, theirs = (model(batch.tokens, batch.mask).logits for model in (student, teacher))
        equal += float((own.argmax(-1) == theirs.argmax(-1)).sum())
        divergence += float(logits_loss(own, theirs)) * len(batch.labels)
    return equal / len(examples), divergence / len(examples)


def row(folder: Path) -> str:
    settings = read_json(folder / "settings.json", "record of settings")
    task = load_task(settings["task"], settings["dev"])
    first, tokenizer, _ = load(settings["teacher"], task.labels)
    teacher = MeanOfBerts([first, *load_more(settings.get("more_teachers") or [], task.labels, tokenizer)])
    student = load_model(folder / "model.pt").model.eval()
    cells = [folder.name]
    for rows in (task.train, task.dev):
        examples = examples_of(rows, task.labels, tokenizer, student.config.max_tokens)
        equal, divergence = compare(student, teacher.eval(), examples)
        cells += [f"{equal:.1%}", f"{divergence:.3f}"]
    return f"| {' | '.join(cells)} |"


def table() -> None:
    print("| run | same class, train | KL, train | same class, dev | KL, dev |")
    print("|---|--:|--:|--:|--:|")
    for folder in map(Path, sys.argv[1:]):
        print(row(folder))


if __name__ == "__main__":
    sys.exit(exit_cleanly("agreement", table))
