"""From a task and a teacher to a trained model on disk: the stages of `spikebert-train`, each resumable."""

from __future__ import annotations

import random
import shutil
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from transformers import BertConfig, PreTrainedTokenizerFast

from spikebert import processes, warm_start
from spikebert import teacher as teachers
from spikebert.checkpoint import TrainedModel, save_directory, save_model
from spikebert.config import PRESETS, SpikeBertConfig
from spikebert.data import Task, load_task, majority_share, read_corpus
from spikebert.device import choose
from spikebert.distill import Student, accuracy, initialise_blocks, initialise_embeddings, stage_one, stage_two
from spikebert.errors import InputError
from spikebert.examples import examples_of, separator_of, unlabelled_examples
from spikebert.loop import Batch, Schedule, train
from spikebert.losses import LossWeights
from spikebert.model import SpikeBertForSequenceClassification
from spikebert.options import require_least, require_positive, require_seed
from spikebert.run import Run
from spikebert.targets import KeptTeacher, keep
from spikebert.teacher import Teacher

TEACHER_TOKENS = 128  # of the longest text, unless more are asked for


@dataclass(frozen=True)
class Settings:
    """All that decides a training run."""

    task: str
    out: str
    teacher: str = "minilm"
    more_teachers: list[str] | None = None  # fine-tuned ones, whose class probabilities are averaged with the teacher's
    dev: str | None = None
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
    residual: str = "spikes"  # what a block adds to the stream, see spikebert.config
    time_steps: int = 4
    beta: float = 0.9
    levels: int = 1  # of embedding neurons; 0 with a membrane residual, which has none
    max_tokens: int | None = None
    epochs: int = 3
    learning_rate: float = 5e-4
    teacher_epochs: int = 2
    teacher_learning_rate: float = 5e-5
    teacher_pooling: str = "first"  # what it classifies, see spikebert.teacher; one already fine-tuned keeps its own
    stage1_epochs: int = 1
    warm_start: str | None = None  # the folder of a run whose student this one begins from, in place of stage 1
    corpus: str | None = None
    corpus_limit: int = 20_000
    unlabelled: int = 0  # lines of the corpus that stage 2 learns from the teacher alone
    augment: int = 0  # new texts made of each training text, likewise
    weights: LossWeights = field(default_factory=LossWeights)
    operations_target: float | None = None  # per multiply-accumulate of a BERT of the student's shape; None: no price
    skip_layers: int = 0  # blocks from the front that follow no layer of the teacher
    device: str = "auto"  # see spikebert.device
    precision: str = "float32"
    cache_limit: float = 8.0  # GB of disk for the teacher's outputs in each stage

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
        if self.unlabelled and not self.corpus:
            raise InputError("--unlabelled needs --corpus: where the lines are taken from")
        if not (self.epochs or self.stage1_epochs):
            raise InputError("--epochs 0 and --stage1-epochs 0: nothing would be trained")
        if self.warm_start and not self.epochs:
            raise InputError("--epochs 0 with --warm-start, which stands for stage 1: nothing would be trained")
        width, heads, blocks = (self.sizes[n] for n in ("hidden_size", "num_attention_heads", "num_hidden_layers"))
        if width % heads:
            raise InputError(f"--heads {heads}: must be a divisor of the width, {width}")
        if self.residual == "membrane" and self.norm != "batch":
            raise InputError("--residual membrane needs --norm batch: its norms fold into thresholds at export")
        if (self.residual == "membrane") != (self.levels == 0):
            raise InputError(
                f"--levels {self.levels}: --residual membrane has none, since its stream begins as the embedding's "
                "current; leave the option out, or train with --residual spikes"
            )
        if self.skip_layers >= blocks:
            raise InputError(f"--skip-layers {self.skip_layers}: must be below the number of blocks, {blocks}")


def computing(settings: Settings) -> dict[str, Any]:
    """Where and how `train` computes."""
    return {"device": choose(settings.device), "precision": settings.precision}


def fine_tune(settings: Settings, task: Task | None = None) -> Path:
    """`spikebert-train teacher`: fine-tune a BERT for a task. Gives the folder of the finished teacher."""
    run, task = Run(settings, "teacher"), task or _task(settings)
    finished = run.folder / "model"
    if not finished.exists():
        _fine_tune(settings, run, task, finished)
    print(f"teacher in {finished}")
    return finished


def _fine_tune(settings: Settings, run: Run, task: Task, finished: Path) -> None:
    torch.manual_seed(settings.seed)  # a new head is random, and the same in every process and at every start
    model, tokenizer, _ = teachers.load(settings.teacher, task.labels, settings.teacher_pooling)
    separator = separator_of(task, tokenizer, model.config)
    longest = min(settings.max_tokens or TEACHER_TOKENS, model.config.max_position_embeddings)
    examples = examples_of(task.train, task.labels, tokenizer, longest, separator)
    schedule = Schedule(settings.teacher_epochs, settings.batch_size, settings.teacher_learning_rate, settings.seed)

    def loss(batch):
        types = teachers.token_types(batch.tokens, separator)
        output = model(input_ids=batch.tokens, attention_mask=batch.mask, token_type_ids=types, labels=batch.labels)
        return {"loss": output.loss}

    train("teacher", model, loss, examples, schedule, run.checkpoint("teacher"), run.metrics, **computing(settings))
    with processes.main_first():
        if processes.is_main():
            _keep_teacher(run, task, model, tokenizer, longest, separator, finished)


def _keep_teacher(run: Run, task: Task, model, tokenizer, longest: int, separator: int | None, finished: Path) -> None:
    """Measure on dev and write the teacher's folder, whole or not at all."""
    dev = accuracy(model, examples_of(task.dev, task.labels, tokenizer, longest, separator), separator=separator)
    run.metrics.write(stage="teacher", accuracy=dev, majority=majority_share(task.dev))
    print(f"teacher: accuracy {dev:.4f} on {len(task.dev)} dev texts (majority class {majority_share(task.dev):.4f})")
    unfinished = finished.with_name(".model")
    shutil.rmtree(unfinished, ignore_errors=True)
    model.save_pretrained(unfinished)
    tokenizer.save_pretrained(unfinished)
    unfinished.rename(finished)
    run.clear()


def distil(settings: Settings) -> Path:
    """`spikebert-train`: both stages. Gives the path of `model.pt`, beside which the model directory stands.

    With `epochs` 0 it ends after stage 1, and gives the path of the student that other runs may begin from.
    """
    run, task, seconds = Run(settings, "student"), _task(settings), 0.0
    finished = run.model if settings.epochs else run.folder / warm_start.FILE
    if finished.exists():
        print(f"{finished} is finished; choose another --out to train anew")
        return finished
    general, tokenizer, fitted = teachers.load(settings.teacher, task.labels)
    student = _new_student(settings, task, tokenizer, general)
    separator = student.model.config.separator
    # Read before anything is trained: a corpus that is not there is not to be found out after hours.
    more = _more_texts(settings, task, tokenizer) if settings.epochs else []
    others = teachers.load_more(settings.more_teachers or [], task.labels, tokenizer)
    if settings.warm_start:
        warm_start.load(student, settings.warm_start)
    elif settings.stage1_epochs:
        texts = _stage_one_texts(settings, task)
        seconds += _stage_one(settings, run, student, Teacher(general, separator), texts, tokenizer)
    expert = Teacher(general, separator)
    if settings.epochs:
        model = general
        if fitted:
            print(f"teacher: {settings.teacher} is fine-tuned for these labels, and used as it is")
        else:
            folder = fine_tune(_teacher_settings(settings), task)
            model, tokenizer, _ = teachers.load(str(folder), task.labels)
        expert = Teacher(teachers.MeanOfBerts([model, *others]) if others else model, separator)
        seconds += _stage_two(settings, run, student, expert, task, more, tokenizer)
    with processes.main_first():
        if processes.is_main():
            warm_start.save(student, run.folder)  # before model.pt, which says that the run is finished
            if settings.epochs:
                _finish(settings, run, task, student.model, expert, tokenizer, seconds)
            run.clear()
    print(f"the student, for --warm-start {run.folder}, is in {run.folder / warm_start.FILE}")
    return finished


def _new_student(settings: Settings, task: Task, tokenizer: PreTrainedTokenizerFast, general) -> Student:
    """Of the shape that the settings ask for, with the weights of the teacher that they ask for."""
    config = SpikeBertConfig(**_shape(settings, task, tokenizer, general.config))
    torch.manual_seed(settings.seed)
    student = Student(SpikeBertForSequenceClassification(config), general.config.hidden_size, settings.skip_layers)
    initialise_embeddings(student.model, Teacher(general))
    if settings.init == "blocks":
        initialise_blocks(student.model, Teacher(general))
    return student


def _task(settings: Settings) -> Task:
    task = load_task(settings.task, settings.dev)
    if task.note:
        print(task.note)
    if settings.limit and settings.limit < len(task.train):
        # A sample, not the head: files are often sorted by label.
        chosen = random.Random(settings.seed).sample(task.train, settings.limit)
        task = Task(task.name, chosen, task.dev, task.labels, task.note)
    texts = "pairs of texts" if task.pairs else "texts"
    print(f"{task.name}: {len(task.train)} training and {len(task.dev)} dev {texts}, labels {', '.join(task.labels)}")
    return task


def _shape(settings: Settings, task: Task, tokenizer: PreTrainedTokenizerFast, teacher: BertConfig) -> dict[str, Any]:
    return {
        **settings.sizes,
        "vocab_size": len(tokenizer),
        "num_labels": len(task.labels),
        "separator": separator_of(task, tokenizer, teacher),
        "norm": settings.norm,
        "reset": settings.reset,
        "residual": settings.residual,
        "time_steps": settings.time_steps,
        "beta": settings.beta,
        "embedding_levels": settings.levels,
        "max_tokens": min(settings.sizes["max_tokens"], teacher.max_position_embeddings),
    }


def _teacher_settings(settings: Settings) -> Settings:
    """The teacher of a run is a run of its own, in a folder inside; what shapes the student alone is left out."""
    longest = settings.sizes["max_tokens"]
    return Settings(
        task=settings.task,
        out=str(Path(settings.out) / "teacher"),
        teacher=settings.teacher,
        dev=settings.dev,
        limit=settings.limit,
        seed=settings.seed,
        batch_size=settings.batch_size,
        max_tokens=longest if longest > TEACHER_TOKENS else None,
        teacher_epochs=settings.teacher_epochs,
        teacher_learning_rate=settings.teacher_learning_rate,
        teacher_pooling=settings.teacher_pooling,
        device=settings.device,
        precision=settings.precision,
    )


def _stage_one_texts(settings: Settings, task: Task) -> list[str]:
    """The text of stage 1: `--corpus`, one text a line, or else the task's own without its labels."""
    if settings.corpus:
        return read_corpus(settings.corpus, settings.corpus_limit, settings.seed)
    return [row.text for row in task.train]


def _more_texts(settings: Settings, task: Task, tokenizer: PreTrainedTokenizerFast) -> list[str]:
    """What stage 2 learns beside the task, from the teacher alone: lines of the corpus, and augmented texts."""
    texts: list[str] = []
    if settings.corpus and settings.unlabelled:
        texts = read_corpus(settings.corpus, settings.unlabelled, settings.seed)
    if settings.augment:
        from spikebert.augment import Augmenter

        augmenter = Augmenter(
            (row.text for row in task.train), str(tokenizer.mask_token or ""), settings.seed, task.pairs
        )
        texts += augmenter.texts(settings.augment)
    if texts:
        print(f"{len(texts)} more texts without labels")
    return texts


def _stage_one(settings, run: Run, student: Student, teacher: Teacher, texts: list[str], tokenizer) -> float:
    config = student.model.config
    examples = unlabelled_examples(texts, tokenizer, config.max_tokens, config.separator)
    schedule = Schedule(settings.stage1_epochs, settings.batch_size, settings.learning_rate, settings.seed)
    # Stage 1 has no logits: the head keeps its initial weights and gets no gradient.
    return _stage(settings, run, "stage1", student, teacher, examples, schedule)


def _stage_two(settings, run: Run, student: Student, expert: Teacher, task: Task, more: list[str], tokenizer) -> float:
    longest, separator = student.model.config.max_tokens, student.model.config.separator
    examples = examples_of(task.train, task.labels, tokenizer, longest, separator)
    examples += unlabelled_examples(more, tokenizer, longest, separator)
    schedule = Schedule(settings.epochs, settings.batch_size, settings.learning_rate, settings.seed)
    return _stage(settings, run, "stage2", student, expert, examples, schedule)


def _stage(settings, run: Run, stage: str, student: Student, teacher: Teacher, examples, schedule: Schedule) -> float:
    """Train the student in "stage1" or "stage2", with the teacher's outputs kept on disk where that is of use.

    Gives the seconds of training, also of processes that were killed.
    """
    where = computing(settings)
    teacher = teacher.to(where["device"])
    source = keep(teacher, student.layers(teacher.layers), examples, run, stage, schedule.epochs, settings.cache_limit)

    def loss(batch: Batch) -> dict[str, torch.Tensor]:
        if stage == "stage1":
            return stage_one(student, source, batch)
        return stage_two(student, source, batch, settings.weights, settings.operations_target)

    prepare = source.prepare if isinstance(source, KeptTeacher) else None
    name = f"stage {stage[-1]}"
    checkpoint = run.checkpoint(stage)
    seconds = train(name, student, loss, examples, schedule, checkpoint, run.metrics, prepare=prepare, **where)
    processes.wait()
    if processes.is_main():
        run.clear_targets(stage)
    return seconds


def _finish(settings: Settings, run: Run, task: Task, model, expert: Teacher, tokenizer, seconds: float) -> None:
    """Measure on dev and write the model."""
    dev = examples_of(task.dev, task.labels, tokenizer, model.config.max_tokens, model.config.separator)
    result = {
        "accuracy": accuracy(model, dev),
        "teacher_accuracy": accuracy(expert.model, dev, separator=expert.separator),
        "majority": majority_share(task.dev),
        "dev_texts": len(dev),
    }
    run.metrics.write(stage="finished", seconds=round(seconds, 1), **result)
    training = {
        **{k: v for k, v in asdict(settings).items() if k not in ("out", "dev", "corpus", "cache_limit", "warm_start")},
        "task": task.name,
        "teacher": Path(settings.teacher).name,
        "more_teachers": [Path(name).name for name in settings.more_teachers or []],
        "teacher_shape": expert.shape,  # energy reports price it
        "corpus": Path(settings.corpus).name if settings.corpus else None,
        "warm_start": Path(settings.warm_start).name if settings.warm_start else None,
        "train_texts": len(task.train),
        **result,
        "versions": {name: version(name) for name in ("spikebert", "torch", "transformers")},
    }
    trained = TrainedModel(model.eval(), tokenizer.backend_tokenizer.to_str(), task.labels, training)
    save_directory(trained, run.folder / "model")
    save_model(trained, run.model)
    print(
        f"SpikeBERT: accuracy {result['accuracy']:.4f} on {len(dev)} dev texts "
        f"(teacher {result['teacher_accuracy']:.4f}, majority class {result['majority']:.4f}); "
        f"{run.model} and {run.folder / 'model'}"
    )
