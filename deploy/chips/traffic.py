"""Spikes from core to core in one sample: as many as a run counted, or, without one, as many as there can be."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deploy.chips.partition import Core
from deploy.chips.populations import HOST
from export.ir.graph import Accumulate, Add, Attention, Embedding, Graph, LayerNorm, Linear, NeuronLayer
from simulate.energy.record import RunRecord
from spikebert.core.errors import InputError


@dataclass(frozen=True)
class Activity:
    """What a mean sample does.

    tokens: its length; token_steps: the sum over its tokens of the steps in which they are worked on.
    events: for each node that sends, the messages; operations: for each Linear and Attention, the accumulations.
    filled: for each Attention, those of them that fill its Kᵀ V.
    silent: for each Linear of a layer of binary spikes, the accumulations if its silent inputs were sent instead.
    """

    source: str
    tokens: float
    token_steps: float
    events: dict[str, float]
    operations: dict[str, float]
    filled: dict[str, float]
    silent: dict[str, float]


def measured(graph: Graph, run: RunRecord, graded: bool) -> Activity:
    """The activity of a run of this graph; an InputError if the run is another model's.

    graded: whether an input of k is one message and one pass over its row of weights; otherwise it is k of each.
    Attention is Q (Kᵀ V), in whatever order the energy accounts find it cheaper: cores hold Kᵀ V.
    """
    samples, events, operations = run.samples, {}, {}
    counted = {x.name: float(x.spikes) for x in run.layers} | {
        x.name: float(sum(x.events_per_step if graded else x.magnitude_per_step)) for x in run.streams()
    }
    worked = {x.name: float(x.input_events * x.outputs if graded else x.synaptic_operations) for x in run.linears()} | {
        x.name: float(x.memory_first) for x in run.attentions()
    }
    filled = {x.name: sum(x.kv_per_step) / samples for x in run.attentions()}
    binary = {x.name: x for x in run.linears() if x.input_magnitude == x.input_events}
    silent = {name: (x.input_elements - x.input_events) * x.outputs / samples for name, x in binary.items()}
    tokens = run.tokens / samples
    for node in graph:
        if isinstance(node, (NeuronLayer, Add)):
            events[node.name] = _of(counted, node.name, run) / samples
        elif isinstance(node, (Linear, Attention)):
            operations[node.name] = _of(worked, node.name, run) / samples
    steps = run.token_steps / samples
    events |= _dense(graph, tokens, steps)
    return Activity(f"measured on {samples} texts", tokens, steps, events, operations, filled, silent)


def largest(graph: Graph, tokens: int, graded: bool) -> Activity:
    """The most that can happen: the longest text, every neuron firing in every step."""
    steps = graph.time_steps * tokens
    operations: dict[str, float] = {}
    summands = {n.name: 1 for n in graph}
    for node in graph:
        if isinstance(node, Add):
            summands[node.name] = sum(summands[source] for source in node.inputs)
        elif isinstance(node, Linear):
            each = 1 if graded else summands[node.inputs[0]]
            operations[node.name] = float(node.weight.size * steps * each)
        elif isinstance(node, Attention):
            operations[node.name] = 2.0 * node.size * (node.size // node.heads) * steps
    events = {
        n.name: float(n.width * steps * (1 if graded else summands[n.name]))
        for n in graph
        if isinstance(n, (NeuronLayer, Add))
    }
    return Activity(
        "no run given: every neuron fires in every step",
        tokens,
        steps,
        events | _dense(graph, tokens, steps),
        operations,
        {n.name: operations[n.name] / 2 for n in graph if isinstance(n, Attention)},
        {},
    )


def _dense(graph: Graph, tokens: float, steps: float) -> dict[str, float]:
    """Sums are sent each step; what an embedding gives once a token, since it stays the same."""
    sums = {n.name: steps * n.width for n in graph if isinstance(n, (Linear, Accumulate))}
    return sums | {n.name: tokens * n.width for n in graph if isinstance(n, Embedding)}


def _of(counted: dict[str, float], name: str, run: RunRecord) -> float:
    if name not in counted:
        raise InputError(f"{run.folder}: counts no layer {name}; give the run of this model")
    return counted[name]


@dataclass(frozen=True)
class Traffic:
    """Messages of a mean sample: `events[i]` from core `source[i]` (-1 is the host) to core `target[i]`.

    to_host: what the cores send to what the host computes: the readout, and an attention that no core holds.
    """

    source: NDArray[np.int64]
    target: NDArray[np.int64]
    events: NDArray[np.float64]
    to_host: float


def traffic(graph: Graph, cores: list[Core], activity: Activity) -> Traffic:
    """Each message counts once for each core that it reaches; neurons of a layer are taken to fire alike."""
    places: dict[str, list[int]] = {}
    for index, core in enumerate(cores):
        places.setdefault(core.population.name, []).append(index)
    shapes = {name: np.array([(*cores[i].rows, *cores[i].copies) for i in found]) for name, found in places.items()}
    indices = {name: np.array(found) for name, found in places.items()}
    sources, targets, events = [], [], []
    for index, core in enumerate(cores):
        for edge in core.population.inputs:
            width = graph[edge.carries].width
            first, last = edge.rows
            if edge.grain:
                first, last = (
                    edge.rows[0] + core.rows[0] // edge.grain * edge.grain,
                    edge.rows[0] + -(-core.rows[1] // edge.grain) * edge.grain,
                )
            mine = (core.copies[1] - core.copies[0]) / core.population.copies
            if edge.source == HOST:
                sender, share = np.array([-1]), np.array([(last - first) / width * mine])
            else:
                shape, sender = shapes[edge.source], indices[edge.source]
                offset = edge.rows[0] if cores[sender[0]].population.role == "buffer" else 0
                rows = np.minimum(shape[:, 1] + offset, last) - np.maximum(shape[:, 0] + offset, first)
                copies = _copies(shape, core, cores[sender[0]].population.copies)
                share = np.maximum(rows, 0) / width * copies
            reached = share > 0
            sources.append(sender[reached])
            targets.append(np.full(reached.sum(), index))
            events.append(share[reached] * activity.events[edge.carries])
    return Traffic(
        np.concatenate(sources), np.concatenate(targets), np.concatenate(events), _to_host(graph, places, activity)
    )


def _to_host(graph: Graph, placed: Container[str], activity: Activity) -> float:
    """What the readout sums, and the queries, keys and values of an attention that no core holds."""
    last = graph[graph.nodes[-1].inputs[0]]
    read = [last.inputs[0] if isinstance(last, LayerNorm) else last.name]
    for lif in graph.neurons:
        source = graph[lif.inputs[0]]
        if isinstance(source, Attention) and lif.name not in placed:
            read.append(source.inputs[0])
    return sum(activity.events[name] for name in read)


def _copies(shape: NDArray, core: Core, copies: int) -> NDArray:
    """Of a source's copies the share that a target core reads, for each of the source's cores."""
    held = shape[:, 3] - shape[:, 2]
    if core.population.copies == copies:
        held = np.maximum(np.minimum(shape[:, 3], core.copies[1]) - np.maximum(shape[:, 2], core.copies[0]), 0)
    elif copies == 1:  # an attention holds all tokens in each row
        return held * (core.copies[1] - core.copies[0]) / core.population.copies
    return held / copies
