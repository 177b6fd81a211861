"""`--to lava`: a folder for a person who knows Lava: the model, a script that classifies a sentence, a page."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from export.ir import nir
from export.ir.graph import Attention, Graph
from export.ir.licence import licence_of
from spikebert import __version__
from spikebert.core.errors import InputError
from spikebert.core.files import Kind, write_folder_atomically

SCRIPT = Path(__file__).with_name("lava_script.py")
PAGE = """\
# A spiking transformer on Lava

`model.nir` holds the whole model in integers: {blocks} transformer blocks, {steps} time steps a sentence, at most
{tokens} tokens, {labels}. `run.py` runs it on Lava's own runtime, on this computer's processor: exact
integers, no measurement of a chip.

    pip install '.[lava]'    # on Python 3.10, in a checkout of the toolchain that wrote this, {writer}; no torch
    python run.py "a sentence"

prints the logits, the label, and the spikes of one layer, counted by a process that `run.py` itself attaches.
Read it: it is short, and says what each process does, how to tap a port, and how to add a process.

    embeddings ─► block0 ─► … ─► block{last} ─► head ─► collector

Every message is (rows, neurons), one row a token. All spikes and logits are those of `spikebert-simulate model.nir`.

Should a process raise, Lava's `run()` does not return; the reason stands on the screen. `spikebert-simulate model.nir
--backend lava` runs the same processes in a watched child process, which ends then.

Licence of the model: {licence}.
"""


def _is_ours(model: Path) -> bool:
    try:
        return not nir.is_foreign(model)
    except InputError:
        return False


FOLDER = Kind("a model with a script for Lava", ("model.nir", "run.py", "README.md"), _is_ours)


def write(graph: Graph, folder: str | os.PathLike[str]) -> None:
    """Write `model.nir`, `run.py` and `README.md`; the folder appears whole or not at all."""
    blocks = sum(isinstance(node, Attention) for node in graph)
    page = PAGE.format(
        writer=f"spikebert {__version__}",
        blocks=blocks,
        last=blocks - 1,
        steps=graph.time_steps,
        tokens=graph.max_tokens,
        labels="a number that it predicts" if graph.regression else f"labels {', '.join(graph.labels)}",
        licence=licence_of(graph),
    )

    def fill(temporary: Path) -> None:
        nir.write(graph, temporary / "model.nir")
        shutil.copyfile(SCRIPT, temporary / "run.py")
        (temporary / "README.md").write_text(page, "utf-8")

    write_folder_atomically(Path(folder), FOLDER, fill)
