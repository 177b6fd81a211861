"""In which precision the products of a forward pass are.

The neurons, the norms, the coincidences of attention and the losses are in float32 always: a membrane is compared with
its threshold, and bfloat16 counts no further than 256.
"""

from __future__ import annotations

from contextlib import AbstractContextManager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

ROWS = 64  # that a product of tokens in bfloat16 has, or a multiple of them


def products(device: torch.device, precision: str) -> AbstractContextManager:
    """Within the context, matrix products are in `precision`."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")


def exact(device: torch.device) -> AbstractContextManager:
    """Within the context, nothing is rounded to less than what it comes in."""
    return torch.autocast(device.type, enabled=False)


class TokenLinear(nn.Linear):
    """A Linear on (…, M, in), of M tokens, whose number differs from batch to batch.

    oneDNN multiplies bfloat16 on CPUs. It makes a kernel for each number of rows, and keeps a thousand of them. On a
    processor with AMX, a quarter of a training step went into making them anew. So rows of zeros fill up the next
    multiple of ROWS, which leaves some dozens of kernels. The zeros alter no sum.
    """

    def forward(self, input: Tensor) -> Tensor:
        if input.device.type != "cpu" or not _in_bfloat16():
            return super().forward(input)
        rows = input.shape[-2]
        return super().forward(F.pad(input, (0, 0, 0, -rows % ROWS)))[..., :rows, :]


def _in_bfloat16() -> bool:
    """Whether the products of a CPU are in bfloat16 here."""
    if torch.__version__ >= "2.4":
        return torch.is_autocast_enabled("cpu")  # type: ignore[call-arg]
    return torch.is_autocast_cpu_enabled()
