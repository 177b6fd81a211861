"""Golden vectors: what a model must compute for some texts, every spike of it, and how another's traces compare.

`golden.npz` holds, for the M tokens of B texts one after the other:

    tokens (M,) int64, lengths (B,) int64, logits (B, labels) int64
    spikes/LAYER    (T, M, ceil(D / 8)) uint8: the D spikes of a token as bits, the first in the highest bit
    neurons/LAYER   (K,) int64: some neurons, evenly spread
    membranes/LAYER (T, M, K) int32: theirs, as they are compared with the threshold, before the reset
    steps (B,) int64: of a model with an early exit: how many steps each text took. What is later is 0
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from export.ir.arithmetic import steps_taken
from export.ir.early_exit import margin_of, silence
from export.ir.graph import NO_MARGIN, Embedding, Graph
from export.ir.npz import read_npz, write_npz
from export.runtime.tally import tally_spikes
from simulate.batches import Tokens, batches
from simulate.result import SimulationResult
from simulate.trace import steps
from spikebert.core.errors import InputError, reason_of

SELECTED = 8  # neurons of each layer whose membranes are kept
TOGETHER = 4096  # tokens that are run at once
MEMORY = 2**31  # bytes that all spikes may take, a byte each
Trains = dict[str, NDArray[np.uint8]]  # {layer: (T, M, D)}


@dataclass(frozen=True)
class Golden:
    """B texts of M tokens in all, and what comes of them."""

    tokens: NDArray[np.int64]  # (M,)
    lengths: NDArray[np.int64]  # (B,)
    logits: NDArray[np.int64]  # (B, labels)
    spikes: Trains
    neurons: dict[str, NDArray[np.int64]]  # {layer: (K,)}
    membranes: dict[str, NDArray[np.int32]]  # {layer: (T, M, K)}
    steps: NDArray[np.int64] | None = None  # (B,)

    @property
    def sentences(self) -> list[Tokens]:
        return np.split(self.tokens, np.cumsum(self.lengths)[:-1])

    def result(self, graph: Graph) -> SimulationResult:
        """What a simulator must give for these texts."""
        counts = tally_spikes(graph, self.spikes, self.lengths.tolist())
        fired = {name: train.sum((0, 1), dtype=np.int64) for name, train in self.spikes.items()}
        return SimulationResult(self.logits, counts, fired, self.spikes, 0.0, 0.0, self.steps)

    def write(self, path: Path) -> None:
        arrays = {"tokens": self.tokens, "lengths": self.lengths, "logits": self.logits}
        arrays |= {f"spikes/{name}": np.packbits(train, axis=-1) for name, train in self.spikes.items()}
        arrays |= {f"neurons/{name}": chosen for name, chosen in self.neurons.items()}
        arrays |= {f"membranes/{name}": membrane for name, membrane in self.membranes.items()}
        arrays |= {} if self.steps is None else {"steps": self.steps}
        write_npz(path, arrays)


def select(width: int) -> NDArray[np.int64]:
    """(K,) neurons of a layer, evenly spread."""
    return np.unique(np.linspace(0, width - 1, SELECTED).astype(np.int64))


def compute(graph: Graph, sentences: Sequence[Tokens]) -> Golden:
    """Run texts step by step, some at once, and keep what the neurons do."""
    parts = [_compute(graph, [sentences[i] for i in group]) for group in batches(sentences, TOGETHER)]

    def joined(name: str) -> dict[str, NDArray]:
        """Of all parts {layer: (T, M, …)}."""
        first = getattr(parts[0], name)
        return {layer: np.concatenate([getattr(part, name)[layer] for part in parts], axis=1) for layer in first}

    return Golden(
        tokens=np.concatenate([part.tokens for part in parts]),
        lengths=np.concatenate([part.lengths for part in parts]),
        logits=np.concatenate([part.logits for part in parts]),
        spikes=joined("spikes"),
        neurons=parts[0].neurons,
        membranes=joined("membranes"),
        steps=None if parts[0].steps is None else np.concatenate([part.steps for part in parts]),  # type: ignore[arg-type]
    )


def require_memory(graph: Graph, tokens: int, where: Path) -> None:
    """An InputError if the spikes of so many tokens are more than are compared at once."""
    size = sum(node.size for node in graph.neurons) * graph.time_steps * tokens
    if size > MEMORY:
        raise InputError(
            f"{where}: the spikes of {tokens:,} tokens take {size:,} bytes; at most {MEMORY:,}: fewer texts"
        )


def _compute(graph: Graph, sentences: Sequence[Tokens]) -> Golden:
    neurons = {node.name: select(node.size) for node in graph.neurons}
    spikes: dict[str, list[NDArray]] = {name: [] for name in neurons}
    membranes: dict[str, list[NDArray]] = {name: [] for name in neurons}
    by_step: list[NDArray] = []  # the logits of the steps so far
    for values, held in steps(graph, sentences):
        for name, membrane in held.items():
            spikes[name].append(values[name][0].astype(np.uint8))
            membranes[name].append(membrane[:, neurons[name]].astype(np.int32))
        by_step.append(values[graph.nodes[-1].name])
    logits, lengths = np.stack(by_step), [len(tokens) for tokens in sentences]
    taken = steps_taken(logits, margin_of(graph))
    trains, kept = ({name: np.stack(rows) for name, rows in found.items()} for found in (spikes, membranes))
    for train in (*trains.values(), *kept.values()):
        silence(train, taken, lengths)
    return Golden(
        tokens=np.concatenate(sentences).astype(np.int64),
        lengths=np.array(lengths, np.int64),
        logits=logits[taken - 1, np.arange(len(taken))],
        spikes=trains,
        neurons=neurons,
        membranes=kept,
        steps=None if margin_of(graph) == NO_MARGIN else taken,
    )


def read(path: Path, graph: Graph) -> Golden:
    """The golden vectors of a bundle; an InputError where they are not those of `graph`'s shape."""
    arrays = read_npz(path, "list of golden vectors")
    widths = {node.name: node.size for node in graph.neurons}
    try:
        require_memory(graph, arrays["tokens"].size, path)
        frame = (graph.time_steps, arrays["tokens"].size)
        spikes = {name: _unpacked(arrays[f"spikes/{name}"], (*frame, width)) for name, width in widths.items()}
        neurons = {name: arrays[f"neurons/{name}"] for name in widths}
        membranes = {name: arrays[f"membranes/{name}"] for name in widths}
        golden = Golden(arrays["tokens"], arrays["lengths"], arrays["logits"], spikes, neurons, membranes)
        if margin_of(graph) != NO_MARGIN:
            golden = replace(golden, steps=arrays["steps"])
    except InputError:
        raise
    except (KeyError, ValueError, TypeError) as error:
        raise InputError(f"{path}: not the golden vectors of this model ({reason_of(error)})") from None
    _check(golden, graph, path)
    return golden


def _unpacked(packed: NDArray, shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    *frame, width = shape
    if packed.shape != (*frame, -(-width // 8)):
        raise ValueError(f"spikes of shape {packed.shape} in bytes for {shape}")
    return np.unpackbits(packed, axis=-1, count=width)


def _check(golden: Golden, graph: Graph, path: Path) -> None:
    """An InputError names the first array that is not what the module's docstring says."""
    embedding = graph.nodes[0]
    assert isinstance(embedding, Embedding)
    for name, array in (("tokens", golden.tokens), ("lengths", golden.lengths)):
        if array.dtype != np.int64 or array.ndim != 1 or not array.size:
            raise InputError(f"{path}: {name} must be a list of int64, not {array.dtype} {array.shape}")
    longest, words = graph.max_tokens, len(embedding.word)
    if golden.lengths.min() < 1 or golden.lengths.max() > longest or golden.lengths.sum() != len(golden.tokens):
        raise InputError(f"{path}: lengths do not cut the {len(golden.tokens)} tokens into texts of 1 to {longest}")
    if golden.tokens.min() < 0 or golden.tokens.max() >= words:
        raise InputError(f"{path}: tokens hold a number that is none of the model's {words} words")
    frame = (graph.time_steps, len(golden.tokens))
    wanted: dict[str, tuple[NDArray, str, tuple[int, ...]]] = {
        "logits": (golden.logits, "int64", (len(golden.lengths), graph.outputs))
    }
    if golden.steps is not None:
        wanted["steps"] = golden.steps, "int64", golden.lengths.shape
    for node in graph.neurons:
        chosen = select(node.size)
        wanted[f"spikes/{node.name}"] = golden.spikes[node.name], "uint8", (*frame, node.size)
        wanted[f"neurons/{node.name}"] = golden.neurons[node.name], "int64", chosen.shape
        wanted[f"membranes/{node.name}"] = golden.membranes[node.name], "int32", (*frame, len(chosen))
    for name, (array, dtype, shape) in wanted.items():
        if array.dtype != dtype or array.shape != shape:
            raise InputError(f"{path}: {name} must be {dtype} {shape}, not {array.dtype} {array.shape}")


def read_traces(path: Path, graph: Graph, golden: Golden) -> Trains:
    """A team's own traces of the golden texts: {layer: (T, M, D)} of 0 and 1, of any layers, in network order."""
    arrays = read_npz(path, "file of traces")
    shapes = {name: train.shape for name, train in golden.spikes.items()}
    lengths = arrays.pop("lengths", None) if "lengths" not in shapes else None  # as in our own spikes.npz
    if lengths is not None and not np.array_equal(lengths, golden.lengths):
        raise InputError(f"{path}: lengths are not those of the golden texts; give traces of these")
    for name, array in arrays.items():
        if name not in shapes:
            known = ", ".join(shapes)
            raise InputError(f"{path}: {name!r} is no layer of this model; it has {known}")
        if array.shape != shapes[name]:
            raise InputError(f"{path}: layer {name} is {array.shape}; (T, M, D) of the golden texts is {shapes[name]}")
        if array.dtype.kind not in "biuf" or not np.isin(array, (0, 1)).all():
            raise InputError(f"{path}: layer {name} holds other values than 0 and 1")
    if not arrays:
        raise InputError(f"{path}: holds no layer; save spikes as arrays (T, M, D) named like the layers")
    return {name: arrays[name].astype(np.uint8) for name in shapes if name in arrays}
