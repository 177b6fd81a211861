"""spikebert-train study: one thing varied at a time, each point an ordinary run, over several seeds."""

from __future__ import annotations

import argparse

from spikebert.cli import PROGRAM, add_run, add_shape, add_source, add_stages, add_teaching
from spikebert.core.errors import InputError

VALUES: dict[str, list[float]] = {"steps": [1, 2, 4, 8], "depth": [1, 2, 4, 6], "decay": [0.5, 0.75, 0.9, 1.0]}


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        prog=f"{PROGRAM} study",
        description="Vary one thing of a SpikeBERT and measure what it is worth: ablation leaves out a part of the "
        "distillation at a time (the paper's Table 3); steps, depth and decay vary T, the blocks and beta (its Figure "
        "3). Writes results.json, table.md and, for the last three, plot.svg. Finished runs are kept when the command "
        "is repeated, also with more seeds or values.",
        epilog="For example: spikebert study steps --task tweets --preset tiny -o runs/steps",
    )
    p.add_argument("kind", choices=["ablation", *VALUES], help="what is varied")
    p.add_argument("--seeds", type=int, default=3, help="runs of each point, from --seed on (default: %(default)s)")
    defaults = "; ".join(f"{kind}: {' '.join(f'{v:g}' for v in values)}" for kind, values in VALUES.items())
    p.add_argument("--values", type=float, nargs="+", help=f"the points (default: {defaults})")
    add_run(p)
    add_source(p)
    add_teaching(p)
    add_shape(p.add_argument_group("the student"))
    add_stages(p.add_argument_group("the stages"))
    return p


def run(options: argparse.Namespace) -> None:
    kind, seeds, values = options.kind, options.seeds, options.values
    if seeds < 1:
        raise InputError(f"--seeds {seeds}: must be at least 1")
    if values and kind == "ablation":
        raise InputError("--values: an ablation has none; its rows are the parts of the distillation")
    if values and kind in ("steps", "depth") and any(v < 1 or v % 1 for v in values):
        raise InputError(f"--values: {kind} takes whole numbers of at least 1")
    if values and kind == "decay" and any(not 0 <= v <= 1 for v in values):
        raise InputError("--values: a decay lies in [0, 1]")
    names = [f"{value:g}" for value in values or []]  # as the folders of the points have them
    twice = next((name for i, name in enumerate(names) if name in names[:i]), None)
    if twice is not None:
        raise InputError(f"--values {twice}: stands there twice")
    for name in ("kind", "seeds", "values"):
        delattr(options, name)
    from spikebert.training.settings import settings_of

    settings = settings_of(**vars(options))
    settings.check()  # before torch is loaded, which takes long
    settings.require_inputs()
    from spikebert.training.studies import study

    study(kind, settings, seeds, values or VALUES.get(kind, []))
