"""An exported model: its task and neurons, a row for each layer, and what each target would refuse."""

from __future__ import annotations

from functools import singledispatch
from pathlib import Path
from typing import Any

import numpy as np

from deploy.chips.chip import chip_names, read_chip
from deploy.chips.mapping import AUTO, choose
from deploy.chips.resources import resources
from deploy.workbench.inspection.description import Description, Rows
from deploy.workbench.inspection.provenance import origin
from export.formats.targets import TARGETS
from export.ir import nir
from export.ir.early_exit import in_logits
from export.ir.graph import (
    DECAY_BITS,
    LIF,
    STATE_BITS,
    Accumulate,
    Add,
    Attention,
    Embedding,
    Graph,
    LayerNorm,
    Linear,
    NeuronLayer,
    Node,
    Readout,
)
from export.ir.ranges import check_messages, output_bounds
from export.ir.sections import sections
from export.ir.stock import check_stock
from simulate.counts import shape_of
from simulate.text import metric_of
from spikebert.core import strict_json
from spikebert.core.errors import InputError
from spikebert.core.files import sha256

TAKES = "takes it"
NEEDS_FLOAT = "needs the model.pt that the file was made of"
PACKED = {  # bits of what adds up in a node; see export.ir.ranges for what is proven of them
    Linear: 32,
    LIF: STATE_BITS,
    Attention: 24,
    Add: 24,
    Accumulate: 24,
    LayerNorm: 64,
    Readout: 64,
}


def describe_file(path: Path) -> Description:
    """The exported model in a file."""
    graph = nir.read(path)
    facts = {"bytes": path.stat().st_size, "sha256": sha256(path), **facts_of(graph)}
    return Description(str(path), "exported SpikeBERT, an integer graph", facts, {"layers": layers(graph)})


def facts_of(graph: Graph) -> dict[str, Any]:
    """What a chip's engineer asks before the first layer."""
    shape, needs = shape_of(graph), resources(graph)
    decays = sorted({node.decay for node in graph.neurons})
    separator = getattr(graph.nodes[0], "separator", -1)
    return {
        "format_version": nir.needed_version(graph),
        "checksum": nir.checksum(graph),
        "task": graph.training.get("task"),
        "labels": list(graph.labels),
        "predicts": "a number" if graph.regression else "a label",
        "metric": str(metric_of(graph)),
        "input": "pairs of texts" if separator >= 0 else "texts",
        "host_looks_up": looked_up(graph),
        "time_steps": graph.time_steps,
        "max_tokens": graph.max_tokens,
        "blocks": shape.blocks,
        "width": shape.hidden_size,
        "mlp_width": shape.intermediate_size,
        "heads": shape.heads,
        "norm": shape.norm,
        "residual": shape.residual,
        "reset": shape.reset,
        "decay": decays if len(decays) != 1 else decays[0],
        "decay_means": "; ".join(f"a membrane keeps {1 - d / 2**DECAY_BITS:.4f} of itself a step" for d in decays),
        "state_bits": STATE_BITS,
        "early_exit": in_logits(graph),
        "synapses": sum(need.synapses for need in needs),
        "neurons_a_token": sum(need.neurons for need in needs),
        "weight_bytes": sum(need.weight_bytes for need in needs),
        "state_bytes_a_token": sum(need.state_bytes for need in needs),
        "tokenizer": tokenizer_of(graph),
        **origin(graph.metadata),
        "targets": targets(graph),
        "simulators": simulators(graph),
        "chips": chips(graph),
    }


def tokenizer_of(graph: Graph) -> str:
    """The model of the tokenizer and its size; the file holds it whole."""
    embedding = graph.nodes[0]
    assert isinstance(embedding, Embedding)
    try:
        model = strict_json.loads(graph.tokenizer).get("model")
    except (ValueError, AttributeError):
        model = None
    kind = model.get("type") if isinstance(model, dict) else None
    return f"{kind or 'of an unknown kind'}, {len(embedding.word):,} words, {len(graph.tokenizer.encode()):,} bytes"


def looked_up(graph: Graph) -> str:
    """What the embedding of a token is the sum of; a host adds it up, before any neuron."""
    embedding = graph.nodes[0]
    assert isinstance(embedding, Embedding)
    rows = ["the word"]
    if embedding.position is not None:
        rows.append("its position" + (", another one where both texts have the word" if embedding.shared_words else ""))
    if embedding.neighbour is not None:
        rows.append("the tokens beside it")
    return "; ".join(rows)


def targets(graph: Graph) -> dict[str, str]:
    """What each target of an export says of the graph."""
    return {
        name: NEEDS_FLOAT if target.floats else refusal(target.check, graph) or TAKES
        for name, target in TARGETS.items()
    }


def simulators(graph: Graph) -> dict[str, str]:
    """What each way of running it says; the fast simulator takes every graph."""
    granularities = {
        "lava block, layer": lambda g: (check_messages(g), sections(g)),
        "lava stock": lambda g: (check_messages(g), sections(g), check_stock(g)),
    }
    return {"fast": TAKES, **{name: refusal(check, graph) or TAKES for name, check in granularities.items()}}


def chips(graph: Graph) -> dict[str, str]:
    """On which system of each known chip it fits, by how many cores; or why it does not."""
    return {name: _chip(graph, name) for name in chip_names()}


def _chip(graph: Graph, name: str) -> str:
    try:
        system, strategy, cuts = choose(graph, read_chip(name), None, AUTO, graph.max_tokens)
    except InputError as error:
        return str(error)
    return f"{strategy} on {system.name}, {sum(cut.count for cut in cuts):,} cores"


def refusal(check: Any, graph: Graph) -> str | None:
    """Why a check refuses a graph, or None where it does not."""
    try:
        check(graph)
    except InputError as error:
        return str(error)
    return None


def layers(graph: Graph) -> Rows:
    """A row for each node, in the order in which they are computed.

    weights, threshold and bias are the least and the largest value; bound is the worst case of what adds up in the
    node, over all inputs, beside the bits that hold it. A membrane has no bound: it saturates at its width.
    """
    bounds, memory = output_bounds(graph), {need.layer: need for need in resources(graph)}
    rows = []
    for node in graph:
        need = memory.get(node.name)
        arrays = node.arrays
        weights = node.words if isinstance(node, Embedding) else arrays.get("weight")
        summed = PACKED.get(type(node))
        rows.append(
            {
                "name": node.name,
                "kind": type(node).__name__,
                "shape": shape(node),
                "synapses": need.synapses if need and need.synapses else None,
                "bits": node.bits if isinstance(node, Linear) else 8 if weights is not None else None,
                "weights": _range(weights),
                "threshold": _range(arrays.get("threshold")),
                "bias": _range(arrays.get("bias")),
                "bound": bounds[node.name] if summed and not isinstance(node, (NeuronLayer, LayerNorm)) else None,
                "accumulator_bits": summed,
                "weight_bytes": need.weight_bytes if need and need.weight_bytes else None,
                "state_bytes": need.state_bytes if need and need.state_bytes else None,
            }
        )
    return rows


@singledispatch
def shape(node: Node) -> str:
    """The size of a node, inputs before outputs."""
    return str(node.width)


@shape.register(Linear)
@shape.register(Readout)
def _(node: Linear | Readout) -> str:
    outputs, inputs = node.weight.shape
    return f"{inputs} × {outputs}"


@shape.register
def _(node: Embedding) -> str:
    tables = "" if node.neighbour is None else "2 × "  # of words, and of what tokens add to those beside them
    return f"{tables}{len(node.word)} × {node.width}"


@shape.register
def _(node: Attention) -> str:
    return f"{node.heads} × {node.size // node.heads}"


def _range(array: np.ndarray | None) -> list[int] | None:
    return None if array is None or not array.size else [int(array.min()), int(array.max())]
