"""One training loop for teacher and student: seeded, with checkpoints, and equal whether interrupted or not."""

from __future__ import annotations

import json
import math
import operator
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from spikebert.core.errors import InputError, RunError, reason_of
from spikebert.core.files import append
from spikebert.core.progress import Bar
from spikebert.model.checkpoint import write_tensors
from spikebert.model.precision import products
from spikebert.model.torch_file import read_tensors
from spikebert.training import processes
from spikebert.training.allocator import keep_freed_memory

NO_LABEL, NO_NUMBER = -1, math.nan
CPU = torch.device("cpu")
BUCKET = 50  # batches that are sorted by length together: little padding, still well shuffled


@dataclass(frozen=True)
class Example:
    """One tokenised text; `label` is NO_LABEL where there is none, and of a regression a number or NO_NUMBER."""

    tokens: list[int]
    label: int | float


@dataclass(frozen=True)
class Batch:
    tokens: Tensor  # (B, N) int64, padded on the right with 0
    mask: Tensor  # (B, N) int64
    labels: Tensor  # (B,) int64, of a regression float32
    indices: Sequence[int] = ()  # of its examples among all that are trained on

    @classmethod
    def of(cls, examples: Sequence[Example], indices: Sequence[int] = ()) -> Batch:
        lengths = np.array([len(e.tokens) for e in examples])
        tokens = np.zeros((len(examples), lengths.max()), np.int64)
        for row, example in enumerate(examples):
            tokens[row, : len(example.tokens)] = example.tokens
        mask = (np.arange(tokens.shape[1]) < lengths[:, None]).astype(np.int64)
        labels = torch.tensor([e.label for e in examples])
        return cls(torch.from_numpy(tokens), torch.from_numpy(mask), labels, indices)

    def to(self, device: torch.device) -> Batch:
        return Batch(self.tokens.to(device), self.mask.to(device), self.labels.to(device), self.indices)


def by_length(examples: Sequence[Example], size: int) -> Iterator[Batch]:
    """Batches for measuring: the shortest first, so that little is padded."""
    ordered = sorted(examples, key=lambda e: len(e.tokens))
    for start in range(0, len(ordered), size):
        yield Batch.of(ordered[start : start + size])


@dataclass(frozen=True)
class Schedule:
    """How long and how fast: AdamW with linear warm-up over the first tenth, then linear decay to zero."""

    epochs: int
    batch_size: int
    learning_rate: float
    seed: int
    weight_decay: float = 0.01
    warmup: float = 0.1
    clip: float = 1.0

    def rate(self, step: int, steps: int) -> float:
        """The learning rate of a step, from 0, of `steps` in all."""
        warmup = max(1, round(self.warmup * steps))
        return self.learning_rate * min((step + 1) / warmup, (steps - step) / max(1, steps - warmup))

    def order(self, examples: Sequence[Example], epoch: int) -> list[list[int]]:
        """The batches of an epoch as indices: a function of seed and epoch alone, so that a resumed run repeats it."""
        shuffle = random.Random(f"{self.seed} {epoch}")
        indices = list(range(len(examples)))
        shuffle.shuffle(indices)
        batches: list[list[int]] = []
        for start in range(0, len(indices), BUCKET * self.batch_size):
            bucket = sorted(indices[start : start + BUCKET * self.batch_size], key=lambda i: len(examples[i].tokens))
            batches += [bucket[i : i + self.batch_size] for i in range(0, len(bucket), self.batch_size)]
        shuffle.shuffle(batches)
        return batches


class Metrics:
    """`metrics.jsonl`: one JSON object a line, appended while training."""

    def __init__(self, path: Path):
        self.path = path

    def write(self, **values: object) -> None:
        if not processes.is_main():
            return
        append(self.path, json.dumps(values))


def train(
    name: str,
    trained: nn.Module,
    loss: Callable[[Batch], dict[str, Tensor]],
    examples: Sequence[Example],
    schedule: Schedule,
    checkpoint: Path,
    metrics: Metrics,
    checkpoint_seconds: float = 60.0,
    prepare: Callable[[], None] | None = None,
    device: torch.device = CPU,
    precision: str = "float32",
) -> float:
    """Train `trained` in place; goes on from `checkpoint` where that file exists, and leaves it there when done.

    In several processes (`spikebert.training.processes`) all of them call this, with the same arguments and initial
    weights; the batches are those of one process, and the metrics are those of the main process's part.

    Args:
        name: of this stage; a checkpoint of another stage or another schedule is refused.
        loss: gives the terms of a batch's loss; their entry "loss" is what is minimised.
        checkpoint_seconds: time between checkpoints; one is also written at the end of each epoch.
        prepare: called once before the first step, unless no step is left.
        device: `trained` is moved there, where what `loss` uses must be; it stays there.
        precision: of the products in `loss`, see `spikebert.model.precision`.
    Returns:
        the seconds that it took, over all processes that went on with it.
    Raises:
        InputError: the checkpoint is of another run, or damaged.
        RunError: the loss is not finite; what was trained is of no use.
    """
    keep_freed_memory()
    trained.to(device)
    optimizer = torch.optim.AdamW(trained.parameters(), lr=schedule.learning_rate, weight_decay=schedule.weight_decay)
    identity = f"{name} {schedule} {len(examples)}"
    done, before = _resume(checkpoint, identity, trained, optimizer)
    started = time.monotonic() - before
    processes.wait()  # all have read the checkpoint, and seen what is finished, before one writes anew
    per_epoch = -(-len(examples) // schedule.batch_size)
    steps = schedule.epochs * per_epoch
    if prepare and done < steps:
        prepare()
    if done == 0:
        torch.manual_seed(schedule.seed)
    step = partial(_step, trained, optimizer, loss, precision, schedule.clip)
    saved = time.monotonic()
    trained.train()
    with Bar(total=steps, initial=done, desc=name, unit="step", disable=None) as bar:
        for epoch in range(done // per_epoch, schedule.epochs):
            for index, batch in enumerate(schedule.order(examples, epoch)):
                if epoch * per_epoch + index < done:
                    continue
                part, weight = processes.share(batch)
                processes.seed(schedule.seed, done)
                own = Batch.of([examples[i] for i in part], part).to(device)
                terms = step(own, weight, schedule.rate(done, steps), f"{name}, step {done + 1} of {steps}")
                done += 1
                bar.update()
                bar.set_postfix({k: f"{v:.3f}" for k, v in terms.items()}, refresh=False)
                if done % 20 == 0 or done == steps:
                    metrics.write(stage=name, step=done, of=steps, epoch=epoch + 1, **terms)
                if time.monotonic() - saved > checkpoint_seconds or index == per_epoch - 1:
                    _save(checkpoint, identity, trained, optimizer, done, time.monotonic() - started)
                    saved = time.monotonic()
    trained.eval()
    return time.monotonic() - started


def _step(
    trained: nn.Module,
    optimizer: torch.optim.Optimizer,
    loss: Callable[[Batch], dict[str, Tensor]],
    precision: str,
    clip: float,
    batch: Batch,
    weight: float,
    rate: float,
    where: str,
) -> dict[str, float]:
    """Move the weights by the gradients of a batch's loss, over all processes; gives the terms of the loss.

    Args:
        weight: of this process's part of the batch.
        where: what an error begins with.
    """
    for group in optimizer.param_groups:
        group["lr"] = rate
    with products(batch.tokens.device, precision):
        terms = loss(batch)
    if not torch.isfinite(terms["loss"]):
        raise RunError(f"{where}: the loss is {float(terms['loss'])}; choose a lower learning rate, and another --out")
    optimizer.zero_grad(set_to_none=True)
    terms["loss"].backward()
    processes.combine(trained, weight)
    nn.utils.clip_grad_norm_(trained.parameters(), clip)
    optimizer.step()
    return {k: round(float(v.detach()), 5) for k, v in terms.items()}


def _save(
    path: Path, identity: str, trained: nn.Module, optimizer: torch.optim.Optimizer, done: int, seconds: float
) -> None:
    if not processes.is_main():
        return
    content = {
        "identity": identity,
        "done": done,
        "seconds": seconds,
        "trained": trained.state_dict(),
        "optimizer": optimizer.state_dict(),
        "random": torch.get_rng_state(),
        "gpu_random": torch.cuda.get_rng_state() if torch.cuda.is_available() else None,
    }
    write_tensors(path, content)


def _resume(path: Path, identity: str, trained: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[int, float]:
    """The steps that a checkpoint has behind it and their seconds, its state restored; 0 without one."""
    if not path.exists():
        return 0, 0.0
    content = read_tensors(path, "checkpoint")
    if content.get("identity") != identity:
        raise InputError(
            f"{path}: is of a run with other settings; repeat that run's command to go on with it, "
            "or choose another --out"
        )
    try:
        trained.load_state_dict(content["trained"])
        optimizer.load_state_dict(content["optimizer"])
        torch.set_rng_state(content["random"])
        if content.get("gpu_random") is not None and torch.cuda.is_available():
            torch.cuda.set_rng_state(content["gpu_random"])
        return operator.index(content["done"]), float(content.get("seconds", 0.0))  # older versions did not tell them
    except (RuntimeError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"{path}: the checkpoint is damaged ({reason_of(error)}); remove it to begin this stage anew"
        ) from None
