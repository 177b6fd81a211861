"""`--to nir-stages`: every stock chain of the graph as a stock `.nir` of its own, and how the host joins them.

A chain is Linear → LIF with zero reset, and the next Linear → LIF where nothing else reads between them. Each file is
written in the profile in which NIR's readers agree: `Affine → CubaLIF(tau_syn = dt, w_in = 1, r = tau_mem / dt)`.

A reader's membrane is u = β u + W x + b in floats: ours divided by 2^6, but for one thing. We round β v toward zero in
every step, the reader does not. Where β = j / 2^p and no bit falls off within T steps the two are equal (`exact`
in the manifest). Elsewhere the reader's magnitude may be larger by up to `drift` state units, and a spike can
differ only where our membrane lies less than that below the threshold.
"""

from __future__ import annotations

import json
import os
from itertools import pairwise
from pathlib import Path
from typing import Any

import nir
import numpy as np

from export.arithmetic import STATE_MAX
from export.graph import DECAY_BITS, INPUT_SHIFT, LIF, Graph, LayerNorm, Linear, Node
from export.nir import checksum
from export.ranges import output_bounds
from spikebert.errors import InputError
from spikebert.files import write_folder_atomically

FORMAT = "spikebert-nir-stages"
FORMAT_VERSION = 1
MANIFEST = "manifest.json"
DT = 1e-4  # seconds of a step: what snnTorch assumes
UNIT = 2**INPUT_SHIFT  # state units that one unit of a stage's weights is worth

Layer = tuple[Linear, LIF]


def write(graph: Graph, folder: str | os.PathLike[str]) -> None:
    """Write the stages and `manifest.json`; the folder appears whole or not at all."""
    stages = chains(graph)

    def fill(temporary: Path) -> None:
        for layers in stages:
            nir.write(temporary / file_name(layers), stage(layers))
        (temporary / MANIFEST).write_text(json.dumps(manifest(graph, stages), indent=1), "utf-8")

    write_folder_atomically(Path(folder), MANIFEST, fill)


def chains(graph: Graph) -> list[list[Layer]]:
    """The stock chains in order; an InputError names the first node that no stock chain can hold."""
    readers = graph.consumers()
    found: list[list[Layer]] = []
    for node in graph:
        if isinstance(node, LayerNorm):
            raise InputError(f"node {node.name}: NIR has no layer norm; train with --norm batch, or export --to nir")
        if not isinstance(node, LIF):
            continue
        if node.reset != "zero":
            raise InputError(f"node {node.name}: NIR resets to zero; train with --reset zero, or export --to nir")
        if node.decay == 0:
            raise InputError(f"node {node.name}: CubaLIF has no neuron without leak; export --to nir")
        linear = graph[node.inputs[0]]
        if not isinstance(linear, Linear) or readers[linear.name] != [node.name]:
            continue  # behind the embedding or an attention: the host's
        source = linear.inputs[0]
        if found and found[-1][-1][1].name == source and readers[source] == [linear.name]:
            found[-1].append((linear, node))
        else:
            found.append([(linear, node)])
    return found


def file_name(layers: list[Layer]) -> str:
    return f"{layers[0][0].name}.nir"


def stage(layers: list[Layer]) -> nir.NIRGraph:
    """A chain as a stock NIR graph of one Input and one Output, typed [D]; tokens are the reader's batch axis."""
    nodes: dict[str, Any] = {"input": nir.Input({"input": np.array([layers[0][0].weight.shape[1]])})}
    for i, (linear, lif) in enumerate(layers):
        bias = np.zeros(linear.width) if linear.bias is None else linear.bias.astype(np.float64)
        bias = bias + lif.bias / UNIT
        nodes[f"affine_{i}"] = nir.Affine(linear.synapses.astype(np.float32), bias.astype(np.float32))
        nodes[f"lif_{i}"] = _neurons(lif)
    nodes["output"] = nir.Output({"output": np.array([layers[-1][1].size])})
    names = list(nodes)
    return nir.NIRGraph(nodes, list(pairwise(names)))


def _neurons(lif: LIF) -> nir.CubaLIF:
    """Half a state unit below our threshold no membrane of ours lies, so that > and >= agree."""
    ones = np.ones(lif.size)
    tau = DT * 2**DECAY_BITS / lif.decay * ones
    return nir.CubaLIF(
        tau_syn=DT * ones,
        tau_mem=tau,
        r=tau / DT,
        v_leak=0 * ones,
        v_reset=0 * ones,
        v_threshold=(lif.threshold - 0.5) / UNIT * ones,
        w_in=ones,
    )


def exact(lif: LIF, steps: int) -> bool:
    """Whether no step rounds: a drive is a multiple of 2^z, a decay by j / 2^p takes p of those bits."""
    factor = 2**DECAY_BITS - lif.decay
    if factor == 0:
        return True
    decay_bits = DECAY_BITS - _trailing_zeros(factor)
    spare = min(INPUT_SHIFT, *(_trailing_zeros(int(b)) for b in lif.bias if b), INPUT_SHIFT)
    return decay_bits * (steps - 1) <= spare


def _trailing_zeros(value: int) -> int:
    return (value & -value).bit_length() - 1


def drift(lif: LIF, steps: int) -> float:
    """The largest distance, in state units, that rounding puts between our membrane and a float one in T steps."""
    beta = 1 - lif.decay / 2**DECAY_BITS
    return float(sum(beta**i for i in range(steps - 1)))


def may_saturate(linear: Linear, lif: LIF, largest: int, steps: int) -> bool:
    """Whether a membrane could reach its negative end, where ours stops. At the positive end both fire and reset."""
    weight = linear.synapses.astype(np.int64)
    lowest = np.minimum(weight, 0).sum(1) * largest
    if linear.bias is not None:
        lowest = lowest + np.minimum(linear.bias, 0)
    step = lowest * UNIT + np.minimum(lif.bias.astype(np.int64), 0)
    return bool(steps * step.min() < -STATE_MAX)


def manifest(graph: Graph, stages: list[list[Layer]]) -> dict[str, Any]:
    """What a host needs to run the whole model from the stages."""
    bounds = output_bounds(graph)
    inside = {node.name for layers in stages for layer in layers for node in layer}
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "graph_checksum": checksum(graph),
        "dt": DT,
        "time_steps": graph.time_steps,
        "state_units_per_weight_unit": UNIT,
        "batch_axis": "tokens, each from rest (v = 0)",
        "stages": [_stage_entry(graph, layers, bounds) for layers in stages],
        "host": [
            {"node": n.name, "type": type(n).__name__, "inputs": list(n.inputs), "equation": _equation(n)}
            for n in graph
            if n.name not in inside
        ],
    }


def _stage_entry(graph: Graph, layers: list[Layer], bounds: dict[str, int]) -> dict[str, Any]:
    source = layers[0][0].inputs[0]
    return {
        "file": file_name(layers),
        "input": source,
        "input_kind": "binary" if bounds[source] == 1 else "graded",
        "input_max": bounds[source],
        "output": layers[-1][1].name,
        "layers": [
            {
                "linear": linear.name,
                "neurons": lif.name,
                "threshold": sorted({float(t - 0.5) / UNIT for t in lif.threshold}),
                "weight_scale": float(linear.scale[0]),
                "exact": exact(lif, graph.time_steps)
                and not may_saturate(linear, lif, bounds[linear.inputs[0]], graph.time_steps),
                "drift": drift(lif, graph.time_steps),
                "may_saturate": may_saturate(linear, lif, bounds[linear.inputs[0]], graph.time_steps),
            }
            for linear, lif in layers
        ],
    }


EQUATIONS = {
    "Embedding": "embed",
    "Attention": "coincidences",
    "LIF": "lif_step",
    "Linear": "linear",
    "Readout": "readout",
}


def _equation(node: Node) -> str:
    """Where the integer equation of a host's node stands."""
    name = EQUATIONS.get(type(node).__name__)
    return f"export.arithmetic.{name}" if name else "the sum of the inputs"
