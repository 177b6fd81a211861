"""Training in several processes, on one machine or many, through Hugging Face `accelerate`.

    accelerate launch --multi_gpu --num_processes 2 --no_python spikebert-train --task … --out …

`--multi_gpu` is accelerate's name for "start the processes with torchrun" (its `--cpu` starts one alone, or needs MPI).
Each computes on a GPU of its own where there are GPUs, else on the CPU. Each takes its part of every batch; one
all-reduce a step sums the gradients, and every process makes the same update. A process that was started alone goes
none of these ways. The folder of the run must be seen by all machines.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from spikebert.core.errors import InputError
from spikebert.core.lifeline import die_with
from spikebert.core.log import logger, say

if TYPE_CHECKING:
    from accelerate import Accelerator


LAUNCHED = ("RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")  # what `accelerate launch` sets beside WORLD_SIZE
DAY = timedelta(days=1)  # that the others wait for what the main process does alone, however large the data


@cache
def group() -> Accelerator | None:
    """The processes that `accelerate launch` started, with this one; None for a process alone.

    All but the main process are silent from here on.
    """
    if _launched() == 1:
        return None
    if "TORCHELASTIC_RUN_ID" in os.environ:
        die_with(os.getppid())  # the launcher: without it the others are not told of one that fails
    try:
        from accelerate import Accelerator, InitProcessGroupKwargs
    except ImportError:
        raise InputError("training in several processes needs: pip install 'spikebert[distributed]'") from None
    accelerator = Accelerator(cpu=not torch.cuda.is_available(), kwargs_handlers=[InitProcessGroupKwargs(timeout=DAY)])
    if not accelerator.is_main_process:
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115
        logger.disabled = True  # what the first process tells, the others need not
    say(f"training in {accelerator.num_processes} processes")
    return accelerator


def _launched() -> int:
    """The number of processes that the environment tells of."""
    told = os.environ.get("WORLD_SIZE", "1")
    if not (told.isascii() and told.isdecimal() and int(told)):
        raise InputError(f"the environment's WORLD_SIZE is {told!r}, no number of processes; unset it to train in one")
    missing = [name for name in LAUNCHED if name not in os.environ]
    if int(told) > 1 and missing:
        raise InputError(
            f"the environment's WORLD_SIZE is {told}, but {missing[0]} is not set: start the {told} processes with "
            "accelerate launch, or unset WORLD_SIZE to train in one"
        )
    return int(told)


def is_main() -> bool:
    """Whether this process writes the files."""
    together = group()
    return together is None or together.is_main_process


@contextmanager
def main_first() -> Iterator[None]:
    """What is within is done by the main process, and then by the others, who see its files."""
    together = group()
    if together is None:
        yield
    else:
        with together.main_process_first():
            yield


def wait() -> None:
    """Until all processes are here."""
    together = group()
    if together is not None:
        together.wait_for_everyone()


def share(batch: Sequence[int]) -> tuple[Sequence[int], float]:
    """(this process's part of a batch, its weight in the sum over the processes).

    Where there are fewer texts than processes, those that would have none take all.
    """
    together = group()
    if together is None:
        return batch, 1.0
    parts = [batch[rank :: together.num_processes] or batch for rank in range(together.num_processes)]
    own = parts[together.process_index]
    return own, len(own) / sum(map(len, parts))


def seed(run: int, step: int) -> None:
    """For dropout: each process draws its own numbers, and a resumed step draws the same again."""
    together = group()
    if together is not None:
        torch.manual_seed((run * 1_000_003 + step) * together.num_processes + together.process_index)


@torch.no_grad()
def combine(trained: nn.Module, weight: float) -> None:
    """The gradients become their weighted sum over the processes, running statistics their mean: in one all-reduce.

    A parameter without a gradient in every process is left without one: the optimizer does not touch it.
    """
    together = group()
    if together is None:
        return
    parameters = list(trained.parameters())
    statistics = [b for b in trained.buffers() if b.is_floating_point()]
    gradients = [torch.zeros_like(p) if p.grad is None else p.grad * weight for p in parameters]
    present = torch.tensor([float(p.grad is not None) for p in parameters], device=parameters[0].device)
    means = [b / together.num_processes for b in statistics]
    pieces = [present, *gradients, *means]
    flat = torch.cat([x.flatten() for x in pieces])
    total: Tensor = together.reduce(flat.to(together.device), "sum")  # type: ignore[assignment]
    found, *summed = total.to(flat.device).split([x.numel() for x in pieces])
    for p, has_one, gradient in zip(parameters, found.tolist(), summed, strict=False):
        p.grad = gradient.view_as(p) if has_one else None
    for b, value in zip(statistics, summed[len(parameters) :], strict=True):
        b.copy_(value.view_as(b))
