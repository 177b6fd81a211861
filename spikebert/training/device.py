"""Where training computes."""

from __future__ import annotations

import torch

from spikebert.core.errors import InputError
from spikebert.training import processes


def choose(name: str) -> torch.device:
    """The device of "cpu", "cuda" or "auto", which is this process's GPU where there is one.

    Raises:
        InputError: "cuda" where there is none.
    """
    if name == "cpu":
        return torch.device("cpu")
    if not torch.cuda.is_available():
        if name == "cuda":
            raise InputError(
                "cuda: PyTorch finds no GPU here; leave the option out to train on the CPU", field="device"
            )
        return torch.device("cpu")
    together = processes.group()
    return torch.device("cuda", torch.cuda.current_device()) if together is None else together.device
