"""What a pass of the lowering may leave."""

import numpy as np
import pytest

from export.lower.float_graph import FloatAdd, FloatReadout, verify

HEAD = FloatReadout("head", ("b",), np.ones((2, 2)), np.ones(2))
A, B = FloatAdd("a", (), 2), FloatAdd("b", ("a", "a"), 2)


def test_a_graph_in_order_passes():
    assert verify((A, B, HEAD)) == (A, B, HEAD)


@pytest.mark.parametrize(
    ("graph", "said"),
    [
        ((A, A, B, HEAD), "node a: the name stands twice"),
        ((B, A, HEAD), "node b: reads .*, not all of which stand before it"),
        ((A, B), "does not end with a readout"),
    ],
)
def test_a_pass_that_leaves_no_graph_is_told_of(graph, said):
    with pytest.raises(ValueError, match=said):
        verify(graph)
