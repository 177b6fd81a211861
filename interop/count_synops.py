"""Count synaptic operations with SpikingJelly: `count_synops.py INPUT.npz OUTPUT.json`; imports nothing of the project.

INPUT.npz holds, for any NAME, `NAME/a` and `NAME/b`: one matrix product a @ b each. OUTPUT.json gets {NAME: count}.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import torch
from spikingjelly.activation_based.op_counter import DispatchCounterMode, SynOpCounter


def main(source: str, target: str) -> None:
    arrays = np.load(source)
    counts = {}
    for name in sorted({key.rpartition("/")[0] for key in arrays.files}):
        a, b = (torch.tensor(arrays[f"{name}/{side}"], dtype=torch.float32) for side in "ab")
        counter = SynOpCounter()
        with DispatchCounterMode([counter]):
            torch.mm(a, b)
        counts[name] = counter.get_total()
    Path(target).write_text(json.dumps(counts), "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
