"""From a task and a teacher to a trained model on disk: the stages of `spikebert-train`, each resumable."""

from __future__ import annotations

import fcntl
import json
import random
import shutil
import time
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import torch
from transformers import PreTrainedTokenizerFast

from spikebert import processes
from spikebert import teacher as teachers
from spikebert.checkpoint import TrainedModel, save_directory, save_model
from spikebert.config import PRESETS, SpikeBertConfig
from spikebert.data import Row, Task, load_task, majority_share, read_lines, sample
from spikebert.distill import Student, accuracy, initialise_embeddings, stage_one, stage_two
from spikebert.errors import InputError
from spikebert.files import require_file, write_atomically
from spikebert.loop import NO_LABEL, Example, Metrics, Schedule, train
from spikebert.losses import LossWeights
from spikebert.model import SpikeBertForSequenceClassification
from spikebert.teacher import Teacher


@dataclass(frozen=True)
class Settings:
    """All that decides a training run."""

    task: str
    out: str
    teacher: str = "minilm"
    dev: str | None = None
    limit: int | None = None  # training rows
    seed: int = 0
    batch_size: int = 32
    preset: str = "mini"
    blocks: int | None = None  # the preset's
    norm: str = "layer"
    reset: str = "subtract"
    time_steps: int = 4
    beta: float = 0.9
    max_tokens: int | None = None
    epochs: int = 3
    learning_rate: float = 5e-4
    teacher_epochs: int = 2
    teacher_learning_rate: float = 5e-5
    stage1_epochs: int = 1
    corpus: str | None = None
    corpus_limit: int = 20_000
    unlabelled: int = 0  # lines of the corpus that stage 2 learns from the teacher alone
    augment: int = 0  # new texts made of each training text, likewise
    weights: LossWeights = field(default_factory=LossWeights)

    def check(self) -> None:
        """An InputError names the first value that cannot be."""
        for name in ("batch_size", "blocks", "time_steps", "epochs", "limit", "max_tokens", "corpus_limit"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"--{name.replace('_', '-')} {value}: must be at least 1")
        for name in ("teacher_epochs", "stage1_epochs", "unlabelled", "augment"):
            if getattr(self, name) < 0:
                raise InputError(f"--{name.replace('_', '-')} {getattr(self, name)}: must not be negative")
        if self.unlabelled and not self.corpus:
            raise InputError("--unlabelled needs --corpus: the file that the lines are taken from")


class Checked(Protocol):
    """Settings of any kind of run: a dataclass with a folder, which knows what it may not hold."""

    @property
    def out(self) -> str: ...

    def check(self) -> None: ...


class Run:
    """The folder of a run: its log, its checkpoints, and the settings that it may be resumed with."""

    def __init__(self, settings: Checked):
        settings.check()
        self.folder = Path(settings.out)
        if self.folder.exists() and not self.folder.is_dir():
            raise InputError(f"--out {self.folder}: is a file; give a folder")
        self.folder.mkdir(parents=True, exist_ok=True)
        self.metrics = Metrics(self.folder / "metrics.jsonl")
        with processes.main_first():
            if processes.is_main():
                self._lock()
            self._claim({k: v for k, v in asdict(settings).items() if k != "out"})  # type: ignore[call-overload]

    def _lock(self) -> None:
        """Held as long as this object lives: two processes that train into one folder would mix their checkpoints."""
        self.lock = (self.folder / ".lock").open("w")
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                f"--out {self.folder}: another process is training into it; wait for it, or end it"
            ) from None

    def _claim(self, wanted: dict[str, Any]) -> None:
        record = self.folder / "settings.json"
        if record.exists() and json.loads(record.read_text("utf-8")) != wanted:
            raise InputError(
                f"--out {self.folder}: holds a run with other settings; repeat that run's command to go on with it, "
                "or choose another folder"
            )
        write_atomically(record, lambda path: path.write_text(json.dumps(wanted, indent=1), "utf-8"))

    def checkpoint(self, stage: str) -> Path:
        return self.folder / f"{stage}.checkpoint"

    @property
    def model(self) -> Path:
        return self.folder / "model.pt"

    def clear(self) -> None:
        """Checkpoints are large and of no use once the model stands; nor is what a killed run was writing."""
        for path in self.folder.glob("*.checkpoint*"):
            path.unlink()


def tokenise(texts: list[str], tokenizer: PreTrainedTokenizerFast, longest: int) -> list[list[int]]:
    """Token ids; texts of more than `longest` tokens are cut, and how many is said."""
    if not texts:
        return []
    encoded: list[list[int]] = tokenizer(texts, truncation=False, verbose=False)["input_ids"]  # type: ignore[assignment]
    cut = sum(len(tokens) > longest for tokens in encoded)
    if cut:
        print(f"{cut} of {len(texts)} texts are longer than {longest} tokens and were cut")
        encoded = tokenizer(texts, truncation=True, max_length=longest)["input_ids"]  # type: ignore[assignment]
    return encoded


def examples_of(rows: list[Row], labels: list[str], tokenizer: PreTrainedTokenizerFast, longest: int) -> list[Example]:
    """Labelled examples, cut as `tokenise` does."""
    encoded = tokenise([row.text for row in rows], tokenizer, longest)
    return [Example(tokens, labels.index(row.label)) for tokens, row in zip(encoded, rows, strict=True)]


def unlabelled_examples(texts: list[str], tokenizer: PreTrainedTokenizerFast, longest: int) -> list[Example]:
    return [Example(tokens, NO_LABEL) for tokens in tokenise(texts, tokenizer, longest)]


def fine_tune(settings: Settings, task: Task | None = None) -> Path:
    """`spikebert-train teacher`: fine-tune a BERT for a task. Gives the folder of the finished teacher."""
    run, task = Run(settings), task or _task(settings)
    finished = run.folder / "model"
    model, tokenizer, _ = teachers.load(settings.teacher, task.labels)
    if not finished.exists():
        longest = min(settings.max_tokens or 128, model.config.max_position_embeddings)
        examples = examples_of(task.train, task.labels, tokenizer, longest)
        schedule = Schedule(settings.teacher_epochs, settings.batch_size, settings.teacher_learning_rate, settings.seed)

        def loss(batch):
            return {"loss": model(input_ids=batch.tokens, attention_mask=batch.mask, labels=batch.labels).loss}

        train("teacher", model, loss, examples, schedule, run.checkpoint("teacher"), run.metrics)
        with processes.main_first():
            if processes.is_main():
                _keep_teacher(run, task, model, tokenizer, longest, finished)
    print(f"teacher in {finished}")
    return finished


def _keep_teacher(run: Run, task: Task, model, tokenizer, longest: int, finished: Path) -> None:
    """Measure on dev and write the teacher's folder, whole or not at all."""
    dev = accuracy(model, examples_of(task.dev, task.labels, tokenizer, longest))
    run.metrics.write(stage="teacher", accuracy=dev, majority=majority_share(task.dev))
    print(f"teacher: accuracy {dev:.4f} on {len(task.dev)} dev texts (majority class {majority_share(task.dev):.4f})")
    unfinished = finished.with_name(".model")
    shutil.rmtree(unfinished, ignore_errors=True)
    model.save_pretrained(unfinished)
    tokenizer.save_pretrained(unfinished)
    unfinished.rename(finished)
    run.clear()


def distil(settings: Settings) -> Path:
    """`spikebert-train`: both stages. Gives the path of `model.pt`, beside which the model directory stands."""
    run, task, started = Run(settings), _task(settings), time.time()
    if run.model.exists():
        print(f"{run.model} is finished; choose another --out to train anew")
        return run.model
    general, tokenizer, fitted = teachers.load(settings.teacher, task.labels)
    config = SpikeBertConfig(**_shape(settings, tokenizer, general.config.max_position_embeddings, len(task.labels)))
    torch.manual_seed(settings.seed)
    student = Student(SpikeBertForSequenceClassification(config), general.config.hidden_size)
    initialise_embeddings(student.model, Teacher(general))
    if settings.stage1_epochs:
        _stage_one(settings, run, student, Teacher(general), _stage_one_texts(settings, task), tokenizer)
    if fitted:
        expert = general
    else:
        folder = fine_tune(_teacher_settings(settings), task)
        expert, tokenizer, _ = teachers.load(str(folder), task.labels)
    expert = Teacher(expert)
    examples = examples_of(task.train, task.labels, tokenizer, config.max_tokens)
    examples += unlabelled_examples(_more_texts(settings, task, tokenizer), tokenizer, config.max_tokens)
    schedule = Schedule(settings.epochs, settings.batch_size, settings.learning_rate, settings.seed)
    train(
        "stage 2",
        student,
        lambda batch: stage_two(student, expert, batch, settings.weights),
        examples,
        schedule,
        run.checkpoint("stage2"),
        run.metrics,
    )
    with processes.main_first():
        if processes.is_main():
            _finish(settings, run, task, student.model, expert, tokenizer, time.time() - started)
    return run.model


def _task(settings: Settings) -> Task:
    task = load_task(settings.task, settings.dev)
    if task.note:
        print(task.note)
    if settings.limit and settings.limit < len(task.train):
        # A sample, not the head: files are often sorted by label.
        chosen = random.Random(settings.seed).sample(task.train, settings.limit)
        task = Task(task.name, chosen, task.dev, task.labels, task.note)
    print(f"{task.name}: {len(task.train)} training and {len(task.dev)} dev texts, labels {', '.join(task.labels)}")
    return task


def _shape(settings: Settings, tokenizer: PreTrainedTokenizerFast, positions: int, labels: int) -> dict[str, Any]:
    preset = PRESETS[settings.preset]
    return {
        **preset,
        "num_hidden_layers": settings.blocks or preset["num_hidden_layers"],
        "vocab_size": len(tokenizer),
        "num_labels": labels,
        "norm": settings.norm,
        "reset": settings.reset,
        "time_steps": settings.time_steps,
        "beta": settings.beta,
        "max_tokens": min(settings.max_tokens or preset["max_tokens"], positions),
    }


def _teacher_settings(settings: Settings) -> Settings:
    """The teacher of a run is a run of its own, in a folder inside; what shapes the student alone is left out."""
    return Settings(
        task=settings.task,
        out=str(Path(settings.out) / "teacher"),
        teacher=settings.teacher,
        dev=settings.dev,
        limit=settings.limit,
        seed=settings.seed,
        batch_size=settings.batch_size,
        teacher_epochs=settings.teacher_epochs,
        teacher_learning_rate=settings.teacher_learning_rate,
    )


def _corpus(settings: Settings, count: int) -> list[str]:
    """`count` lines of `--corpus`, drawn by the seed from the whole file."""
    path = require_file(str(settings.corpus), "corpus")
    lines = sample((line for _, line in read_lines(path) if line.strip()), count, settings.seed)
    if not lines:
        raise InputError(f"--corpus {path}: holds no text")
    return lines


def _stage_one_texts(settings: Settings, task: Task) -> list[str]:
    """The text of stage 1: `--corpus`, one text a line, or else the task's own without its labels."""
    return _corpus(settings, settings.corpus_limit) if settings.corpus else [row.text for row in task.train]


def _more_texts(settings: Settings, task: Task, tokenizer: PreTrainedTokenizerFast) -> list[str]:
    """What stage 2 learns beside the task, from the teacher alone: lines of the corpus, and augmented texts."""
    texts = _corpus(settings, settings.unlabelled) if settings.unlabelled else []
    if settings.augment:
        from spikebert.augment import Augmenter

        augmenter = Augmenter((row.text for row in task.train), str(tokenizer.mask_token or ""), settings.seed)
        texts += augmenter.texts(settings.augment)
    if texts:
        print(f"{len(texts)} more texts without labels")
    return texts


def _stage_one(settings, run: Run, student: Student, teacher: Teacher, texts: list[str], tokenizer) -> None:
    examples = unlabelled_examples(texts, tokenizer, student.model.config.max_tokens)
    schedule = Schedule(settings.stage1_epochs, settings.batch_size, settings.learning_rate, settings.seed)
    # Stage 1 has no logits: the head keeps its initial weights and gets no gradient.
    train(
        "stage 1",
        student,
        lambda batch: stage_one(student, teacher, batch),
        examples,
        schedule,
        run.checkpoint("stage1"),
        run.metrics,
    )


def _finish(settings: Settings, run: Run, task: Task, model, expert: Teacher, tokenizer, seconds: float) -> None:
    """Measure on dev and write the model."""
    dev = examples_of(task.dev, task.labels, tokenizer, model.config.max_tokens)
    result = {
        "accuracy": accuracy(model, dev),
        "teacher_accuracy": accuracy(expert.model, dev),
        "majority": majority_share(task.dev),
        "dev_texts": len(dev),
    }
    run.metrics.write(stage="finished", seconds=round(seconds, 1), **result)
    training = {
        **{k: v for k, v in asdict(settings).items() if k not in ("out", "dev", "corpus")},
        "task": task.name,
        "teacher": Path(settings.teacher).name,
        "teacher_shape": expert.shape,  # energy reports price it
        "corpus": Path(settings.corpus).name if settings.corpus else None,
        "train_texts": len(task.train),
        **result,
        "versions": {name: version(name) for name in ("spikebert", "torch", "transformers")},
    }
    trained = TrainedModel(model.eval(), tokenizer.backend_tokenizer.to_str(), task.labels, training)
    save_directory(trained, run.folder / "model")
    save_model(trained, run.model)
    run.clear()
    print(
        f"SpikeBERT: accuracy {result['accuracy']:.4f} on {len(dev)} dev texts "
        f"(teacher {result['teacher_accuracy']:.4f}, majority class {result['majority']:.4f}); "
        f"{run.model} and {run.folder / 'model'}"
    )
