"""AdamW for tables that are larger than a processor's cache."""

from __future__ import annotations

import torch

CHUNK = 1 << 16  # values: the tensors of their update, some 2 MB, stay in a core's cache


class ChunkedAdamW(torch.optim.AdamW):
    """`torch.optim.AdamW`, to the bit, which updates large parameters on the CPU piece by piece.

    Its update makes temporary tensors as large as the parameter. Those of an embedding, 47 MB each for 12 million
    values, cost more time than the arithmetic.
    """

    def _init_group(self, group, *lists):
        """Called by `step` to fill the lists of tensors that are updated; large ones become views of their pieces."""
        found = super()._init_group(group, *lists)  # type: ignore[misc]
        params, grads, _, averages, squares, _, counters = lists
        pieces: list[tuple] = []
        for *tensors, counter in zip(params, grads, averages, squares, counters, strict=True):
            if tensors[0].is_cuda or tensors[0].numel() <= CHUNK or not all(t.is_contiguous() for t in tensors):
                pieces.append((*tensors, counter))
                continue
            parts = zip(*(t.detach().view(-1).split(CHUNK) for t in tensors), strict=True)
            # An update counts its counter up: the other pieces have copies of it.
            pieces += [(*part, counter.clone() if i else counter) for i, part in enumerate(parts)]
        for target, column in zip(
            (params, grads, averages, squares, counters), zip(*pieces, strict=True), strict=False
        ):
            target[:] = column
        return found
