"""`--to nir-stages`: every linear chain as a file of stock NIR, and what the host computes between them.

Each file is written in the profile in which NIR's readers agree: `Input → Affine → CubaLIF → … → Output`, typed [D],
with `tau_syn = dt, w_in = 1, r = tau_mem / dt`, which makes a CubaLIF a LIF of gain 1, and tokens as the reader's batch
axis. The reader's membrane is then, in floats,

    u ← β u + W x + b            ours divided by 2^INPUT_SHIFT, but for one thing: we cut β v toward zero

and is equal to ours where there is nothing to cut (`arithmetic.leaves_no_remainder`). Elsewhere the manifest says how
far the two can lie apart. Our membrane stops at the end of its 24 bits; the manifest says where one could get there.
"""

from __future__ import annotations

import io
import os
from itertools import pairwise
from pathlib import Path
from typing import Any

import nir
import numpy as np

from export.formats.stages_manifest import (
    FILE,
    FORMAT,
    FORMAT_VERSION,
    HostStep,
    Manifest,
    StageLayer,
    StageStep,
)
from export.ir.arithmetic import STATE_MAX, leaves_no_remainder
from export.ir.chains import Layer, stock_chains
from export.ir.early_exit import refuse_margin
from export.ir.graph import DECAY_BITS, INPUT_SHIFT, LIF, Graph, LayerNorm, Node
from export.ir.hdf5 import write_nir
from export.ir.nir import checksum
from export.ir.npz import write_npz
from export.ir.ranges import output_bounds
from spikebert import __version__
from spikebert.core.errors import InputError
from spikebert.core.files import Kind, names_format, write_folder_atomically
from spikebert.core.records import text_of

HOST = "host.npz"
FOLDER = Kind("stages in NIR", (FILE, HOST, "[0-9][0-9]*.nir"), names_format(FORMAT))
DT = 1e-4  # seconds of a step: NIR has none, and this is what its readers suppose
UNIT = 2**INPUT_SHIFT  # state units that one unit of a stage's weights is worth

FEEDING = (
    "Evaluate `steps` in order, each for all time_steps and all tokens of one sentence. A stage takes its input "
    "(T, tokens, width), whole numbers in floats, with the tokens as batch axis, each from rest; a spike is any value "
    "that is not 0. Every other step is the host's: the equation of its type in export/NIR.md, with the step's fields "
    "and its arrays, which are in host.npz under the name NODE/FIELD."
)


def write(graph: Graph, folder: str | os.PathLike[str]) -> None:
    """Write the stages, `manifest.json` and `host.npz`; the folder appears whole or not at all.

    Raises:
        InputError: names the first node that no linear chain of NIR's own nodes can hold.
    """
    check(graph)
    stages = {f"{number:02d}.nir": chain for number, chain in enumerate(stock_chains(graph))}

    def fill(temporary: Path) -> None:
        for file, chain in stages.items():
            write_nir(temporary / file, stage(chain))
        (temporary / HOST).write_bytes(_host_arrays(graph, stages))
        (temporary / FILE).write_text(text_of(manifest(graph, stages), FORMAT, FORMAT_VERSION), "utf-8")

    write_folder_atomically(Path(folder), FOLDER, fill)


def check(graph: Graph) -> None:
    refuse_margin(graph, "nir-stages")
    for node in graph:
        if isinstance(node, LayerNorm):
            raise InputError(f"node {node.name}: NIR has no layer norm; train with --norm batch, or export --to nir")
        if isinstance(node, LIF) and node.reset != "zero":
            raise InputError(f"node {node.name}: NIR resets to zero; train with --reset zero, or export --to nir")
        if isinstance(node, LIF) and node.decay == 0:
            raise InputError(f"node {node.name}: CubaLIF has no neuron without leak; export --to nir")


def stage(chain: list[Layer]) -> nir.NIRGraph:
    """A chain as a graph of stock NIR of one Input and one Output."""
    nodes: dict[str, Any] = {"input": nir.Input({"input": np.array([chain[0].linear.weight.shape[1]])})}
    for i, (linear, lif) in enumerate(chain):
        bias = (0 if linear.bias is None else linear.bias) + lif.bias / UNIT
        bias = np.broadcast_to(bias, linear.width).astype(np.float32)
        nodes[f"affine_{i}"] = nir.Affine(linear.synapses.astype(np.float32), bias)
        nodes[f"lif_{i}"] = _neurons(lif)
    nodes["output"] = nir.Output({"output": np.array([chain[-1].lif.width])})
    return nir.NIRGraph(nodes, list(pairwise(nodes)))


def _neurons(lif: LIF) -> nir.CubaLIF:
    """The threshold lies half a state unit below ours, where no membrane does: so > and >= agree."""
    ones = np.ones(lif.width)
    gain = 2**DECAY_BITS / lif.decay  # 1 / (1 - β)
    return nir.CubaLIF(
        tau_syn=DT * ones,
        tau_mem=DT * gain * ones,
        r=gain * ones,
        v_leak=0 * ones,
        v_reset=0 * ones,
        v_threshold=(lif.threshold - 0.5) / UNIT * ones,
        w_in=ones,
    )


def manifest(graph: Graph, stages: dict[str, list[Layer]]) -> Manifest:
    """What the host must know."""
    bounds = output_bounds(graph)
    within = {node.name: file for file, chain in stages.items() for layer in chain for node in layer}
    steps: list[StageStep | HostStep] = []
    for node in graph:
        if node.name not in within:
            steps.append(_host_step(node))
        elif stages[within[node.name]][-1].lif is node:  # where the chain ends, all that it needs is there
            file = within[node.name]
            steps.append(_stage_step(file, stages[file], bounds, graph.time_steps))
    return Manifest(
        writer=f"spikebert {__version__}",
        graph_checksum=checksum(graph),
        dt=DT,
        time_steps=graph.time_steps,
        max_tokens=graph.max_tokens,
        labels=list(graph.labels),
        feeding=FEEDING,
        steps=steps,
    )


def _host_step(node: Node) -> HostStep:
    plain = {name: value for name, value in node.stored.items() if name not in node.arrays}
    arrays = {name: f"{node.name}/{name}" for name in node.arrays}
    return HostStep(node.name, type(node).__name__, list(node.inputs), plain, arrays)


def _host_arrays(graph: Graph, stages: dict[str, list[Layer]]) -> bytes:
    """The npz file with the arrays of all nodes that no stage holds."""
    within = {node.name for chain in stages.values() for layer in chain for node in layer}
    buffer = io.BytesIO()
    arrays = {f"{n.name}/{field}": array for n in graph if n.name not in within for field, array in n.arrays.items()}
    write_npz(buffer, arrays)
    return buffer.getvalue()


def _stage_step(file: str, chain: list[Layer], bounds: dict[str, int], steps: int) -> StageStep:
    (source,) = chain[0].linear.inputs
    return StageStep(
        stage=file,
        input=source,
        output=chain[-1].lif.name,
        nodes=[node.name for layer in chain for node in layer],
        largest_input=bounds[source],
        layers=[
            StageLayer(
                neurons=lif.name,
                v_threshold=float((lif.threshold[0] - 0.5) / UNIT),
                weight_scale=float(linear.scale[0]),
                rounds=rounds(lif, steps),
                drift=drift(lif, steps),
                may_saturate=may_saturate(Layer(linear, lif), bounds[linear.inputs[0]], steps),
            )
            for linear, lif in chain
        ],
    )


def rounds(lif: LIF, steps: int) -> bool:
    """Whether our decay cuts anything off within `steps` steps, so that a float membrane may differ."""
    return not leaves_no_remainder(lif.decay, steps) or bool((lif.bias % UNIT).any())


def drift(lif: LIF, steps: int) -> float:
    """How far our membrane and a float one can lie apart by that, in units of the stage's weights."""
    kept = 1 - lif.decay / 2**DECAY_BITS
    return sum(kept**i for i in range(steps - 1)) / UNIT if rounds(lif, steps) else 0.0


def may_saturate(layer: Layer, largest: int, steps: int) -> bool:
    """Whether a membrane could reach its negative end, where ours stops. At the positive end both fire and reset."""
    linear, lif = layer
    lowest = np.minimum(linear.synapses.astype(np.int64), 0).sum(1) * largest
    if linear.bias is not None:
        lowest = lowest + np.minimum(linear.bias, 0)
    kept = 1 - lif.decay / 2**DECAY_BITS
    step = lowest * UNIT + np.minimum(lif.bias.astype(np.int64), 0)
    return bool(sum(kept**i for i in range(steps)) * step.min() < -STATE_MAX)
