"""The spike matrices of one text, as the simulator of Prosperity reads those of a SpikeBERT.

Prosperity: Accelerating Spiking Neural Networks via Product Sparsity, HPCA 2025; `create_network` and `run_fc` in the
repository dubcyfor3/Prosperity, `simulator/`. Its file is a pickle of a dictionary of torch tensors, one sample of T
steps and N tokens. Of block i, all uint8:

    fc_q_enc_i                        (T, N, D)  what the Linear of Q, K and V reads
    attention_enc_i_q, _k and _v      (T, N, D)  the spikes of Q, K and V
    fc_o_enc_i                        (T, N, D)  what the Linear behind the attention reads
    fc_1_enc_i, fc_2_enc_i            (T, N, D), (T, N, I)  what the two of the MLP read

That simulator knows spikes alone: a value k of a residual stream is 1 here. The file is written opcode by opcode, so
that no torch is needed to write it; nothing here ever reads a pickle.
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from export.ir.graph import Add, Attention, Graph, Linear
from spikebert.core.errors import InputError

if TYPE_CHECKING:
    from simulate.run import Run

PROTOCOL = 3
LINEARS = ("fc_q", "fc_o", "fc_1", "fc_2")  # of a block, in order


def write(run: Run, path: Path) -> None:
    """The text that the run traced."""
    assert run.trace is not None
    path.write_bytes(pickled(matrices(run.graph, run.trace.spikes)))


def check(graph: Graph) -> None:
    """An InputError for a graph whose blocks have not four Linears each, as those without an MLP."""
    linears, blocks = (sum(isinstance(node, kind) for node in graph) for kind in (Linear, Attention))
    if linears != len(LINEARS) * blocks:
        raise InputError(
            f"prosperity: its SpikeBERT has {len(LINEARS)} Linears a block, two of them in the MLP; this graph has "
            f"{linears} in {blocks} block{'s' * (blocks != 1)}",
            field="to",
        )


def matrices(graph: Graph, spikes: Mapping[str, NDArray[np.uint8]]) -> dict[str, NDArray[np.uint8]]:
    """{key of the simulator: (T, N, D) of 0 and 1} from the spikes (T, N, D) of each layer of a text."""
    check(graph)
    values: dict[str, NDArray] = dict(spikes)
    for node in graph:
        if isinstance(node, Add):
            values[node.name] = np.maximum.reduce([values[source] for source in node.inputs])
    linears = [values[node.inputs[0]] for node in graph if isinstance(node, Linear)]
    attentions = [values[node.inputs[0]] for node in graph if isinstance(node, Attention)]
    found = {}
    for i, attended in enumerate(attentions):
        query, key, value = np.split(attended, 3, axis=-1)
        block = dict(zip(LINEARS, linears[len(LINEARS) * i :], strict=False))
        found |= {f"{name}_enc_{i}": train for name, train in block.items()}
        found |= {f"attention_enc_{i}_{name}": train for name, train in zip("qkv", (query, key, value), strict=True)}
    return {name: np.ascontiguousarray(train, np.uint8) for name, train in found.items()}


def pickled(arrays: Mapping[str, NDArray]) -> bytes:
    """A pickle of {name: `torch.from_numpy(array)`}."""
    parts = [pickle.PROTO, bytes([PROTOCOL]), pickle.EMPTY_DICT, pickle.MARK]
    for name, array in arrays.items():
        text = name.encode()
        # The pickle of an array without its first opcode and its last: a value among others.
        value = pickle.dumps(array, PROTOCOL)[2:-1]
        parts += [pickle.BINUNICODE, struct.pack("<I", len(text)), text]
        parts += [pickle.GLOBAL, b"torch\nfrom_numpy\n", value, pickle.TUPLE1, pickle.REDUCE]
    return b"".join([*parts, pickle.SETITEMS, pickle.STOP])
