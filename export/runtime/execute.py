"""The one walk over the nodes of a graph, and the executor that every simulator runs it with.

State is in the caller's hands: a dict of the nodes' states by their names, empty at rest, which a walk replaces.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from export.ir.arithmetic import Array
from export.ir.graph import Graph, Node
from export.ir.ranges import output_bounds
from export.runtime.kernels import Kernel, State, make_kernels

Change = Callable[[NDArray, list[int]], NDArray]  # of a node's output (S, M, D), for sentences of these lengths


class Visit(NamedTuple):
    """A node at work in a walk: its inputs and its output, (S, M, D) each; of the readout (B, labels)."""

    node: Node
    inputs: list[NDArray]
    output: NDArray


def walk(
    nodes: Iterable[Node],
    kernels: Mapping[str, Kernel],
    values: dict[str, NDArray],
    lengths: list[int],
    states: dict[str, State] | None = None,
    tokens: NDArray | None = None,
    changes: Mapping[str, Change] | None = None,
) -> Iterator[Visit]:
    """Run nodes in their order.

    Args:
        values: the outputs that the nodes read; theirs are added. The caller may drop those of no more use.
        states: of the nodes by their names, replaced by those after the walk; None: at rest, and forgotten at once.
        tokens: (M,) ids, the input of an embedding.
        changes: what to put in place of the outputs of some nodes, by their names.
    """
    for node in nodes:
        inputs = [values[source] for source in node.inputs] if node.inputs else [np.asarray(tokens)]
        output, state = kernels[node.name](inputs, lengths, states.get(node.name) if states is not None else None)
        if states is not None:
            states[node.name] = state
        if changes and node.name in changes:
            output = changes[node.name](output, lengths)
        values[node.name] = output
        yield Visit(node, inputs, output)


class Executor:
    """A graph made ready to run: kernels prepared once, shared by all walks.

    steps: time steps of a call, all T unless told; each call of a walk goes on by so many.
    """

    def __init__(self, graph: Graph, steps: int | None = None):
        self.graph = graph
        once = graph.time_steps == 1
        self.kernels = make_kernels(graph, output_bounds(graph), steps or graph.time_steps, once)
        readers = graph.consumers()
        for node in graph:
            self.kernels[node.name].in_place = all(readers[source] == [node.name] for source in node.inputs)
        # After which node each value is of no more use.
        self.last_reader = {name: names[-1] if names else name for name, names in readers.items()}

    def visits(
        self,
        sentences: Sequence[NDArray],
        states: dict[str, State] | None = None,
        changes: Mapping[str, Change] | None = None,
    ) -> Iterator[Visit]:
        """Each node in order. A value is dropped when its last reader is done: its memory may be used again."""
        values: dict[str, NDArray] = {}
        lengths, tokens = [len(sentence) for sentence in sentences], np.concatenate(sentences)
        for visit in walk(self.graph, self.kernels, values, lengths, states, tokens, changes):
            yield visit
            for source in set(visit.node.inputs):
                if self.last_reader[source] == visit.node.name:
                    del values[source]


def execute(graph: Graph, sentences: Sequence[NDArray]) -> dict[str, Array]:
    """The outputs of all nodes, every value kept: (T, M, D) or (1, M, D) where constant over the steps; of the readout
    (B, labels). For comparison and training, not for speed.
    """
    return next(execute_steps(graph, sentences, graph.time_steps))[0]


def execute_steps(
    graph: Graph, sentences: Sequence[NDArray], at_once: int = 1
) -> Iterator[tuple[dict[str, Array], dict[str, State]]]:
    """`at_once` steps after the other: what every node put out in them, (S, M, D), and the states after them."""
    kernels, states = make_kernels(graph, output_bounds(graph), at_once), {}
    lengths, tokens = [len(sentence) for sentence in sentences], np.concatenate(sentences)
    for _ in range(graph.time_steps // at_once):
        values: dict[str, NDArray] = {}
        for _visit in walk(graph, kernels, values, lengths, states, tokens):
            pass
        yield values, dict(states)
