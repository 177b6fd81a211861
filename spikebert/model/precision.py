"""In which precision the products of a forward pass are.

The neurons, the norms, the coincidences of attention and the losses are in float32 always: a membrane is compared with
its threshold, and bfloat16 counts no further than 256.
"""

from __future__ import annotations

from contextlib import AbstractContextManager

import torch


def products(device: torch.device, precision: str) -> AbstractContextManager:
    """Within the context, matrix products are in `precision`."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")


def exact(device: torch.device) -> AbstractContextManager:
    """Within the context, nothing is rounded to less than what it comes in."""
    return torch.autocast(device.type, enabled=False)
