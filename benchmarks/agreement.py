"""How far a student follows its teacher, on texts that it was trained on and on dev: does it lack texts, or capacity?

    python benchmarks/agreement.py runs/sst2-two runs/sst2-imdb
    python benchmarks/agreement.py runs/mr-critics --held critics-held.txt.gz     # and on lines that none has read

Reads the `settings.json` of runs of `spikebert-train` that were given a fine-tuned `--teacher`. A Markdown table: the
share of texts that both put into the same class, and the mean KL divergence of their class distributions in nats.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

from spikebert.core.errors import InputError, exit_cleanly
from spikebert.core.files import read_json, require_file
from spikebert.data.columns import renamed
from spikebert.data.lines import read_lines
from spikebert.data.tasks import load_task, with_labels
from spikebert.model.checkpoint import load_model
from spikebert.training.device import choose
from spikebert.training.examples import examples_of, unlabelled_examples
from spikebert.training.loop import Example, by_length
from spikebert.training.losses import logits_loss
from spikebert.training.teacher import load, load_more, mean_of, vocabulary


@torch.no_grad()
def compare(
    student: torch.nn.Module, teacher: torch.nn.Module, examples: list[Example], device: torch.device
) -> tuple[float, float]:
    """(share of equal classes, KL)."""
    equal = divergence = 0.0
    for batch in by_length(examples, 64):
        batch = batch.to(device)
        own, theirs = (model(batch.tokens, batch.mask).logits for model in (student, teacher))
        equal += float((own.argmax(-1) == theirs.argmax(-1)).sum())
        divergence += float(logits_loss(own, theirs)) * len(batch.labels)
    return equal / len(examples), divergence / len(examples)


def row(folder: Path, held: Path | None, device: torch.device) -> str:
    settings = read_json(folder / "settings.json", "record of settings")
    task = with_labels(load_task(settings["task"], settings["dev"]), renamed(settings.get("labels")))
    first, tokenizer, _ = load(settings["teacher"], task.labels)
    teacher = mean_of(first, load_more(settings.get("more_teachers") or [], task.labels, tokenizer)).to(device).eval()
    trained = load_model(folder / "model.pt")
    student, longest = trained.model.to(device).eval(), trained.model.config.max_tokens
    if student.config.vocab_size != vocabulary(tokenizer):
        raise InputError(f"{folder}: the student's words are not its teacher's; both must read the same tokens")
    texts = [examples_of(rows, task.labels, tokenizer, longest) for rows in (task.train, task.dev)]
    if held:
        lines = [line for _, line in read_lines(require_file(held, "held-out"))]
        texts.append(unlabelled_examples(lines, tokenizer, longest))
    cells = [folder.name]
    for examples in texts:
        equal, divergence = compare(student, teacher, examples, device)
        cells += [f"{equal:.1%}", f"{divergence:.3f}"]
    return f"| {' | '.join(cells)} |"


def table(options: argparse.Namespace) -> None:
    parts = ["train", "dev", *(["held"] if options.held else [])]
    print(f"| run | {' | '.join(f'same class, {part} | KL, {part}' for part in parts)} |")
    print(f"|---|{'--:|' * 2 * len(parts)}")
    for folder in options.runs:
        print(row(folder, options.held, choose(options.device)))


def main() -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("runs", nargs="+", type=Path)
    p.add_argument("--held", type=Path, metavar="FILE", help="texts, one a line, that the students were not trained on")
    p.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"), help="(default: %(default)s)")
    options = p.parse_args()
    return exit_cleanly("agreement", lambda: table(options))


if __name__ == "__main__":
    sys.exit(main())
