"""matplotlib as it comes: no settings file and no variable of the environment changes a figure, or breaks it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any


@contextmanager
def plain(settings: Mapping[str, Any]) -> Iterator[None]:
    """Within, matplotlib has its own defaults and these settings. Import of it what you need here, and not before."""
    _load()
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(settings)
        yield


def _load() -> None:
    """Import matplotlib where it finds its own settings file: it reads one of the current folder before any other."""
    found = find_spec("matplotlib")
    if found is None or found.origin is None:
        return  # its import tells
    here, backend = os.open(".", os.O_PATH), os.environ.pop("MPLBACKEND", None)
    try:
        os.chdir(Path(found.origin).parent / "mpl-data")
        import matplotlib  # noqa: F401
    finally:
        os.fchdir(here)
        os.close(here)
        if backend is not None:
            os.environ["MPLBACKEND"] = backend
