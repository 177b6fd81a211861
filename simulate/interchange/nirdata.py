"""Spikes as NIRData, which `nir.read_data` reads: NIR 1.0.8, docs/source/nirdata.md.

A sample of NIRData is a token here, as it is in the stages of `export.formats.stages`: the M tokens of B texts stand
one after the other, each from rest, and all take T steps of DT seconds.

    LAYER    spikes     TimeGriddedData (M, T, D) bool
    LAYER    membrane   ValuedEventData of K of the D neurons: (M, T · K) indices, times and values, each in the
                        middle of its step, before the reset; of golden vectors alone
    READOUT  logits     TimeGriddedData (B, 1, labels) int64

NIRData has no place for what belongs to no node. `lengths` (B,) int64, the tokens of each text, is an array of ours at
the root of the file, which NIR's reader passes over.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import nir
import numpy as np
from numpy.typing import NDArray

from export.formats.stages import DT
from export.ir.graph import Graph

if TYPE_CHECKING:
    from simulate.run import Run

Observables = dict[str, nir.EventData | nir.TimeGriddedData]


def write(run: Run, path: Path) -> None:
    """The spikes and logits of a run that recorded them."""
    path.write_bytes(file_of(run.graph, run.spikes, [len(tokens) for tokens in run.sentences], run.result.logits))


def file_of(
    graph: Graph,
    spikes: Mapping[str, NDArray[np.uint8]],
    lengths: list[int],
    logits: NDArray[np.int64],
    neurons: Mapping[str, NDArray[np.int64]] | None = None,
    membranes: Mapping[str, NDArray[np.int32]] | None = None,
) -> bytes:
    """The bytes of the file; made in memory, for HDF5 ends the process with a fault where a disk is full.

    Args:
        spikes: {layer: (T, M, D)} of 0 and 1.
        lengths: tokens of each of the B texts, M in all.
        logits: (B, labels).
        neurons: {layer: (K,)}, the neurons whose membranes are given.
        membranes: {layer: (T, M, K)}, theirs.
    """
    nodes: dict[str, Observables] = {name: {"spikes": _gridded(train)} for name, train in spikes.items()}
    for name, held in (membranes or {}).items():
        assert neurons is not None
        nodes[name]["membrane"] = _events(held, neurons[name], graph[name].width)
    nodes[graph.nodes[-1].name] = {"logits": nir.TimeGriddedData(logits[:, None, :], DT)}
    buffer = io.BytesIO()
    data = nir.NIRGraphData({name: nir.NIRNodeData(observables) for name, observables in nodes.items()})
    nir.write_data(buffer, data)  # type: ignore[arg-type]  # h5py takes it
    with h5py.File(buffer, "r+") as file:
        file["lengths"] = np.array(lengths, np.int64)
    return buffer.getvalue()


def _gridded(train: NDArray[np.uint8]) -> nir.TimeGriddedData:
    return nir.TimeGriddedData(np.ascontiguousarray(train.transpose(1, 0, 2), dtype=bool), DT)


def _events(held: NDArray[np.int32], neurons: NDArray[np.int64], width: int) -> nir.ValuedEventData:
    """The membranes (T, M, K) of some neurons, one event for each step and neuron."""
    steps, tokens, chosen = held.shape
    index = np.tile(neurons, (tokens, steps))
    time = np.tile(np.repeat((np.arange(steps) + 0.5) * DT, chosen), (tokens, 1))
    value = held.transpose(1, 0, 2).reshape(tokens, -1).astype(np.float64)  # 24 bits
    return nir.ValuedEventData(idx=index, time=time, n_neurons=width, t_max=steps * DT, value=value)
