"""The nodes of the integer graph as NIR extension nodes, and their registration with the `nir` package.

Stock NIR has no embedding, no normalisation, no attention and no integer neuron. Our nodes therefore carry names that
no other reader knows (`SpikeBertLIF`): `nir.read` refuses such a file where this module is not loaded, rather than
running a wrong network.
"""

from __future__ import annotations

import dataclasses
from typing import Any, get_type_hints

import nir
import nir.ir
import numpy as np

from export.ir.graph import NODE_TYPES, Node, array_specs
from spikebert.core.errors import InputError

PREFIX = "SpikeBert"


class ExtensionNode(nir.NIRNode):
    """A NIR node that holds one node of the integer graph; `edges` of the NIR graph repeat its `inputs`."""

    node_type: type[Node]

    def __init__(self, **parameters: Any):
        self.parameters = parameters
        self.metadata = {}
        self.input_type, self.output_type = {}, {}

    def to_dict(self) -> dict[str, Any]:
        return {"type": type(self).__name__, **self.parameters}

    @classmethod
    def of(cls, node: Node) -> ExtensionNode:
        return EXTENSIONS[type(node).__name__](inputs="\n".join(node.inputs), **node.stored)

    def node(self, name: str) -> Node:
        """The graph's node; an InputError where a parameter is missing, foreign or of the wrong kind."""
        given = dict(self.parameters)
        inputs = given.pop("inputs", "")
        if not isinstance(inputs, str):
            raise InputError(f"node {name}: inputs must be text")
        values: dict[str, Any] = {}
        arrays, hints = array_specs(self.node_type), get_type_hints(self.node_type)
        for declared in dataclasses.fields(self.node_type):
            if declared.name in ("name", "inputs"):
                continue
            _, optional = arrays.get(declared.name, (None, False))
            if declared.name not in given and isinstance(declared.default, int):
                continue
            if declared.name not in given and not optional:
                raise InputError(f"node {name}: the parameter {declared.name!r} is missing")
            values[declared.name] = _plain(given.pop(declared.name, None), hints[declared.name], name, declared.name)
        given.pop("metadata", None)
        if given:
            raise InputError(f"node {name}: unknown parameter {sorted(given)[0]!r}")
        return self.node_type(name, tuple(inputs.split("\n")) if inputs else (), **values)


def _plain(value: Any, declared: Any, node: str, field: str) -> Any:
    """HDF5 gives NumPy scalars: turn them into the int or str that the field declares."""
    if declared is int:
        if not isinstance(value, (int, np.integer)):
            raise InputError(f"node {node}: {field} must be a whole number, not {type(value).__name__}")
        return int(value)
    if declared is str and not isinstance(value, str):
        raise InputError(f"node {node}: {field} must be text, not {type(value).__name__}")
    return value


EXTENSIONS: dict[str, type[ExtensionNode]] = {
    name: type(PREFIX + name, (ExtensionNode,), {"node_type": node_type, "__doc__": node_type.__doc__})
    for name, node_type in NODE_TYPES.items()
}


def register() -> None:
    """Make `nir.read` know our nodes. `nir` has no call for this: it looks a type up in its own module."""
    known = vars(nir.ir)["__all_ir"]
    for extension in EXTENSIONS.values():
        if extension.__name__ not in known:
            known.append(extension.__name__)
            setattr(nir.ir, extension.__name__, extension)
