"""All that decides a run of `spikebert-train`: parts of one concern each, of which the settings of every kind of run
are composed. A part checks its own values, before anything heavy is loaded. No torch here.

A part's fields are the options of the commands, the names that `spikebert.train` takes, and the record of a run.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from spikebert.core.declared import Amount, Count, Rate, Size, require_fields
from spikebert.core.errors import InputError
from spikebert.core.files import require_file
from spikebert.core.options import require_folder, require_least, require_most, require_seed
from spikebert.data import hub
from spikebert.data.columns import Columns, renamed
from spikebert.data.tasks import Problem
from spikebert.model.limits import BLOCKS_MAX, LEVELS_MAX, STEPS_MAX, WIDTH_MAX
from spikebert.training import teacher_folder

LEAST_TOKENS = 3  # of a text: its first word, between a BERT's own two
COPIES_MAX = 1000  # of a text: they are all in memory
PRESETS: dict[str, dict[str, int]] = {
    "tiny": dict(num_hidden_layers=2, hidden_size=128, num_attention_heads=2, max_tokens=64),
    "mini": dict(num_hidden_layers=2, hidden_size=384, num_attention_heads=6, max_tokens=128),
    "small": dict(num_hidden_layers=4, hidden_size=512, num_attention_heads=8, max_tokens=128),
    "base": dict(num_hidden_layers=12, hidden_size=768, num_attention_heads=12, max_tokens=256),
}


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """What every run has: its folder, its draws, its data."""

    task: str
    out: str
    dev: str | None = None
    label_column: str | None = None  # where the file's header, or its order, is not the usual one
    text_column: list[str] | None = None  # as above; two columns for a pair
    problem: Problem = "auto"  # whether labels are classes or numbers, see spikebert.data.tasks
    labels: str | None = None  # what the model calls those of the data: 0=negative,1=positive
    limit: Size | None = None  # training rows
    seed: int = 0
    batch_size: Size = 32

    @property
    def columns(self) -> Columns:
        return Columns(self.label_column, tuple(self.text_column or ()))

    def check(self) -> None:
        """An InputError names the first value that cannot be.

        Annotations tell what each value may be. A part adds to this what its values must be together.
        """
        require_fields(self)
        require_seed(self.seed)
        require_folder(self.out)
        renamed(self.labels)


@dataclass(frozen=True, kw_only=True)
class FromTeacher(RunSettings):
    """A model that is made from a BERT's words: what it is measured by, and reads at most."""

    teacher: str = "minilm"
    metric: str | None = None  # the task's usual one; see spikebert.data.metrics
    max_tokens: Size | None = None

    def check(self) -> None:
        super().check()
        require_least(LEAST_TOKENS, max_tokens=self.max_tokens)

    def require_inputs(self) -> None:
        """An InputError for the first file or folder that is not there, or is no teacher: before torch is loaded."""
        teacher_folder.require(self.teacher)


@dataclass(frozen=True, kw_only=True)
class Shape(FromTeacher):
    """The network that is trained."""

    preset: Literal["tiny", "mini", "small", "base"] = "mini"
    blocks: Size | None = None  # the preset's, as are the next two
    width: Size | None = None
    heads: Size | None = None
    norm: Literal["layer", "batch"] = "layer"
    reset: Literal["subtract", "zero"] = "subtract"
    residual: Literal["spikes", "membrane"] = "spikes"  # what a block adds to the stream, see spikebert.model.config
    time_steps: Size = 4
    beta: float = 0.9
    vocabulary: str | int = "whole"  # "used": of the training texts; a number: those that they use most often
    neighbours: bool = False  # whether a token's embedding tells of the tokens beside it, see spikebert.model.config
    attention_only: bool = False  # whether blocks have no MLP
    levels: Count = 1  # embedding neurons of a feature, its population; 0 with a membrane residual, which has none

    @property
    def sizes(self) -> dict[str, int]:
        """The preset's, but for those that are given."""
        given = {
            "num_hidden_layers": self.blocks,
            "hidden_size": self.width,
            "num_attention_heads": self.heads,
            "max_tokens": self.max_tokens,
        }
        return {**PRESETS[self.preset], **{name: size for name, size in given.items() if size is not None}}

    def check(self) -> None:
        super().check()
        if not (self.vocabulary in ("whole", "used") or (isinstance(self.vocabulary, int) and self.vocabulary > 0)):
            raise InputError(f"{self.vocabulary}: must be whole, used, or how many pieces are kept", field="vocabulary")
        require_most(LEVELS_MAX, levels=self.levels)
        require_most(BLOCKS_MAX, blocks=self.blocks)
        require_most(WIDTH_MAX, width=self.width)
        require_most(STEPS_MAX, time_steps=self.time_steps)
        if not 0 <= self.beta <= 1:
            raise InputError(f"{self.beta}: must lie in [0, 1]", field="beta")
        width, heads = self.sizes["hidden_size"], self.sizes["num_attention_heads"]
        if width % heads:
            if self.heads is None:
                raise InputError(f"{width}: must be a multiple of the {heads} heads; give others", field="width")
            raise InputError(f"{heads}: must be a divisor of the width, {width}", field="heads")
        if self.neighbours and width % 2:
            raise InputError(f"{width}: must be even with neighbours, which have half of it each", field="width")
        if self.residual == "membrane" and self.norm != "batch":
            raise InputError("membrane: needs batch norms, which fold into thresholds at export", field="residual")
        if self.residual == "membrane" and self.levels:
            raise InputError(
                f"{self.levels}: a membrane residual has none, since its stream begins as the embedding's current; "
                "leave it out, or train with spikes as the residual",
                field="levels",
            )
        if self.residual == "spikes" and not self.levels:
            raise InputError(f"0: a residual of spikes has 1 to {LEVELS_MAX}", field="levels")


@dataclass(frozen=True, kw_only=True)
class Taught(FromTeacher):
    """What a model learns from teachers beside the labels: which they are, and texts without labels.

    more_teachers: fine-tuned ones, or of n-grams, whose class probabilities are averaged with the teacher's.
    corpus: a file or a data set of the hub, of texts without labels.
    unlabelled: lines of the corpus that are learned from the teachers alone, beside the task.
    augment: altered copies of each training text, which the teachers alone label.
    """

    more_teachers: list[str] | None = None
    corpus: str | None = None
    unlabelled: Count = 0
    augment: Count = 0

    @property
    def others(self) -> list[str]:
        """The teachers beside the first."""
        return self.more_teachers or []

    def check(self) -> None:
        super().check()
        require_most(COPIES_MAX, augment=self.augment)
        if self.unlabelled and not self.corpus:
            raise InputError("needs a corpus, where the lines are taken from", field="unlabelled")

    def require_inputs(self) -> None:
        super().require_inputs()
        for name in self.others:
            teacher_folder.require_more(name)
        if self.corpus and not (Path(self.corpus).exists() or hub.is_name(self.corpus)):
            require_file(self.corpus, "corpus")


@dataclass(frozen=True, kw_only=True)
class Learning:
    """How long the model learns the task, and how fast."""

    epochs: Count = 3
    learning_rate: Rate = 5e-4


@dataclass(frozen=True, kw_only=True)
class Teaching:
    """The fine-tuning of a teacher."""

    teacher_epochs: Count = 2
    teacher_learning_rate: Rate = 5e-5
    teacher_pooling: Literal["first", "mean"] = "first"  # what it classifies; one already fine-tuned keeps its own


@dataclass(frozen=True)
class LossWeights:
    """The lambdas of eq. 8; the defaults are those of the authors' published training script for SST-2.

    spikes: of the mean firing rate, which eq. 8 does not have: what a spike must be worth.
    operations: of the synaptic operations per multiply-accumulate of a BERT beyond a target
        (`spikebert.model.operations`), which eq. 8 does not have either; nothing where there is no target.
    """

    feature: Amount = 0.1
    embedding: Amount = 0.1
    logits: Amount = 1.0
    cross_entropy: Amount = 0.1
    spikes: Amount = 0.0
    operations: Amount = 1.0


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Where a run computes, and how exactly."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["float32", "bf16"] = "float32"


@dataclass(frozen=True, kw_only=True)
class TeacherSettings(FromTeacher, Teaching, Machine):
    """All that decides the fine-tuning of a teacher alone."""


@dataclass(frozen=True, kw_only=True)
class Settings(Taught, Shape, Learning, Teaching, Machine):
    """All that decides a distillation: the parts above, and where a student begins and what it learns beside the task.

    init: "embeddings" from the teacher; "blocks": the blocks' weights too.
    warm_start: a model, or the folder of a run, that the student begins from in place of stage 1.
    operations_target: per multiply-accumulate of a BERT of the student's shape; None: operations have no price.
    skip_layers: blocks from the front that follow no layer of the teacher.
    cache_limit: GB of disk for the teacher's outputs in each stage.
    """

    init: Literal["embeddings", "blocks"] = "embeddings"
    stage1_epochs: Count = 1
    warm_start: str | None = None
    corpus_limit: Size = 20_000
    weights: LossWeights = field(default_factory=LossWeights)
    operations_target: Amount | None = None
    skip_layers: Count = 0
    cache_limit: Amount = 8.0

    def check(self) -> None:
        super().check()
        require_fields(self.weights, "_weight")
        if not (self.epochs or self.stage1_epochs):
            raise InputError("0: nothing would be trained, with no epoch of stage 1 either", field="epochs")
        if self.warm_start and not self.epochs:
            raise InputError("0: nothing would be trained, since a warm start stands for stage 1", field="epochs")
        blocks = self.sizes["num_hidden_layers"]
        if self.skip_layers >= blocks:
            raise InputError(f"{self.skip_layers}: must be below the number of blocks, {blocks}", field="skip_layers")

    def require_inputs(self) -> None:
        super().require_inputs()
        if self.warm_start and not Path(self.warm_start).exists():
            raise InputError(
                f"{self.warm_start}: not there; give a model or the folder of a finished run", field="warm_start"
            )


def shaped(values: dict[str, Any]) -> dict[str, Any]:
    """Values with the levels of embedding neurons that a residual has where none are given."""
    if values.get("levels") is None:
        return {**values, "levels": 0 if values.get("residual") == "membrane" else 1}
    return values


def settings_of(**values: Any) -> Settings:
    """Settings by the names of the options of `spikebert-train`, where `feature_weight` is the field of `weights`.

    Raises:
        InputError: a name that is no setting.
    """
    terms = {f"{f.name}_weight": f.name for f in fields(LossWeights)}
    weights = {terms[name]: values.pop(name) for name in list(values) if name in terms}
    unknown = sorted(values.keys() - {f.name for f in fields(Settings)})
    if unknown:
        raise InputError("is no setting of a training; spikebert.training.settings lists them", field=unknown[0])
    if weights:
        values["weights"] = LossWeights(**weights)
    paths = {name: os.fspath(value) for name, value in values.items() if isinstance(value, os.PathLike)}
    return Settings(**shaped(values | paths))
