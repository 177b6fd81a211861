"""The plain binary form of a model and its golden vectors, for readers without libraries: C, firmware, a test bench.

Little-endian, without padding; docs/bundle.md describes it byte by byte. `examples/c_reference/` reads it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from functools import singledispatch

import numpy as np
from numpy.typing import NDArray

from deploy.bundle.golden import Golden
from export.ir.graph import LIF, Accumulate, Add, Attention, Embedding, Graph, LayerNorm, Linear, Node, Readout
from export.ir.nir import needed_version

MAGIC, GOLDEN_MAGIC = b"SPKM", b"SPKG"
GOLDEN_VERSION = 1


def model_bytes(graph: Graph) -> bytes:
    """The graph: header, then each node in order with the numbers of its inputs."""
    numbers = {node.name: i for i, node in enumerate(graph)}
    # 2: of a model that takes sentence pairs; 3: of one with a stream of currents; 4: of one with an early exit;
    # 5: of one that predicts a number; 6: of one that tells the words of both texts, whatever it predicts; 7: of one
    # whose embedding tells of the tokens beside each
    version = needed_version(graph)
    head = _u32(version, graph.time_steps, graph.max_tokens, graph.outputs, len(graph.nodes))
    parts = [MAGIC, head] + ([_u32(int(graph.regression))] if version >= 6 else [])
    for node in graph:
        kind, body = _body(node, version)
        parts.append(_u32(kind, node.width, len(node.inputs), *(numbers[name] for name in node.inputs)))
        parts += body
    return b"".join(parts)


def golden_bytes(graph: Graph, golden: Golden) -> bytes:
    """The texts: header, then for each its tokens, its logits, and the spikes of all LIF nodes in order, as bits."""
    return b"".join([GOLDEN_MAGIC, _u32(GOLDEN_VERSION, len(golden.lengths)), *_texts(graph, golden)])


def _texts(graph: Graph, golden: Golden) -> Iterator[bytes]:
    start = 0
    for tokens, logits in zip(golden.sentences, golden.logits, strict=True):
        rows = slice(start, start + len(tokens))
        yield _u32(len(tokens))
        yield _array(tokens, np.uint32)
        yield _array(logits, np.int64)
        for node in graph.neurons:
            yield np.packbits(golden.spikes[node.name][:, rows], axis=-1).tobytes()
        start += len(tokens)


def _u32(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}I", *values)


def _array(values: NDArray, dtype: Callable | type) -> bytes:
    return np.ascontiguousarray(values, np.dtype(dtype).newbyteorder("<")).tobytes()  # type: ignore[arg-type]


def _full(values: NDArray | None, width: int, default: int, dtype: type) -> bytes:
    """One value for each of `width` outputs."""
    return _array(np.broadcast_to(default if values is None else values, width), dtype)


@singledispatch
def _body(node: Node, version: int) -> tuple[int, list[bytes]]:
    """The number of a node's type, and what follows its head."""
    raise NotImplementedError(type(node).__name__)


@_body.register
def _(node: Embedding, version: int) -> tuple[int, list[bytes]]:
    words, positions = len(node.word), 0 if node.position is None else len(node.position)
    tables = [(node.word, np.int8), (node.position, np.int16), (node.neighbour, np.int8)]
    held = [_array(table, dtype) for table, dtype in tables if table is not None]
    separator = [] if version < 2 else [_u32(words if node.separator < 0 else node.separator)]  # `words` is no token
    shared = [] if version < 6 else [_u32(node.shared_words)]
    beside = [] if version < 7 else [_u32(int(node.neighbour is not None))]
    return 0, [_u32(words, positions), *separator, *shared, *beside, *held]


@_body.register
def _(node: Linear, version: int) -> tuple[int, list[bytes]]:
    outputs, inputs = node.weight.shape
    bias, exponent = _full(node.bias, outputs, 0, np.int32), _full(node.exponent, outputs, 0, np.int8)
    return 1, [_u32(inputs), bias, exponent, _array(node.weight, np.int8)]


@_body.register
def _(node: LayerNorm, version: int) -> tuple[int, list[bytes]]:
    head = _u32(node.groups) + struct.pack("<q", node.epsilon)
    return 2, [head, _array(node.gain, np.int16), _array(node.bias, np.int32)]


@_body.register
def _(node: LIF, version: int) -> tuple[int, list[bytes]]:
    arrays = [_full(values, node.size, 0, np.int32) for values in (node.threshold, node.bias)]
    return 3, [_u32(node.decay, int(node.reset == "zero")), *arrays]


@_body.register
def _(node: Attention, version: int) -> tuple[int, list[bytes]]:
    return 4, [_u32(node.heads)]


@_body.register
def _(node: Add, version: int) -> tuple[int, list[bytes]]:
    return 5, []


@_body.register
def _(node: Accumulate, version: int) -> tuple[int, list[bytes]]:
    return 7, [_array(node.shift, np.int8)]


@_body.register
def _(node: Readout, version: int) -> tuple[int, list[bytes]]:
    margin = [] if version < 4 else [struct.pack("<q", node.margin)]
    scale = [] if version < 5 else [struct.pack("<d", float(node.scale[0]))]
    head = _u32(node.weight.shape[1], node.shift)
    return 6, [head, _array(node.bias, np.int32), _array(node.weight, np.int8), *margin, *scale]
