"""spikebert-train baseline: the networks that SpikeBERT is compared with, in the same harness."""

from __future__ import annotations

import argparse

from spikebert.baselines.settings import NAMES, BaselineSettings
from spikebert.cli import PROGRAM, add_run, add_shape, add_source, add_taught
from spikebert.core.declared import adder
from spikebert.training.settings import shaped


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        prog=f"{PROGRAM} baseline",
        description="Train a baseline on the data, tokens and word vectors of a SpikeBERT: textcnn (Kim 2014), "
        "snn-textcnn (after Lv et al. 2023), or spikformer, the SpikeBERT of that preset. It learns the labels alone "
        "or, with --distil, from the teachers and texts of a SpikeBERT.",
        epilog="For example: spikebert baseline textcnn --task tweets -o runs/textcnn",
    )
    p.add_argument("model", choices=NAMES, help="the network to train")
    add_run(p)
    add_source(p)
    add = adder(p, BaselineSettings)
    add("from_scratch", "begin with random word vectors; else they are the teacher's, which are fair")
    add("distil", "learn the logits of --teacher, too, which must be fine-tuned for the task; else it teaches nothing")
    add_taught(p)
    add("epochs", "epochs of training")
    add("learning_rate", "learning rate")
    add_shape(p.add_argument_group("the network (a CNN takes the preset's width and longest text)"))
    return p


def run(options: argparse.Namespace) -> None:
    from spikebert.training.preparation import prepare

    settings = BaselineSettings(**shaped(vars(options)))
    task = prepare(settings)
    from spikebert.baselines.run import fit

    fit(settings, task)
