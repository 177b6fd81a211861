"""All that decides a training run, checked before anything heavy is loaded. No torch here."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from spikebert.core.errors import InputError
from spikebert.core.files import require_file
from spikebert.core.options import require_folder, require_least, require_positive, require_seed
from spikebert.data import hub
from spikebert.data.columns import Columns, renamed
from spikebert.data.tasks import PROBLEMS
from spikebert.model.limits import LEVELS_MAX
from spikebert.training import teacher_folder

PRESETS: dict[str, dict[str, int]] = {
    "tiny": dict(num_hidden_layers=2, hidden_size=128, num_attention_heads=2, max_tokens=64),
    "mini": dict(num_hidden_layers=2, hidden_size=384, num_attention_heads=6, max_tokens=128),
    "small": dict(num_hidden_layers=4, hidden_size=512, num_attention_heads=8, max_tokens=128),
    "base": dict(num_hidden_layers=12, hidden_size=768, num_attention_heads=12, max_tokens=256),
}


@dataclass(frozen=True)
class LossWeights:
    """The lambdas of eq. 8; the defaults are those of the authors' published training script for SST-2.

    spikes: of the mean firing rate, which eq. 8 does not have: what a spike must be worth.
    operations: of the synaptic operations per multiply-accumulate of a BERT beyond a target
        (`spikebert.model.operations`), which eq. 8 does not have either; nothing where there is no target.
    """

    feature: float = 0.1
    embedding: float = 0.1
    logits: float = 1.0
    cross_entropy: float = 0.1
    spikes: float = 0.0
    operations: float = 1.0


@dataclass(frozen=True)
class Settings:
    """All that decides a training run."""

    task: str
    out: str
    teacher: str = "minilm"
    more_teachers: list[str] | None = None  # fine-tuned ones, whose class probabilities are averaged with the teacher's
    dev: str | None = None
    label_column: str | None = None  # where the file's header, or its order, is not the usual one
    text_column: list[str] | None = None  # as above; two columns for a pair
    problem: str = "auto"  # whether labels are classes or numbers, see spikebert.data.tasks
    metric: str | None = None  # the task's usual one; see spikebert.data.metrics
    labels: str | None = None  # what the model calls those of the data: 0=negative,1=positive
    limit: int | None = None  # training rows
    seed: int = 0
    batch_size: int = 32
    preset: str = "mini"
    blocks: int | None = None  # the preset's, as are the next two
    width: int | None = None
    heads: int | None = None
    init: str = "embeddings"  # from the teacher; "blocks": the blocks' weights too
    norm: str = "layer"
    reset: str = "subtract"
    residual: str = "spikes"  # what a block adds to the stream, see spikebert.model.config
    time_steps: int = 4
    beta: float = 0.9
    vocabulary: str | int = "whole"  # "used": of the training texts; a number: those that they use most often
    levels: int = 1  # of embedding neurons; 0 with a membrane residual, which has none
    max_tokens: int | None = None
    epochs: int = 3
    learning_rate: float = 5e-4
    teacher_epochs: int = 2
    teacher_learning_rate: float = 5e-5
    teacher_pooling: str = (
        "first"  # what it classifies, see spikebert.training.teacher; one already fine-tuned keeps its own
    )
    stage1_epochs: int = 1
    warm_start: str | None = None  # a model, or the folder of a run, that the student begins from in place of stage 1
    corpus: str | None = None
    corpus_limit: int = 20_000
    unlabelled: int = 0  # lines of the corpus that stage 2 learns from the teacher alone
    augment: int = 0  # altered copies of each training text, which the teacher alone labels
    weights: LossWeights = field(default_factory=LossWeights)
    operations_target: float | None = None  # per multiply-accumulate of a BERT of the student's shape; None: no price
    skip_layers: int = 0  # blocks from the front that follow no layer of the teacher
    device: str = "auto"  # see spikebert.training.device
    precision: str = "float32"
    cache_limit: float = 8.0  # GB of disk for the teacher's outputs in each stage

    @property
    def columns(self) -> Columns:
        return Columns(self.label_column, tuple(self.text_column or ()))

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
        """An InputError names the first value that cannot be."""
        one = ("batch_size", "blocks", "width", "heads", "time_steps", "limit", "max_tokens", "corpus_limit")
        none = ("epochs", "teacher_epochs", "stage1_epochs", "unlabelled", "augment", "skip_layers", "cache_limit")
        require_least(1, **{name: getattr(self, name) for name in one})
        require_least(0, **{name: getattr(self, name) for name in (*none, "levels", "operations_target")})
        require_least(0, **{f"{name}_weight": weight for name, weight in asdict(self.weights).items()})
        require_positive(learning_rate=self.learning_rate, teacher_learning_rate=self.teacher_learning_rate)
        require_seed(self.seed)
        require_folder(self.out)
        renamed(self.labels)
        if not (self.vocabulary in ("whole", "used") or (isinstance(self.vocabulary, int) and self.vocabulary > 0)):
            raise InputError(f"{self.vocabulary}: must be whole, used, or how many pieces are kept", field="vocabulary")
        if self.problem not in PROBLEMS:
            raise InputError(f"{self.problem}: must be one of {', '.join(PROBLEMS)}", field="problem")
        if self.levels > LEVELS_MAX:
            raise InputError(f"{self.levels}: must be at most {LEVELS_MAX}", field="levels")
        if not 0 <= self.beta <= 1:
            raise InputError(f"{self.beta}: must lie in [0, 1]", field="beta")
        if self.unlabelled and not self.corpus:
            raise InputError("needs a corpus, where the lines are taken from", field="unlabelled")
        if not (self.epochs or self.stage1_epochs):
            raise InputError("0: nothing would be trained, with no epoch of stage 1 either", field="epochs")
        if self.warm_start and not self.epochs:
            raise InputError("0: nothing would be trained, since a warm start stands for stage 1", field="epochs")
        width, heads, blocks = (self.sizes[n] for n in ("hidden_size", "num_attention_heads", "num_hidden_layers"))
        if width % heads:
            raise InputError(f"{heads}: must be a divisor of the width, {width}", field="heads")
        if self.residual == "membrane" and self.norm != "batch":
            raise InputError("membrane: needs batch norms, which fold into thresholds at export", field="residual")
        if (self.residual == "membrane") != (self.levels == 0):
            raise InputError(
                f"{self.levels}: a membrane residual has none, since its stream begins as the embedding's current; "
                "leave it out, or train with spikes as the residual",
                field="levels",
            )
        if self.skip_layers >= blocks:
            raise InputError(f"{self.skip_layers}: must be below the number of blocks, {blocks}", field="skip_layers")

    def require_inputs(self) -> None:
        """An InputError for the first file or folder that is not there, or is no teacher: before torch is loaded."""
        for name in (self.teacher, *(self.more_teachers or ())):
            teacher_folder.require(name)
        if self.corpus and not (Path(self.corpus).exists() or hub.is_name(self.corpus)):
            require_file(self.corpus, "corpus")
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
    return Settings(**shaped(values))
