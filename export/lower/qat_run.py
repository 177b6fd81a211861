"""The run of `spikebert-train qat`: resumable like every training, it ends with a model to export."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import torch

from export.lower.qat import QuantisedModel
from export.lower.qat_settings import QatSettings, prepare
from spikebert.core.errors import InputError
from spikebert.core.files import require_place
from spikebert.core.log import say
from spikebert.data.known_labels import in_words_of
from spikebert.data.metrics import noted
from spikebert.data.rows import Row
from spikebert.data.summary import warn_of
from spikebert.data.tasks import Task
from spikebert.model.checkpoint import FOLDER, TrainedModel, load_model, save_directory, save_model
from spikebert.training.examples import examples_for
from spikebert.training.loop import Batch, Schedule, train
from spikebert.training.losses import label_loss, logits_loss
from spikebert.training.measuring import measure
from spikebert.training.run import Run

CROSS_ENTROPY = 0.1  # beside the float model's logits, as in eq. 8


def fine_tune(settings: QatSettings, task: Task | None = None) -> Path:
    """Train on and write `OUT/model.pt`; gives its path."""
    with Run(settings, "qat") as run:
        return _fine_tune(settings, run, task or prepare(settings))


def _fine_tune(settings: QatSettings, run: Run, task: Task) -> Path:
    run.keep_task(task, settings.task)
    if run.model.exists():
        say(f"{run.model} is finished; choose another --out to train anew")
        return run.model
    require_place(run.folder / "model", FOLDER)
    original, trained = load_model(settings.model), load_model(settings.model)
    task = _in_words_of(trained, task, settings.task)
    dev = examples_for(trained, task.dev)
    model = QuantisedModel(trained, settings.bits, settings.per_channel)
    metric = noted(trained.training, trained.labels)

    def logits(batch: Batch) -> torch.Tensor:
        return model(batch.tokens, batch.mask).logits

    before = measure(logits, dev, metric, trained.labels)
    schedule = Schedule(settings.epochs, settings.batch_size, settings.learning_rate, settings.seed)
    examples = examples_for(trained, task.train)
    loss = _loss(original, logits, task.spread)
    train("qat", model, loss, examples, schedule, run.checkpoint("qat"), run.metrics)
    after = measure(logits, dev, metric, trained.labels)
    measured = {
        "accuracy_before": before.accuracy,
        "score_before": before.score.value,
        **after.record,
        "majority": task.majority,
        "dev_texts": len(dev),
    }
    run.metrics.write(stage="finished", **measured)
    notes = {k: v for k, v in asdict(settings).items() if k not in ("out", "dev", "model", "task")}
    finished = replace(model.finished(), training={**trained.training, "qat": {**notes, **measured}})
    save_directory(finished, run.folder / "model")
    save_model(finished, run.model)
    run.clear()
    say(
        f"{settings.bits}-bit integer model: before {before.score.value:.4f}, now {after} on {len(dev)} dev texts; "
        f"{run.model}"
    )
    warn_of("the integer model", after.accuracy, task.dev)
    return run.model


def _in_words_of(trained: TrainedModel, task: Task, name: str) -> Task:
    """The task, its labels as the model calls them; an InputError for one that the model was not made for."""
    if task.regression != (not trained.labels):
        raise InputError(
            f"{name}: the model predicts {'classes' if trained.labels else 'numbers'}, the task has the "
            "other; give the task that it was trained on",
            field="task",
        )

    def called(rows: list[Row]) -> list[Row]:
        labels = in_words_of([row.label for row in rows], trained.labels, trained.training, task.name)
        return [replace(row, label=label) for row, label in zip(rows, labels, strict=True)]

    return replace(task, train=called(task.train), dev=called(task.dev))


def _loss(
    original: TrainedModel, logits: Callable[[Batch], torch.Tensor], spread: float
) -> Callable[[Batch], dict[str, torch.Tensor]]:
    """The loss of a batch: how far the integer model's logits are from the float model's, and from the labels."""

    def loss(batch: Batch) -> dict[str, torch.Tensor]:
        with torch.no_grad():
            target = original.model(batch.tokens, batch.mask).logits
        own = logits(batch)
        terms = {"logits": logits_loss(own, target, spread), "cross_entropy": label_loss(own, batch.labels, spread)}
        return {"loss": terms["logits"] + CROSS_ENTROPY * terms["cross_entropy"], **terms}

    return loss
