"""All that decides the training of a baseline. No torch here."""

from __future__ import annotations

from dataclasses import dataclass

from spikebert.core.declared import Size
from spikebert.core.errors import InputError
from spikebert.training.settings import Learning, Machine, Shape

TEXTCNN, SNN_TEXTCNN, SPIKFORMER = NAMES = ("textcnn", "snn-textcnn", "spikformer")


@dataclass(frozen=True, kw_only=True)
class BaselineSettings(Shape, Learning, Machine):
    """The data, the shape and the schedule of a SpikeBERT, without what teaches one.

    teacher: whose tokenizer and whose word (and position) vectors training starts from; it teaches nothing.
    from_scratch: start from random vectors instead.
    """

    model: str = TEXTCNN
    from_scratch: bool = False
    epochs: Size = 3  # there is no other stage

    def check(self) -> None:
        super().check()
        if self.model != SPIKFORMER and self.vocabulary != "whole":
            raise InputError(
                f"{self.vocabulary}: {self.model} leaves no model whose word pieces could be fewer; {SPIKFORMER} does",
                field="vocabulary",
            )
