"""The licence of a model, noted in its exported file: `inspect` shows it, and a bundle states it."""

from __future__ import annotations

from dataclasses import replace

from export.ir.graph import Graph
from spikebert.core.errors import InputError

FIELD = "licence"
NOT_STATED = "not stated"


def with_licence(graph: Graph, name: str) -> Graph:
    """The graph, which notes its licence, such as `Apache-2.0`; an InputError for what is no line of text."""
    if not name.strip() or not name.isprintable():
        raise InputError("must be a line of text, such as Apache-2.0", field=FIELD)
    return replace(graph, metadata={**graph.metadata, FIELD: name.strip()})


def licence_of(graph: Graph) -> str:
    """What the file says, if it is a line of text."""
    noted = graph.metadata.get(FIELD)
    return noted if isinstance(noted, str) and noted.isprintable() and noted else NOT_STATED
