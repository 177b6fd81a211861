"""What `spikebert-simulate --to` can write: each form is a module with a function `write(run, path)`.

One that cannot hold every model has `check(graph)`, too, which refuses a model before it is run.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from export.ir.graph import Graph
    from simulate.run import Run


@dataclass(frozen=True)
class Form:
    """A file of the run's folder. `records`: it is made of every spike of the run; `traces`: of those of one text."""

    module: str
    file: str
    records: bool = False
    traces: bool = False

    def check(self, graph: Graph) -> None:
        """An InputError where the form cannot hold the model."""
        module = importlib.import_module(self.module)
        if hasattr(module, "check"):
            module.check(graph)

    def write(self, run: Run, folder: Path) -> None:
        importlib.import_module(self.module).write(run, folder / self.file)


FORMS: dict[str, Form] = {
    "neurobench": Form("simulate.interchange.neurobench", "neurobench.json", records=True),
    "nirdata": Form("simulate.interchange.nirdata", "spikes.h5", records=True),
    "prosperity": Form("simulate.interchange.prosperity", "prosperity.pkl", traces=True),
}
