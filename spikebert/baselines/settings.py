"""All that decides the training of a baseline. No torch here."""

from __future__ import annotations

from dataclasses import dataclass

from spikebert.core.errors import InputError
from spikebert.training.settings import Settings


@dataclass(frozen=True)
class BaselineSettings(Settings):
    """The settings of a SpikeBERT, of which a baseline uses the data, the shape and the schedule.

    teacher: whose tokenizer and whose word (and position) vectors training starts from; it teaches nothing.
    from_scratch: start from random vectors instead.
    """

    model: str = "textcnn"
    from_scratch: bool = False

    def check(self) -> None:
        super().check()
        if not self.epochs:
            raise InputError("0: must be at least 1; a baseline has no other stage", field="epochs")
