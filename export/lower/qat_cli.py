"""spikebert-train qat: train a model on, so that few weight bits cost it little."""

from __future__ import annotations

import argparse

from export.lower.qat_settings import QatSettings, prepare
from spikebert.cli import add_run
from spikebert.core.commands import Command, script_of_one
from spikebert.core.declared import adder

PROGRAM = "spikebert-train qat"


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Quantisation-aware training: the forward pass is the integer model, spike for spike; the model "
        "learns from its own float predictions and the labels of the task that it was trained on.",
        epilog="For example: spikebert qat runs/tweets/model.pt --task tweets --bits 4 -o runs/four-bits",
    )
    p.add_argument("model", help="model.pt, or a model directory, of spikebert-train")
    add_run(p)
    add = adder(p, QatSettings)
    add("bits", "weight bits of the export, 2 to 8")
    add("per_channel", "give the weights of each output a power of two, as in spikebert-export")
    add("epochs", "epochs of training")
    add("learning_rate", "learning rate")
    return p


def main(arguments: list[str] | None = None) -> int:
    return script_of_one(PROGRAM, Command(parser, run), arguments)


def run(options: argparse.Namespace) -> None:
    settings = QatSettings(**vars(options))
    task = prepare(settings)  # before torch is loaded, which takes long
    from export.lower.qat_run import fine_tune

    fine_tune(settings, task)
