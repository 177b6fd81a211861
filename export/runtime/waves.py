"""The frame of a Lava run: how many token slots, sentences and steps its messages are made for.

It stands apart from `export.lava` because Lava executes the files there again, outside the import system.
"""

from __future__ import annotations

import errno
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

# In the folder of a run: why it failed, or why it cannot be on this computer. The third says that there is no room for
# files: it is written before the run, since a full disk takes no report.
FAILURE, REFUSAL, NO_ROOM = "error.txt", "refusal.txt", "no room.txt"


def report_failure(folder: Path, message: str, details: str, file: str = FAILURE) -> None:
    """Write why a run fails, whole: a line, then a traceback. The first of several reports stays."""
    if (folder / file).exists():
        return
    own = folder / f"{file}.{threading.get_native_id()}"
    try:
        own.write_text(" ".join(message.split()) + "\n" + details, "utf-8")
        with suppress(FileExistsError):
            (folder / file).hardlink_to(own)  # unlike a rename, it does not replace
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        with suppress(FileNotFoundError):  # another process was faster
            (folder / NO_ROOM).rename(folder / REFUSAL)


def spike_file(folder: Path, place: int) -> Path:
    """The spikes of the counted node at `place`: a number, for a name comes from a file and is no safe path."""
    return folder / f"{place}.bits"


@dataclass(frozen=True)
class Frame:
    """What all processes of a graph share."""

    rows: int  # R, token slots
    sentences: int  # S, the most sentences in a wave
    steps: int  # T
    places: dict[str, int]  # the row of each of the keys of `export.runtime.tally` in `counts`
    bounds: dict[str, int]  # the largest magnitude of each node's output
    folder: str  # where results go, and the traceback of a failing model

    def tokens(self, width: int) -> tuple[int, int]:
        """The shape of a message of token rows."""
        return self.rows, width

    def spike_file(self, name: str) -> Path:
        """Where the Probe of a layer writes."""
        return spike_file(Path(self.folder), self.places[name])

    @property
    def counts(self) -> tuple[int, int]:
        return len(self.places), self.sentences
