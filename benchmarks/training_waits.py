"""What a training waits for beside its steps: the tagging of its texts, and the reading of the teacher's outputs.

    python benchmarks/training_waits.py

`spikebert-train` does neither ahead of time. Texts are tagged once, before the first step, however many copies are
made. A batch's teacher outputs are read from the disk's cache within its step.
"""

from __future__ import annotations

import argparse
import tempfile
import time

import torch
from training import OURS, training_step
from turns import least

from spikebert.data.tasks import load_task
from spikebert.model.config import SpikeBertConfig
from spikebert.model.model import SpikeBertForSequenceClassification
from spikebert.training import teacher
from spikebert.training.allocator import keep_freed_memory
from spikebert.training.augment import Augmenter
from spikebert.training.examples import examples_of
from spikebert.training.loop import Batch
from spikebert.training.run import Run
from spikebert.training.settings import PRESETS, Settings
from spikebert.training.targets import CachedTeacher
from spikebert.training.teacher import Teacher

KEPT = 1024  # texts whose teacher outputs are kept on disk


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--task", default="tweets", help="whose texts are tagged (default: %(default)s)")
    p.add_argument("--copies", type=int, default=4)
    p.add_argument("--batch-size", type=int, default=32)
    options = p.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()
    task, (model, tokenizer, _) = load_task(options.task), teacher.load("minilm", ["0", "1"])

    started = time.perf_counter()
    augmenter = Augmenter((row.text for row in task.train), "[MASK]", 0)
    tagged = time.perf_counter()
    copies = len(augmenter.texts(options.copies))
    print(f"tagging {len(task.train):,} texts {tagged - started:.1f} s; ", end="")
    print(f"making {copies:,} copies of them {time.perf_counter() - tagged:.1f} s")

    shape = {**PRESETS["mini"], "num_hidden_layers": 1}
    config = SpikeBertConfig(**shape, time_steps=1, norm="batch", residual="membrane")
    examples = examples_of(task.train[:KEPT], task.labels, tokenizer, config.max_tokens)
    batch = Batch.of(examples[: options.batch_size], list(range(options.batch_size)))
    step = training_step(OURS, SpikeBertForSequenceClassification(config), torch.device("cpu"))
    with tempfile.TemporaryDirectory() as folder, Run(Settings(task=options.task, out=folder), "student") as run:
        kept = CachedTeacher(Teacher(model), [6], examples, run, "stage2")
        kept.prepare()
        reading, training = least(20, lambda: kept.targets(batch, [6]), lambda: step(batch))
    print(
        f"a batch of {options.batch_size}: reading the teacher's outputs {1000 * reading:.1f} ms, "
        f"a step of a student of one block and one time step {1000 * training:.0f} ms"
    )


if __name__ == "__main__":
    main()
