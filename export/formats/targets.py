"""What `spikebert-export --to` can write: each target is a module with one function `write(source, path)`."""

from __future__ import annotations

import importlib
import os
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Target:
    """A format, a file or a folder. `write` takes the integer graph, or, where `floats`, the trained float model."""

    module: str
    writes: str
    floats: bool = False
    folder: bool = False

    def require(self, path: str | os.PathLike[str], what: str) -> None:
        """An InputError if `path` cannot be written: to be called before the work."""
        from spikebert.core.files import require_folder_of, require_place

        if self.folder:
            require_place(path, importlib.import_module(self.module).FOLDER, what)
        else:
            require_folder_of(path, what)

    def check(self, graph: Any) -> None:
        """An InputError if the format cannot hold an integer graph; nothing is written."""
        check = getattr(importlib.import_module(self.module), "check", None)
        if check is not None:
            check(graph)

    def write(self, source: Any, path: str | os.PathLike[str]) -> None:
        importlib.import_module(self.module).write(source, path)


TARGETS: dict[str, Target] = {
    "nir": Target("export.ir.nir", "one file with the whole integer graph"),
    "nir-stages": Target("export.formats.stages", "a folder of stock NIR files, one a linear chain", folder=True),
    "netx": Target(
        "export.formats.netx",
        "a folder of lava-dl HDF5 networks, for layers that Lava's own processes hold",
        folder=True,
    ),
    "onnx": Target(
        "export.lower.onnx_float", "the float model, before quantisation, in standard operators", floats=True
    ),
    "onnx-integer": Target("export.formats.onnx_integer", "the integer graph in standard operators on integers"),
    "lava": Target(
        "export.formats.lava_folder", "a folder with the model and a script that runs it on Lava", folder=True
    ),
}
