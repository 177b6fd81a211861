"""spikebert-train baseline: the networks that SpikeBERT is compared with, in the same harness."""

from __future__ import annotations

import argparse

from spikebert.cli import PROGRAM, add_data, add_shape

NAMES = ("textcnn", "snn-textcnn", "spikformer")
LEARNING_RATE = 5e-4


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        prog=f"{PROGRAM} baseline",
        description="Train a baseline on cross entropy alone, on the data, tokens and word vectors of a SpikeBERT: "
        "textcnn (Kim 2014), snn-textcnn (after Lv et al. 2023), or spikformer, the SpikeBERT of that preset without "
        "distillation.",
        epilog="For example: spikebert baseline textcnn --task tweets -o runs/textcnn",
    )
    p.add_argument("model", choices=NAMES, help="the network to train")
    add_data(p)
    p.add_argument(
        "--from-scratch",
        action="store_true",
        help="begin with random word vectors; else they are the teacher's, which are fair",
    )
    p.add_argument("--epochs", type=int, default=3, help="epochs of training (default: %(default)s)")
    p.add_argument("--learning-rate", type=float, default=LEARNING_RATE, help="learning rate (default: %(default)s)")
    add_shape(p.add_argument_group("the network (a CNN takes the preset's width and longest text)"))
    return p


def run(options: argparse.Namespace) -> None:
    from spikebert.baselines.settings import BaselineSettings
    from spikebert.training.preparation import prepare
    from spikebert.training.settings import shaped

    settings = BaselineSettings(**shaped(vars(options)))
    task = prepare(settings)
    from spikebert.baselines.run import fit

    fit(settings, task)
