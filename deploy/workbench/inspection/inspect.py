"""Which kind of thing a path is, and who describes it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from deploy.workbench.inspection import folders
from deploy.workbench.inspection.description import Description
from deploy.workbench.inspection.graph import describe_file as describe_graph
from export.cli import is_hdf5
from export.ir.nir import is_foreign
from spikebert.core.errors import InputError
from spikebert.core.files import read_json, require_file
from spikebert.training.teacher_folder import NGRAMS

# (the file that tells, its field, the value of that field, who describes the folder)
FOLDERS: tuple[tuple[str, str, str, Callable[[Path], Description]], ...] = (
    ("manifest.json", "format", "spikebert-bundle", folders.describe_bundle),
    ("manifest.json", "format", "spikebert-nir-stages", folders.describe_stages),
    ("manifest.json", "format", "spikebert-netx", folders.describe_nets),
    ("counts.json", "format", "spikebert-counts", folders.describe_run),
    ("counts.json", "format", "spikebert-foreign-run", folders.describe_foreign_run),
    ("mapping.json", "format", "spikebert-mapping", folders.describe_mapping),
    ("config.json", "model_type", NGRAMS, folders.describe_ngrams),
)


def inspect(path: str | os.PathLike[str]) -> Description:
    """What a file or a folder is: `print` it, or take its `facts`, its `tables`, or `as_json()`.

    Args:
        path: a model.nir, a NIR file of another tool, a model.pt or a model folder (these two take torch), or a folder
            that a command wrote: a run, a training, stages, a bundle, a mapping, a teacher of n-grams.
    Raises:
        InputError: no such path, or nothing that is known here.
    """
    path = Path(path)
    if path.is_dir():
        return _folder(path)
    if not os.path.lexists(path):
        raise InputError(f"{path}: no such file or folder")
    require_file(path, "model or result")
    if is_hdf5(str(path)):
        if not is_foreign(path):
            return describe_graph(path)
        from deploy.workbench.inspection.foreign import describe_foreign

        return describe_foreign(path)
    if path.suffix == ".json":
        raise InputError(f"{path}: is one file of a folder; give the folder, {path.parent}")
    from deploy.workbench.inspection.trained import describe_trained

    return describe_trained(path)


def _folder(folder: Path) -> Description:
    for file, field, value, describe in FOLDERS:
        if (folder / file).is_file() and read_json(folder / file, "record").get(field) == value:
            return describe(folder)
    if (folder / "settings.json").is_file():
        return folders.describe_training(folder)
    if (folder / "config.json").is_file():
        from deploy.workbench.inspection.trained import describe_trained

        return describe_trained(folder)
    if (folder / "model.nir").is_file():  # of `--to lava`
        return describe_graph(folder / "model.nir")
    raise InputError(
        f"{folder}: none of the folders that spikebert writes: a run, a training, a model, stages, a bundle, a mapping"
    )
