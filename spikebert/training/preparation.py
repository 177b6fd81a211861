"""What comes before a training: all that can be wrong with its arguments and its data is told here. No torch."""

from __future__ import annotations

import random
from dataclasses import replace

from spikebert.data.columns import renamed
from spikebert.data.metrics import chosen
from spikebert.data.summary import announce
from spikebert.data.tasks import Task, load_task, with_labels
from spikebert.training.settings import FromTeacher, RunSettings


def prepare(settings: FromTeacher) -> Task:
    """The task that the settings ask for, which is shown.

    Raises:
        InputError: a value that cannot be, a file or a teacher that is not there, data that cannot be read for sure,
            a metric that does not go with the task's labels.
    """
    settings.check()
    settings.require_inputs()
    task = named_task(settings)
    chosen(settings.metric, task.name, task.labels)
    announce(task)
    return task


def named_task(settings: RunSettings) -> Task:
    """The task whose labels have the model's names for them."""
    return with_labels(limited_task(settings), renamed(settings.labels))


def limited_task(settings: RunSettings) -> Task:
    """The task with `limit` training rows: a sample, not the head, since files are often sorted by label."""
    task = load_task(settings.task, settings.dev, settings.columns, settings.problem)
    if not settings.limit or settings.limit >= len(task.train):
        return task
    return replace(task, train=random.Random(settings.seed).sample(task.train, settings.limit))
