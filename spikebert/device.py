"""Where training computes, and in which precision its products are.

The neurons, the norms, the coincidences of attention and the losses are in float32 always: a membrane is compared with
its threshold, and bfloat16 counts no further than 256.
"""

from __future__ import annotations

from contextlib import AbstractContextManager

import torch

from spikebert import processes
from spikebert.errors import InputError

DEVICES = ("auto", "cpu", "cuda")
PRECISIONS = ("float32", "bf16")


def choose(name: str) -> torch.device:
    """The device of one of DEVICES; "auto" is this process's GPU where there is one.

    Raises:
        InputError: "cuda" where there is none.
    """
    if name == "cpu":
        return torch.device("cpu")
    if not torch.cuda.is_available():
        if name == "cuda":
            raise InputError("--device cuda: PyTorch finds no GPU here; leave the option out to train on the CPU")
        return torch.device("cpu")
    together = processes.group()
    return torch.device("cuda", torch.cuda.current_device()) if together is None else together.device


def products(device: torch.device, precision: str) -> AbstractContextManager:
    """Within the context, matrix products are in `precision`."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")


def exact(device: torch.device) -> AbstractContextManager:
    """Within the context, nothing is rounded to less than what it comes in."""
    return torch.autocast(device.type, enabled=False)
