"""What is done of a run over workers, kept next to where its output will be until that is whole.

A run that is cut, by its cluster or by its user, has lost nothing then: the same command reads what is there and
simulates the rest. Of another model, other texts or other settings, what is there is thrown away.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from export.ir.npz import read_npz, write_npz
from simulate.batches import Tokens
from simulate.result import SimulationResult
from spikebert import __version__
from spikebert.core.errors import InputError
from spikebert.core.files import write_atomically
from spikebert.core.files.writing import place_of, sweep

PREFIX = ".spikebert-shards-"
NAME = re.compile(r"([0-9a-f]{32})-(\d+)-(\d+)\.npz")


@contextmanager
def shards_of(out: str | None, kept: bool = True) -> Iterator[Shards | None]:
    """What keeps the shards of a run for `out`; they go when all within is done, and stay where it fails.

    None without `out`.

    Args:
        kept: whether this run makes shards; else it only removes those that an earlier one left for `out`.
    """
    if out is None:
        yield None
        return
    shards = Shards(Path(out), kept)
    try:
        yield shards
        shards.clear()
    finally:
        shards.close()


class Shards:
    """The finished shards of a run, each a file; one process at a time works for an output folder."""

    def __init__(self, out: Path, kept: bool = True):
        self.out, self.kept, self.key = out, kept, ""
        target = place_of(out).absolute()
        self.folder = target.parent / f"{PREFIX}{hashlib.sha256(os.fsencode(target.name)).hexdigest()[:16]}"
        self.lock: int | None = None  # None before the beginning, and where nothing is kept

    def begin(self, model: str, sentences: Sequence[Tokens], settings: Sequence[Any]) -> None:
        """Keep the shards of this run, named by a digest of all that decides its result.

        Where nothing can be made next to the output, nothing is kept: it may be a volume in a folder of somebody else.
        What another user keeps for that output is left alone.

        Args:
            model: the digest of the exported file.
            settings: all else that decides the result: how the model is run.
        Raises:
            InputError: another process simulates for the same output.
        """
        digest = hashlib.sha256(json.dumps([__version__, model, *settings, [len(s) for s in sentences]]).encode())
        digest.update(np.concatenate([np.asarray(s, np.int64) for s in sentences]).tobytes())
        self.key = digest.hexdigest()[:32]
        try:
            if self.kept:
                self.folder.mkdir(parents=True, exist_ok=True)
            lock = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            return
        if os.fstat(lock).st_uid != os.geteuid():
            os.close(lock)
            return
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise InputError(
                f"{self.out}: another process simulates for it; wait for it, or end it", field="out"
            ) from None
        except OSError:
            pass  # a file system without locks
        self.lock = lock

    def read(self) -> tuple[dict[tuple[int, int], SimulationResult], float]:
        """({(first sentence, the one behind the last): result}, the seconds that they took); others are removed."""
        found, seconds = {}, 0.0
        for path in self._files():
            name = NAME.fullmatch(path.name)
            if name and name[1] != self.key:
                path.unlink()
            elif name:
                with suppress(InputError, KeyError):  # damaged: it is simulated anew
                    arrays = read_npz(path, "shard")
                    found[int(name[2]), int(name[3])] = _unpacked(arrays)
                    seconds = max(seconds, float(arrays["seconds"]))
        return found, seconds

    def write(self, first: int, behind: int, result: SimulationResult, seconds: float) -> None:
        """Keep the result of some sentences, `seconds` after the run began."""
        if self.lock is None:
            return
        arrays = {**_packed(result), "seconds": np.array(seconds)}
        path = self.folder / f"{self.key}-{first}-{behind}.npz"
        write_atomically(path, lambda made: write_npz(made, arrays))

    def clear(self) -> None:
        """Remove all of it, once the output is whole."""
        for path in self._files():
            if NAME.fullmatch(path.name):
                path.unlink()

    def close(self) -> None:
        """Let another process work for this output; a folder in which nothing is kept goes."""
        if self.lock is None:
            return
        with suppress(OSError):  # it is not empty
            sweep(self.folder)
            self.folder.rmdir()
        os.close(self.lock)
        self.lock = None

    def _files(self) -> list[Path]:
        return [] if self.lock is None else sorted(self.folder.iterdir())


def _packed(result: SimulationResult) -> dict[str, np.ndarray]:
    """{array: its values}: spikes as bits, beside their shape."""
    arrays = {"logits": result.logits}
    if result.steps is not None:
        arrays["steps"] = result.steps
    for part in ("counts", "neurons"):
        arrays |= {f"{part}/{name}": values for name, values in (getattr(result, part) or {}).items()}
    for name, train in (result.spikes or {}).items():
        arrays |= {f"spikes/{name}": np.packbits(train), f"shape/{name}": np.array(train.shape)}
    return arrays


def _unpacked(arrays: dict[str, np.ndarray]) -> SimulationResult:
    def part(prefix: str) -> dict[str, np.ndarray]:
        return {name.removeprefix(prefix): values for name, values in arrays.items() if name.startswith(prefix)}

    shapes = {name: tuple(shape.tolist()) for name, shape in part("shape/").items()}
    bits = part("spikes/")
    spikes = {
        name: np.unpackbits(bits[name], count=int(np.prod(shape))).reshape(shape) for name, shape in shapes.items()
    }
    return SimulationResult(
        arrays["logits"], part("counts/"), part("neurons/") or None, spikes or None, 0.0, 0.0, arrays.get("steps")
    )
