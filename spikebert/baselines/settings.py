"""All that decides the training of a baseline. No torch here."""

from __future__ import annotations

from dataclasses import dataclass

from spikebert.core.declared import Size
from spikebert.core.errors import InputError
from spikebert.training.settings import Learning, Machine, Shape, Taught

TEXTCNN, SNN_TEXTCNN, SPIKFORMER = NAMES = ("textcnn", "snn-textcnn", "spikformer")


@dataclass(frozen=True, kw_only=True)
class BaselineSettings(Taught, Shape, Learning, Machine):
    """The data, the shape and the schedule of a SpikeBERT.

    teacher: whose tokenizer and whose word (and position) vectors training starts from.
    distil: learn the teachers' logits, too, as stage 2 does; else they teach nothing.
    from_scratch: start from random vectors instead.
    """

    model: str = TEXTCNN
    distil: bool = False
    from_scratch: bool = False
    epochs: Size = 3  # there is no other stage

    def check(self) -> None:
        super().check()
        if self.model != SPIKFORMER and self.vocabulary != "whole":
            raise InputError(
                f"{self.vocabulary}: {self.model} leaves no model whose word pieces could be fewer; {SPIKFORMER} does",
                field="vocabulary",
            )
        if self.model != SPIKFORMER and self.residual != "spikes":
            raise InputError(f"{self.residual}: {self.model} has no blocks, and so no residual", field="residual")
        if self.model != SPIKFORMER and self.attention_only:
            raise InputError(f"is of blocks, and {self.model} has none", field="attention_only")
        for name in ("more_teachers", "unlabelled", "augment"):
            if getattr(self, name) and not self.distil:
                raise InputError("needs distil: a baseline that learns the labels alone reads no more", field=name)
        if self.corpus and not self.unlabelled:
            raise InputError("needs unlabelled, how many of its lines are learned", field="corpus")
