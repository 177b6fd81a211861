"""All that decides a run of `spikebert-train qat`, checked before anything heavy is loaded. No torch here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from spikebert.core.declared import Rate, Size
from spikebert.core.errors import InputError
from spikebert.data.summary import announce
from spikebert.data.tasks import Task
from spikebert.training.preparation import named_task
from spikebert.training.settings import Learning, RunSettings


@dataclass(frozen=True, kw_only=True)
class QatSettings(RunSettings, Learning):
    """All that decides a run."""

    model: str
    bits: int = 4
    per_channel: bool = False
    epochs: Size = 1
    learning_rate: Rate = 1e-4

    def check(self) -> None:
        super().check()
        if not Path(self.model).exists():
            raise InputError(f"{self.model}: no such model file or folder")
        if not 2 <= self.bits <= 8:
            raise InputError(f"{self.bits}: weights have 2 to 8 bits", field="bits")


def prepare(settings: QatSettings) -> Task:
    """The task that the settings ask for, which is shown; an InputError where settings or data cannot be."""
    settings.check()
    task = named_task(settings)
    announce(task)
    return task
