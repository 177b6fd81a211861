"""A graph cut into the processes that Lava runs it as: the embeddings, the blocks, the readout."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from export.ir.graph import Accumulate, Add, Attention, Embedding, Graph, LayerNorm, Linear, NeuronLayer, Node, Readout
from spikebert.core.errors import InputError
from spikebert.model.limits import LEVELS_MAX

# LayerNorms apart. Both kinds have five neuron layers, three of them in the attention.
N = NeuronLayer
BLOCK = [Linear, N, Attention, N, Linear, N, Add, Linear, N, Linear, N, Add]
MEMBRANE_BLOCK = [N, Linear, N, Attention, N, Linear, Accumulate, N, Linear, N, Linear, Accumulate]
ATTENTIONS = [BLOCK[:7], MEMBRANE_BLOCK[:7]]  # of a block without an MLP


def neurons(nodes: Sequence[Node]) -> list[NeuronLayer]:
    """The neuron layers among the nodes of a process."""
    return [node for node in nodes if isinstance(node, NeuronLayer)]


def sections(graph: Graph) -> tuple[tuple[Node, ...], list[tuple[Node, ...]], tuple[Node, ...]]:
    """(embedding nodes, the nodes of each block, readout nodes), cut where a residual stream has been completed.

    A block is what lies between two such cuts: an attention and an MLP, each closed by its Add or Accumulate, or an
    attention alone.

    Raises:
        InputError: the graph is no SpikeBERT, or has more levels of embedding neurons than Lava's process has ports.
    """
    nodes = list(graph)
    first = next((i for i, n in enumerate(nodes) if isinstance(n, Linear)), None)
    if first is None or not isinstance(nodes[0], Embedding) or not isinstance(nodes[-1], Readout):
        raise InputError("the graph does not run from an Embedding over blocks to a Readout")
    if any(isinstance(n, Accumulate) for n in nodes):
        first -= 1  # the neurons at the entrance of the first block
    if len(neurons(nodes[:first])) > LEVELS_MAX:
        raise InputError(f"the embeddings have more than {LEVELS_MAX} populations of neurons; Lava runs no more")
    ends = [first, *(i + 1 for i, n in enumerate(nodes) if isinstance(n, (Add, Accumulate)) and i > first)]
    later = [a for a, b in pairwise(ends[1:]) if any(isinstance(n, Attention) for n in nodes[a:b])]
    starts = [first, *later, ends[-1]]
    blocks = [tuple(nodes[a:b]) for a, b in pairwise(starts) if b > a]
    for block in blocks:
        kinds = [N if isinstance(n, N) else type(n) for n in block if not isinstance(n, LayerNorm)]
        if kinds not in (BLOCK, MEMBRANE_BLOCK, *ATTENTIONS):
            raise InputError(f"node {block[0].name}: the nodes from here to {block[-1].name} are no SpikeBERT block")
    return tuple(nodes[:first]), blocks, tuple(nodes[starts[-1] :])
