"""The private folder of a Lava run, and the removal of those that killed runs have left."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spikebert.core.files.locked import left_behind, locked_folder

PREFIX = "spikebert-lava-"


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder that is removed at the end; until then, or until this process ends, no other run sweeps it away."""
    sweep()
    folder, lock = locked_folder(Path(tempfile.gettempdir()), PREFIX)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def sweep() -> None:
    """Remove the folders of this user's runs of which no process lives any more."""
    for folder in left_behind(Path(tempfile.gettempdir()), PREFIX):
        shutil.rmtree(folder, ignore_errors=True)
