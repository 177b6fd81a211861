"""The cut of a graph into Lava's processes."""

from dataclasses import replace

import pytest

from export.ir import sections
from spikebert.core.errors import InputError
from tests.random_graph import random_graph


@pytest.mark.parametrize(("norm", "levels"), [("layer", 1), ("batch", 3)])
def test_embeddings_blocks_and_readout_are_the_whole_graph_in_order(norm, levels):
    graph = random_graph(blocks=3, norm=norm, levels=levels)
    first, blocks, last = sections.sections(graph)
    assert [*first, *(node for block in blocks for node in block), *last] == list(graph)
    assert (len(sections.neurons(first)), len(blocks)) == (levels, 3)


def test_a_graph_without_blocks_is_refused():
    graph = random_graph()
    with pytest.raises(InputError, match="does not run from an Embedding"):
        sections.sections(replace(graph, nodes=graph.nodes[:2]))
