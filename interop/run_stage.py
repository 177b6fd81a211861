"""Run one stage in another tool: `run_stage.py TOOL STAGE.nir INPUT.npz OUTPUT.npz`; imports nothing of the project.

INPUT.npz holds `spikes` (T, M, D_in), OUTPUT.npz gets `spikes` (T, M, D_out) uint8. In float32, as
each tool comes.
"""

from __future__ import annotations

import sys

import nir
import numpy as np
import torch


def snntorch(graph, x):
    from snntorch.import_nir import import_from_nir

    net = import_from_nir(graph)
    return step_by_step(net, x)


def norse(graph, x):
    import norse.torch

    return step_by_step(norse.torch.from_nir(graph, dt=1e-4), x)


def spikingjelly(graph, x):
    from spikingjelly.activation_based.nir_exchange.from_nir import import_from_nir

    return step_by_step(import_from_nir(graph, dt=1e-4), x)


def step_by_step(net, x):
    """NIRTorch's executors take a state and give (output, state)."""
    state, out = None, []
    for frame in x:
        y, state = net(frame, state)
        out.append(y)
    return torch.stack(out)


TOOLS = {"snntorch": snntorch, "norse": norse, "spikingjelly": spikingjelly}


def main(tool: str, stage: str, source: str, target: str) -> None:
    x = torch.from_numpy(np.load(source)["spikes"].astype(np.float32))
    with torch.no_grad():
        y = TOOLS[tool](nir.read(stage), x)
    np.savez_compressed(target, spikes=(y.numpy() != 0).astype(np.uint8))


if __name__ == "__main__":
    main(*sys.argv[1:])
