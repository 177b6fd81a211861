"""The option `--exit-margin` of the commands that run, map, report or write a model; see `export.ir.early_exit`."""

from __future__ import annotations

import argparse

NEVER = "never"


def add_exit_margin(p: argparse.ArgumentParser) -> None:
    p.add_argument(
        "--exit-margin",
        metavar="M",
        help="lead of the best logit over the next, in the float model's logits, at which a text is done; never: each "
        "text takes all steps (default: as the model's file says; `spikebert-simulate sweep` shows what it costs)",
    )
