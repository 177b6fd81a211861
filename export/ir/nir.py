"""`model.nir`: the integer graph in one self-contained NIR file, restored exactly."""

from __future__ import annotations

import hashlib
import json
import os
import reprlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import nir
import numpy as np

from export.ir.early_exit import margin_of
from export.ir.graph import (
    LIF,
    NO_MARGIN,
    Accumulate,
    Add,
    Attention,
    Embedding,
    Graph,
    LayerNorm,
    Linear,
    Node,
    Readout,
    array_specs,
)
from export.ir.hdf5 import reading, write_nir
from export.ir.nir_nodes import ExtensionNode, register
from export.ir.validate import validate
from spikebert import __version__
from spikebert.core import strict_json
from spikebert.core.errors import InputError
from spikebert.core.files import require_folder_of, write_atomically

FORMAT = "spikebert-integer-graph"
FORMAT_VERSION = 7
SINCE: dict[type[Node], int] = {  # the format version that a node type came with
    **dict.fromkeys((Embedding, Linear, LayerNorm, LIF, Attention, Add, Readout), 1),
    Accumulate: 3,
}


def write(graph: Graph, path: str | os.PathLike[str]) -> None:
    """Write the graph; the file appears whole or not at all."""
    path = Path(path)
    nodes = {node.name: ExtensionNode.of(node) for node in graph}
    whole = nir.NIRGraph(
        {
            "input": nir.Input({"input": np.array([graph.max_tokens])}),
            **nodes,
            "output": nir.Output({"output": np.array([graph.outputs])}),
        },
        _edges(graph.nodes),
        metadata=_header(graph),
        type_check=False,
    )
    require_folder_of(path, "output file")
    size = sum(array.nbytes for node in graph for array in node.arrays.values())
    write_atomically(path, lambda temporary: write_nir(temporary, whole), size)


def read(path: str | os.PathLike[str]) -> Graph:
    """The graph of a file that `write` made; an InputError of one line for anything else."""
    register()
    with reading(path, "exported model"):
        return _graph(nir.read(Path(path), type_check=False))


def is_foreign(path: str | os.PathLike[str]) -> bool:
    """Whether a NIR file is not one of ours: its metadata do not name our format."""
    with reading(path, "NIR") as file:
        mark = file.get("node/metadata/format")
        return not isinstance(mark, h5py.Dataset) or mark.shape != () or mark[()] != FORMAT.encode()


def checksum(graph: Graph) -> str:
    """SHA-256 over everything that decides what the graph computes."""
    digest = hashlib.sha256()
    fixed = [graph.time_steps, graph.max_tokens, list(graph.labels), graph.tokenizer]
    digest.update(json.dumps(fixed).encode())
    for node in graph:
        digest.update(json.dumps([type(node).__name__, node.name, list(node.inputs)]).encode())
        later = {name for name, (spec, _) in array_specs(type(node)).items() if spec.since > 1}
        absent = {key: None for key, value in node.fields.items() if value is None and key not in later}
        for key, value in sorted({**absent, **node.stored}.items()):
            if isinstance(value, np.ndarray):
                digest.update(f"{key} {value.dtype} {value.shape}".encode() + np.ascontiguousarray(value).tobytes())
            else:
                digest.update(f"{key} {value!r}".encode())
    return digest.hexdigest()


def pairs(graph: Graph) -> bool:
    """Whether the model takes sentence pairs, which format 1 does not know."""
    return graph.nodes[0].fields.get("separator", -1) != -1


def needed_version(graph: Graph) -> int:
    """The oldest format version that knows all nodes and fields of a graph: older readers take what they can."""
    needed = [SINCE[type(node)] for node in graph]
    needed += [spec.since for n in graph for name, (spec, _) in array_specs(type(n)).items() if name in n.arrays]
    if pairs(graph):
        needed.append(2)
    if margin_of(graph) != NO_MARGIN:
        needed.append(4)
    if graph.regression:
        needed.append(5)
    if graph.nodes[0].fields.get("shared_words", 0):
        needed.append(6)
    return max(needed)


def _edges(nodes: Sequence[Node]) -> list[tuple[str, str]]:
    """What NIR's own readers follow: the nodes' `inputs`, from the node "input" to the node "output"."""
    between = [(source, node.name) for node in nodes for source in node.inputs]
    return [("input", nodes[0].name), *between, (nodes[-1].name, "output")]


def _header(graph: Graph) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "format_version": needed_version(graph),
        "writer": f"spikebert {__version__}",
        "checksum": checksum(graph),
        "time_steps": graph.time_steps,
        "max_tokens": graph.max_tokens,
        "labels": json.dumps(list(graph.labels)),
        "order": json.dumps([node.name for node in graph]),
        "provenance": json.dumps(graph.metadata),
        "tokenizer": np.frombuffer(graph.tokenizer.encode(), np.uint8),  # an array, since NIR compresses arrays alone
    }


def _whole_number(header: dict[str, Any], field: str) -> int:
    value = header.get(field)
    if not isinstance(value, (int, np.integer)):
        raise InputError(f"metadata/{field} must be a whole number, not {reprlib.repr(value)}")
    return int(value)


def _text(header: dict[str, Any], field: str) -> str:
    value = header.get(field)
    if not isinstance(value, str):
        raise InputError(f"metadata/{field} must be a text, not {reprlib.repr(value)}")
    return value


def _json(header: dict[str, Any], field: str) -> Any:
    text = _text(header, field)
    try:
        return strict_json.loads(text)
    except ValueError as error:
        raise InputError(f"metadata/{field} is not whole JSON ({error})") from None


def _texts(header: dict[str, Any], field: str) -> list[str]:
    values = _json(header, field)
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise InputError(f"metadata/{field} must be a list of texts, not {reprlib.repr(values)}")
    return values


def _provenance(header: dict[str, Any]) -> dict[str, Any]:
    values = _json(header, "provenance")
    if not isinstance(values, dict):
        raise InputError("metadata/provenance must be a JSON object")
    return values


def _tokenizer(header: dict[str, Any]) -> str:
    value = header.get("tokenizer")
    if not isinstance(value, np.ndarray) or value.dtype != np.uint8 or value.ndim != 1:
        raise InputError("metadata/tokenizer must be a list of bytes")
    return value.tobytes().decode()


def _graph(whole: nir.NIRGraph) -> Graph:
    header = whole.metadata
    mark = header.get("format")
    if not isinstance(mark, str) or mark != FORMAT:
        raise InputError("a NIR file, but not an exported SpikeBERT; make one with spikebert-export")
    version = _whole_number(header, "format_version")
    if version < 1:
        raise InputError(f"format version {version} was never written; export it again")
    if version > FORMAT_VERSION:
        raise InputError(
            f"format version {version} is newer than this program reads ({FORMAT_VERSION}); upgrade spikebert"
        )
    nodes: list[Node] = []
    for name in _texts(header, "order"):
        extension = whole.nodes.get(name)
        if not isinstance(extension, ExtensionNode):
            raise InputError(f"node {name}: missing, or not a node of an exported SpikeBERT")
        nodes.append(extension.node(name))
    unlike = sorted({*map(tuple, whole.edges)} ^ {*_edges(nodes)}) if nodes else []
    if unlike:
        raise InputError(
            f"edges: {' -> '.join(unlike[0])} stands in them or in the nodes' inputs alone; export it again"
        )
    graph = Graph(
        nodes=tuple(nodes),
        time_steps=_whole_number(header, "time_steps"),
        max_tokens=_whole_number(header, "max_tokens"),
        labels=tuple(_texts(header, "labels")),
        tokenizer=_tokenizer(header),
        metadata=_provenance(header),
    )
    if checksum(graph) != _text(header, "checksum"):
        raise InputError("the checksum does not match: the file was changed or damaged; export it again")
    return validate(graph)
