"""All that decides a run of `spikebert-train qat`, checked before anything heavy is loaded. No torch here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from spikebert.core.errors import InputError
from spikebert.core.options import require_folder, require_least, require_positive, require_seed
from spikebert.data.columns import Columns
from spikebert.data.summary import announce
from spikebert.data.tasks import Task, load_task
from spikebert.training.preparation import limited


@dataclass(frozen=True)
class QatSettings:
    """All that decides a run."""

    model: str
    task: str
    out: str
    dev: str | None = None
    label_column: str | None = None
    text_column: list[str] | None = None
    problem: str = "auto"  # as in spikebert.training.settings
    bits: int = 4
    per_channel: bool = False
    epochs: int = 1
    batch_size: int = 32
    learning_rate: float = 1e-4
    limit: int | None = None
    seed: int = 0

    def check(self) -> None:
        """An InputError names the first value that cannot be."""
        require_least(1, epochs=self.epochs, batch_size=self.batch_size, limit=self.limit)
        require_positive(learning_rate=self.learning_rate)
        require_seed(self.seed)
        require_folder(self.out)
        if not Path(self.model).exists():
            raise InputError(f"{self.model}: no such model file or folder")
        if not 2 <= self.bits <= 8:
            raise InputError(f"{self.bits}: weights have 2 to 8 bits", field="bits")


def prepare(settings: QatSettings) -> Task:
    """The task that the settings ask for, which is shown; an InputError where settings or data cannot be."""
    settings.check()
    columns = Columns(settings.label_column, tuple(settings.text_column or ()))
    task = limited(load_task(settings.task, settings.dev, columns, settings.problem), settings.limit, settings.seed)
    announce(task)
    return task
