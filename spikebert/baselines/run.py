"""A baseline from a task to its accuracy, resumable like every training; SpikeBERT's settings mean the same here."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import nn

from spikebert.baselines.counting import counts
from spikebert.baselines.settings import SNN_TEXTCNN, SPIKFORMER, TEXTCNN, BaselineSettings
from spikebert.baselines.textcnn import SpikingTextCNN, TextCNN
from spikebert.core.errors import InputError, all_printable
from spikebert.core.files import require_place, write_atomically
from spikebert.core.log import say
from spikebert.data.metrics import chosen
from spikebert.data.summary import warn_of
from spikebert.data.tasks import Task
from spikebert.model.checkpoint import FOLDER, TrainedModel, save_directory, save_model
from spikebert.model.config import SpikeBertConfig
from spikebert.model.model import SpikeBertForSequenceClassification
from spikebert.training import processes
from spikebert.training import teacher as teachers
from spikebert.training.distill import initialise_embeddings, initialise_head
from spikebert.training.examples import examples_for, examples_of, separator_of, taught_examples
from spikebert.training.loop import Batch, Schedule, train
from spikebert.training.losses import label_loss, logits_loss, weighted
from spikebert.training.measuring import measure_model
from spikebert.training.pipeline import computing, remember_teachers, student_shape
from spikebert.training.preparation import prepare
from spikebert.training.run import Run
from spikebert.training.settings import LossWeights
from spikebert.training.teacher import Teacher
from spikebert.training.texts import more_texts
from spikebert.training.vocabulary import keeping

MODELS: dict[str, Callable[[SpikeBertConfig], nn.Module]] = {
    TEXTCNN: TextCNN,
    SNN_TEXTCNN: SpikingTextCNN,
    SPIKFORMER: SpikeBertForSequenceClassification,
}
RESULT = "result.json"


def fit(settings: BaselineSettings, task: Task | None = None) -> Path:
    """`spikebert-train baseline`: train on cross entropy, or distil. Gives the path of OUT/result.json.

    The directly trained Spikformer is a SpikeBERT: it is also written as `model.pt`, to export and simulate.
    """
    with Run(settings, "baseline") as run:
        return _fit(settings, run, task or prepare(settings))


def _fit(settings: BaselineSettings, run: Run, task: Task) -> Path:
    run.keep_task(task, settings.task)
    result_file = run.folder / RESULT
    if result_file.exists():
        say(f"{result_file} is finished; choose another --out to train anew")
        return result_file
    require_place(run.folder / "model", FOLDER)
    source, tokenizer, fitted = teachers.load(settings.teacher, task.labels, head=teachers.Head.UNUSED)
    config = SpikeBertConfig(**student_shape(settings, task, tokenizer, source.config))
    torch.manual_seed(settings.seed)
    model: Any = MODELS[settings.model](config)
    initialise_head(model.readout.head if isinstance(model, SpikeBertForSequenceClassification) else model.head, task)
    if not settings.from_scratch:
        initialise_embeddings(model, Teacher(source))  # type: ignore[arg-type]

    expert = _expert(settings, run, task, source, tokenizer, fitted) if settings.distil else None
    more = more_texts(settings, run, task, tokenizer)

    def loss(batch: Batch) -> dict[str, torch.Tensor]:
        logits = model(batch.tokens, batch.mask).logits
        if expert is None:
            return {"loss": label_loss(logits, batch.labels, task.spread)}
        return distillation(logits, expert.targets(batch, ()).logits, batch.labels, task.spread)

    examples = taught_examples(task, more, tokenizer, config.max_tokens, config.separator)
    schedule = Schedule(settings.epochs, settings.batch_size, settings.learning_rate, settings.seed)
    seconds = train(
        settings.model,
        model,
        loss,
        examples,
        schedule,
        run.checkpoint(settings.model),
        run.metrics,
        **computing(settings),
    )
    with processes.main_first():
        if processes.is_main():
            _finish(settings, run, task, _Learned(model, tokenizer, expert, more), seconds)
    return result_file


def _expert(settings: BaselineSettings, run: Run, task: Task, source, tokenizer, fitted: bool) -> Teacher:
    """Who teaches: the teacher, or the mean of several."""
    if not fitted:
        raise InputError(
            f"{settings.teacher}: is not fine-tuned for the task, which `spikebert-train teacher` does; or leave out "
            "--distil",
            field="teacher",
        )
    remember_teachers(settings, run)
    others = teachers.load_more(settings.others, task.labels, tokenizer)
    expert = Teacher(teachers.mean_of(source, others), separator_of(task, tokenizer, source.config))
    return expert.to(computing(settings)["device"])


def distillation(
    logits: torch.Tensor, taught: torch.Tensor, labels: torch.Tensor, spread: float
) -> dict[str, torch.Tensor]:
    """The terms of eq. 8 that a network without SpikeBERT's layers has, by their weights there."""
    terms = {"logits": logits_loss(logits, taught, spread), "cross_entropy": label_loss(logits, labels, spread)}
    return weighted(terms, LossWeights())


@dataclass(frozen=True)
class _Learned:
    """A network at the end of its training; `more` are the texts that it learned beside the task's."""

    model: Any
    tokenizer: Any
    expert: Teacher | None
    more: list[str]

    def kept(self, settings: BaselineSettings, task: Task) -> TrainedModel | None:
        """A Spikformer as the SpikeBERT that it is, with the word pieces that it shall keep."""
        if not isinstance(self.model, SpikeBertForSequenceClassification):
            return None
        whole = TrainedModel(self.model.eval(), self.tokenizer.backend_tokenizer.to_str(), task.labels, {})
        return keeping(settings.vocabulary, whole, [*(row.text for row in task.train), *self.more])


def _finish(settings: BaselineSettings, run: Run, task: Task, learned: _Learned, seconds: float) -> None:
    """Measure on dev and write what the run leaves."""
    model, expert, config = learned.model, learned.expert, learned.model.config
    dev = examples_of(task.dev, task.labels, learned.tokenizer, config.max_tokens, config.separator)
    metric = chosen(settings.metric, task.name, task.labels)
    taught = expert and measure_model(expert.model, dev, metric, task.labels, expert.separator)
    trained = learned.kept(settings, task)
    if trained:
        model = trained.model
        if settings.vocabulary != "whole":  # a smaller one cuts the texts into other pieces
            dev = examples_for(trained, task.dev)
    found = measure_model(model, dev, metric, task.labels)
    result = {
        **found.record,
        **({"teacher_accuracy": taught.accuracy, "teacher_score": taught.score.value} if taught else {}),
        "majority": task.majority,
        "dev_texts": len(dev),
        "train_texts": len(task.train),
        "parameters": sum(p.numel() for p in model.parameters()),
        "seconds": round(seconds, 1),
    }
    run.metrics.write(stage="finished", **result)
    if trained:
        versions = {name: version(name) for name in ("spikebert", "torch", "transformers")}
        told = {"baseline": settings.model, "task": task.name, "labels": settings.labels, "seed": settings.seed}
        told = all_printable({**trained.training, **told, **result, "versions": versions})
        trained = replace(trained, training=told)
        save_directory(trained, run.folder / "model")
        save_model(trained, run.model)
    result_file = run.folder / RESULT
    if not trained:  # a Spikformer's counts come from simulating what it is exported as
        result["counts"] = counts(model, dev)
    content = all_printable({**result, "settings": {k: v for k, v in asdict(settings).items() if k != "out"}})
    write_atomically(result_file, lambda path: path.write_text(json.dumps(content, indent=1), "utf-8"))
    run.clear()
    known = [f"teacher {taught.score.value:.4f}"] if taught else []
    known += [] if task.regression else [f"majority class {result['majority']:.4f}"]
    beside = f" ({', '.join(known)})" if known else ""
    say(f"{settings.model}: {found} on {len(dev)} dev texts{beside}; {result_file}")
    warn_of(settings.model, found.accuracy, task.dev)
