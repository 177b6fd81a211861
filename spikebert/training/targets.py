"""A teacher's outputs, cached on disk for a stage: computed once, read in every epoch."""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from spikebert.core.files import write_atomically, write_folder_atomically
from spikebert.core.log import say
from spikebert.core.progress import Bar
from spikebert.model.precision import products
from spikebert.training import processes
from spikebert.training.loop import Batch, Example
from spikebert.training.run import CACHED, Run
from spikebert.training.teacher import Targets, Teacher

GIGABYTE = 1_000_000_000
SPARE = GIGABYTE  # of free disk that is left alone
BATCH = 64
FEATURES, LOGITS = CACHED.files


class Source(Protocol):
    """Where a stage has its targets from: a Teacher, or a CachedTeacher."""

    layers: int

    def targets(self, batch: Batch, layers: Sequence[int]) -> Targets: ...


class CachedTeacher:
    """A teacher whose outputs for `examples` stand in a folder, once `prepare` was called.

    features.npy: (M, K, D) float32 or float16, the hidden states of K layers of the M tokens of all examples, one
    example after the other. logits.npy: (examples, labels) float32. The embeddings are cheap, and computed anew.

    A folder's name holds a digest of the tokens, the layers, the format, the precision and the teacher's weights: one
    of anything else is not used.

    precision: of the teacher's products, see `spikebert.model.precision`.
    """

    def __init__(
        self,
        teacher: Teacher,
        layers: Sequence[int],
        examples: Sequence[Example],
        run: Run,
        stage: str,
        precision: str = "float32",
    ):
        self.teacher, self.examples, self.run, self.stage = teacher, examples, run, stage
        self.precision = precision
        self.layers = teacher.layers
        self.cached = sorted(set(layers))
        self.starts = np.cumsum([0, *(len(e.tokens) for e in examples)])
        self.format = np.dtype(np.float32)
        self.device = next(teacher.model.parameters()).device

    def size(self, form: str) -> int:
        """Bytes on disk in "float32" or "float16"."""
        values = int(self.starts[-1]) * len(self.cached) * self.teacher.width
        return values * np.dtype(form).itemsize + 4 * len(self.examples) * self.teacher.model.config.num_labels

    def prepare(self) -> None:
        """Compute what is not there, by the main process, and open it."""
        folder = self.run.folder / f"{self.stage}.targets-{self._digest()}"
        with processes.main_first():
            if processes.is_main() and not folder.exists():
                self.run.clear_targets(self.stage)
                write_folder_atomically(folder, CACHED, self._compute, self.size(self.format.name))
        self.features = np.load(folder / FEATURES, mmap_mode="r")
        if hasattr(mmap, "MADV_RANDOM"):  # what is read ahead of a text drawn at random is not needed
            self.features.base.madvise(mmap.MADV_RANDOM)
        self.logits = np.load(folder / LOGITS)

    def targets(self, batch: Batch, layers: Sequence[int]) -> Targets:
        """Read; the batch must know its examples' indices."""
        rows = np.concatenate([self.features[self.starts[i] : self.starts[i + 1]] for i in batch.indices])
        hidden = torch.from_numpy(rows).to(batch.tokens.device).float()  # (M, K, D)
        logits = torch.from_numpy(self.logits[list(batch.indices)]).to(batch.tokens.device)
        features = [hidden[:, self.cached.index(layer)] for layer in layers]
        return Targets(self.teacher.embeddings(batch), features, logits)

    def _compute(self, folder: Path) -> None:
        shape = (int(self.starts[-1]), len(self.cached), self.teacher.width)
        features = np.lib.format.open_memmap(folder / FEATURES, "w+", self.format, shape)
        with (folder / FEATURES).open("r+b") as file:  # a full disk is an error here, and not a crash later
            os.posix_fallocate(file.fileno(), 0, (folder / FEATURES).stat().st_size)
        logits = np.zeros((len(self.examples), self.teacher.model.config.num_labels), np.float32)
        by_length = sorted(range(len(self.examples)), key=lambda i: len(self.examples[i].tokens))
        with Bar(total=len(by_length), desc=f"{self.stage}: teacher", unit="text", disable=None) as bar:
            for start in range(0, len(by_length), BATCH):
                part = by_length[start : start + BATCH]
                batch = Batch.of([self.examples[i] for i in part], part).to(self.device)
                with products(self.device, self.precision):
                    found = self.teacher.targets(batch, self.cached)
                logits[part] = _array(found.logits)
                hidden = _array(torch.stack(found.features, 1))  # (M, K, D)
                ends = np.cumsum([len(self.examples[i].tokens) for i in part])
                for i, rows in zip(part, np.split(hidden, ends[:-1]), strict=True):
                    features[self.starts[i] : self.starts[i + 1]] = rows
                bar.update(len(part))
        features.flush()
        np.save(folder / LOGITS, logits)

    def _digest(self) -> str:
        digest = hashlib.blake2b(
            f"{self.cached} {self.format} {self.precision} {self.teacher.separator} {self.starts.tolist()}".encode(),
            digest_size=8,
        )
        digest.update(np.concatenate([np.asarray(e.tokens, np.int64) for e in self.examples]).tobytes())
        for name, weight in self.teacher.model.state_dict().items():
            digest.update(name.encode())
            digest.update(_array(weight).tobytes())
        return digest.hexdigest()


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().float().cpu().numpy()


def cached(
    teacher: Teacher,
    layers: Sequence[int],
    examples: Sequence[Example],
    run: Run,
    stage: str,
    epochs: int,
    limit: float,
    precision: str = "float32",
) -> Teacher | CachedTeacher:
    """The teacher with its outputs cached on disk, where there is use and room for that; as it is otherwise.

    In float32 where that takes at most `limit` gigabytes and leaves disk free, else in float16, else not at all. What
    was chosen is recorded: rounding differs a little, so a run must go on as it began.
    """
    if epochs < 2 or not limit:
        return teacher
    caching = CachedTeacher(teacher, layers, examples, run, stage, precision)
    record = run.cache_record(stage)
    with processes.main_first():
        if processes.is_main() and not record.exists():
            begun = run.checkpoint(stage).exists()  # by a version that cached nothing
            chosen = None if begun else _choose(caching, shutil.disk_usage(run.folder).free - SPARE, limit * GIGABYTE)
            write_atomically(record, lambda path: path.write_text(json.dumps(chosen), "utf-8"))
        chosen = json.loads(record.read_text("utf-8"))
    if chosen is None:
        return teacher
    caching.format = np.dtype(chosen)
    return caching


def _choose(caching: CachedTeacher, room: float, limit: float) -> str | None:
    """ "float32", "float16" or None; and says so."""
    for form in ("float32", "float16"):
        if caching.size(form) <= min(room, limit):
            size = _gb(caching.size(form))
            say(f"{caching.stage}: the teacher's outputs are cached on disk: {size} in {form}")
            return form
    reason = f"--cache-limit {limit / GIGABYTE:g}" if limit < room else f"the {_gb(max(room, 0))} that may be taken"
    say(
        f"{caching.stage}: the teacher's outputs would take {_gb(caching.size('float16'))} on disk, more than "
        f"{reason}: they are computed anew in each epoch"
    )
    return None


def _gb(size: float) -> str:
    return f"{size / GIGABYTE:.2f} GB" if size >= GIGABYTE else f"{size / 1e6:.1f} MB"
