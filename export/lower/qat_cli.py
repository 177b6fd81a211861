"""spikebert-train qat: train a model on, so that few weight bits cost it little."""

from __future__ import annotations

import argparse

from spikebert.core.commands import Command, script
from spikebert.data.columns import add_columns
from spikebert.data.tasks import PROBLEMS

PROGRAM = "spikebert-train qat"


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Quantisation-aware training: the forward pass is the integer model, spike for spike; the model "
        "learns from its own float predictions and the labels.",
        epilog="For example: spikebert qat runs/tweets/model.pt --task tweets --bits 4 -o runs/four-bits",
    )
    p.add_argument("model", help="model.pt, or a model directory, of spikebert-train")
    p.add_argument("--task", required=True, help="the task that the model was trained on, as in spikebert-train")
    p.add_argument("--dev", help="the file to measure on (default: the folder's dev file, or a tenth of the rows)")
    add_columns(p)
    p.add_argument(
        "--problem",
        choices=PROBLEMS,
        default="auto",
        help="whether the labels are classes or numbers, as in spikebert-train (default: %(default)s)",
    )
    p.add_argument("-o", "--out", required=True, help="the folder for the model; the same command resumes a killed run")
    p.add_argument("--bits", type=int, default=4, help="weight bits of the export, 2 to 8 (default: %(default)s)")
    p.add_argument(
        "--per-channel",
        action="store_true",
        help="give the weights of each output a power of two, as in spikebert-export",
    )
    p.add_argument("--epochs", type=int, default=1, help="epochs of training (default: %(default)s)")
    p.add_argument("--batch-size", type=int, default=32, help="texts of a step of training (default: %(default)s)")
    p.add_argument("--learning-rate", type=float, default=1e-4, help="learning rate (default: %(default)s)")
    p.add_argument("--limit", type=int, help="use only LIMIT training rows, drawn by the seed")
    p.add_argument("--seed", type=int, default=0, help="seed of all that is drawn (default: %(default)s)")
    return p


def main(arguments: list[str] | None = None) -> int:
    return script(PROGRAM, {"qat": Command(parser, run)}, "qat", arguments)


def run(options: argparse.Namespace) -> None:
    from export.lower.qat_settings import QatSettings, prepare

    settings = QatSettings(**vars(options))
    task = prepare(settings)  # before torch is loaded, which takes long
    from export.lower.qat_run import fine_tune

    fine_tune(settings, task)
