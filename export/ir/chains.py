"""The linear chains of a graph: what a tool that knows only weights and neurons can run of it."""

from __future__ import annotations

from typing import NamedTuple

from export.ir.graph import LIF, Graph, Linear


class Layer(NamedTuple):
    """Weights and the neurons behind them."""

    linear: Linear
    lif: LIF


def stock_chains(graph: Graph) -> list[list[Layer]]:
    """Linear → LIF → Linear → LIF → …, each as long as nothing else reads what flows within.

    Every Linear whose only reader is a LIF is in one of them.
    """
    readers = graph.consumers()
    chains: dict[str, list[Layer]] = {}  # by the node that the chain so far ends with
    for linear in graph:
        if not isinstance(linear, Linear) or len(readers[linear.name]) != 1:
            continue
        lif = graph[readers[linear.name][0]]
        if not isinstance(lif, LIF):
            continue
        (source,) = linear.inputs
        chain = chains.get(source)
        if chain is None or readers[source] != [linear.name]:
            chain = []
        else:
            del chains[source]
        chain.append(Layer(linear, lif))
        chains[lif.name] = chain
    return list(chains.values())
