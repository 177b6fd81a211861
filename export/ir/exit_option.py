"""The option `--exit-margin` of the commands that run, map, report or write a model; see `export.ir.early_exit`."""

from __future__ import annotations

import argparse

NEVER = "never"


def add_exit_margin(p: argparse.ArgumentParser) -> None:
    p.add_argument(
        "--exit-margin",
        metavar="M",
        help="a text is done once its best logit is so far ahead of the next, in the float model's logits; never: each "
        "takes all steps (default: as the model's file says; `spikebert-simulate trade` shows what it costs)",
    )
