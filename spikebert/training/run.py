"""The folder of a training run: what it may be resumed with, and that one process at a time trains into it."""

from __future__ import annotations

import fcntl
import json
from dataclasses import MISSING, asdict, fields
from pathlib import Path
from typing import IO, Any

from spikebert.core.errors import InputError, all_printable, printable
from spikebert.core.files import Kind, claim, has_fields, read_json, remove_folder, write_atomically
from spikebert.core.log import say
from spikebert.data.tasks import Task, digest_of, save_rows
from spikebert.training import processes
from spikebert.training.loop import Metrics
from spikebert.training.settings import RunSettings, Settings

BEFORE = ("settings.json", ".lock", "data/train.jsonl", "data/dev.jsonl")  # written before anything is trained
RUN = Kind(
    "a training of spikebert-train",
    (
        *BEFORE,
        "metrics.jsonl",
        "*.checkpoint",
        "*.kept.json",
        "*.targets-*",
        "student.pt",
        "model.pt",
        "model/*",
        "result.json",
    ),
    has_fields("task", "seed", "batch_size"),
)
CACHED = Kind("a teacher's outputs", ("features.npy", "logits.npy"), lambda path: True, sealed=False)


def unlike(recorded: dict[str, Any], wanted: dict[str, Any], settings: RunSettings) -> list[str]:
    """The names of settings by which a record, perhaps of an older version, is of another run; none where it is not.

    What an older version had no setting for, it did as the default does. Older versions recorded all settings of a
    distillation for every kind of run; those that this kind does not have were at their defaults.
    """
    defaults = asdict(Settings(task="", out=""))
    defaults |= {f.name: f.default for f in fields(settings) if f.default is not MISSING}
    names = recorded.keys() | wanted.keys()
    return sorted(n for n in names if recorded.get(n, defaults.get(n)) != wanted.get(n, defaults.get(n)))


class Run:
    """The folder of a run: its log, its checkpoints, and the settings that it may be resumed with.

    A context: the folder is locked until it ends, since two that train into one folder would mix their checkpoints.

    kind: the command that it is of; two commands' settings may be alike where their runs are not.
    """

    def __init__(self, settings: RunSettings, kind: str):
        settings.check()
        self.folder = Path(settings.out)
        self.stages: set[str] = set()
        self.metrics = Metrics(self.folder / "metrics.jsonl")
        self.lock: IO[str] | None = None
        try:
            with processes.main_first():
                claim(self.folder, RUN)
                if processes.is_main():
                    self._lock()
                self._claim(settings, kind)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the lock back, so that a run that failed goes on in the same Python process."""
        if self.lock:
            self.lock.close()

    def _lock(self) -> None:
        self.lock = self.lock_file.open("a")
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                f"{self.folder}: another training into it goes on; wait for it, or end it", field="out"
            ) from None

    def _claim(self, settings: RunSettings, kind: str) -> None:
        self.settings = all_printable({"kind": kind, **{k: v for k, v in asdict(settings).items() if k != "out"}})
        self.inputs: dict[str, str] = {}
        # A run that was refused, for a text or a teacher that is not there, has left nothing that binds the next one.
        begun = any(any(self.folder.glob(pattern)) for pattern in ("teacher", *RUN.files[len(BEFORE) :]))
        if begun and self.record.exists():
            # Older versions told neither the kind nor the inputs.
            recorded = {"kind": kind, **read_json(self.record, "record of settings")}
            inputs = recorded.pop("inputs", None)
            self.inputs = inputs if isinstance(inputs, dict) else {}
            if names := unlike(recorded, self.settings, settings):
                of_kind = f"of another kind ({recorded['kind']})"
                other = of_kind if "kind" in names else f"with other settings ({', '.join(names)})"
                raise InputError(
                    f"{self.folder}: holds a run {other}; repeat that run's command to go on with it, "
                    "or choose another folder",
                    field="out",
                )
        self._write_record()

    def _write_record(self) -> None:
        text = json.dumps({**self.settings, "inputs": self.inputs}, indent=1)
        write_atomically(self.record, lambda path: path.write_text(text, "utf-8"))

    def remember(self, key: str, field: str, name: str, digest: str) -> None:
        """Keep what an input of the run holds; to be called before anything is made of it.

        Raises:
            InputError: `name`, which the parameter `field` gave, held something else when the run began.
        """
        key = printable(key)
        if self.inputs.get(key, digest) != digest:
            raise InputError(
                f"{name}: holds something else than when the run in {self.folder} began; bring that back to go on "
                "with the run, or choose another folder",
                field=field,
            )
        if key not in self.inputs:
            self.inputs[key] = digest
            if processes.is_main():
                self._write_record()

    def keep_task(self, task: Task, name: str) -> None:
        """Remember a task; write both parts of one whose dev part was held out here, so that others measure on it."""
        parts = [[[row.label, row.text] for row in rows] for rows in (task.train, task.dev)]
        self.remember("task", "task", name, digest_of(parts))
        if task.cut and processes.is_main():
            self.data.mkdir(exist_ok=True)
            for part, rows in (("train", task.train), ("dev", task.dev)):
                save_rows(rows, task.pairs, self.data / f"{part}.jsonl")
            say(f"dev is a tenth that was held out of {task.name}: {self.data / 'dev.jsonl'}")

    @property
    def record(self) -> Path:
        return self.folder / "settings.json"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def lock_file(self) -> Path:
        return self.folder / ".lock"

    def checkpoint(self, stage: str) -> Path:
        self.stages.add(stage)
        return self.folder / f"{stage}.checkpoint"

    @property
    def model(self) -> Path:
        return self.folder / "model.pt"

    def clear(self) -> None:
        """Checkpoints are large and of no use once the model stands."""
        for stage in sorted(self.stages):
            self.checkpoint(stage).unlink(missing_ok=True)
            self.cache_record(stage).unlink(missing_ok=True)
            self.clear_targets(stage)

    def cache_record(self, stage: str) -> Path:
        return self.folder / f"{stage}.kept.json"

    def clear_targets(self, stage: str) -> None:
        """Likewise the teacher's outputs of a stage (`spikebert.training.targets`)."""
        for path in self.folder.glob(f"{stage}.targets-*"):
            remove_folder(path, CACHED)
