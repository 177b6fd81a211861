"""A baseline from a task to its accuracy, resumable like every training; SpikeBERT's settings mean the same here."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import nn

from spikebert.baselines.settings import SNN_TEXTCNN, SPIKFORMER, TEXTCNN, BaselineSettings
from spikebert.baselines.textcnn import SpikingTextCNN, TextCNN
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
from spikebert.training.examples import examples_for, examples_of
from spikebert.training.loop import Batch, Schedule, train
from spikebert.training.losses import label_loss
from spikebert.training.measuring import measure_model
from spikebert.training.pipeline import computing, student_shape
from spikebert.training.preparation import prepare
from spikebert.training.run import Run
from spikebert.training.teacher import Teacher
from spikebert.training.vocabulary import keeping

MODELS: dict[str, Callable[[SpikeBertConfig], nn.Module]] = {
    TEXTCNN: TextCNN,
    SNN_TEXTCNN: SpikingTextCNN,
    SPIKFORMER: SpikeBertForSequenceClassification,
}
RESULT = "result.json"


def fit(settings: BaselineSettings, task: Task | None = None) -> Path:
    """`spikebert-train baseline`: train on cross entropy alone. Gives the path of OUT/result.json.

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
    source, tokenizer, _ = teachers.load(settings.teacher, task.labels, head=teachers.Head.UNUSED)
    config = SpikeBertConfig(**student_shape(settings, task, tokenizer, source.config))
    torch.manual_seed(settings.seed)
    model: Any = MODELS[settings.model](config)
    initialise_head(model.readout.head if isinstance(model, SpikeBertForSequenceClassification) else model.head, task)
    if not settings.from_scratch:
        initialise_embeddings(model, Teacher(source))  # type: ignore[arg-type]

    def loss(batch: Batch) -> dict[str, torch.Tensor]:
        return {"loss": label_loss(model(batch.tokens, batch.mask).logits, batch.labels, task.spread)}

    examples = examples_of(task.train, task.labels, tokenizer, config.max_tokens, config.separator)
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
            _finish(settings, run, task, model, tokenizer, config, seconds)
    return result_file


def _finish(settings: BaselineSettings, run: Run, task: Task, model, tokenizer, config, seconds: float) -> None:
    """Measure on dev and write what the run leaves."""
    trained = None
    if isinstance(model, SpikeBertForSequenceClassification):
        whole = TrainedModel(model.eval(), tokenizer.backend_tokenizer.to_str(), task.labels, {})
        trained = keeping(settings.vocabulary, whole, [row.text for row in task.train])
        model, dev = trained.model, examples_for(trained, task.dev)
    else:
        dev = examples_of(task.dev, task.labels, tokenizer, config.max_tokens, config.separator)
    found = measure_model(model, dev, chosen(settings.metric, task.name, task.labels), task.labels)
    result = {
        **found.record,
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
        trained = replace(trained, training={**trained.training, **told, **result, "versions": versions})
        save_directory(trained, run.folder / "model")
        save_model(trained, run.model)
    result_file = run.folder / RESULT
    content = {**result, "settings": {k: v for k, v in asdict(settings).items() if k != "out"}}
    write_atomically(result_file, lambda path: path.write_text(json.dumps(content, indent=1), "utf-8"))
    run.clear()
    beside = "" if task.regression else f" (majority class {result['majority']:.4f})"
    say(f"{settings.model}: {found} on {len(dev)} dev texts{beside}; {result_file}")
    warn_of(settings.model, found.accuracy, task.dev)
