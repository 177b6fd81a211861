"""`manifest.json` of stages in stock NIR, field by field: what writes it and what reads it share this declaration.

`docs/interop.md` has the tables of these fields, made from the docstrings.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spikebert.core.records import Count, Size, read_record

FORMAT, FORMAT_VERSION = "spikebert-nir-stages", 1
FILE = "manifest.json"


@dataclass(frozen=True)
class StageLayer:
    """Neurons of a stage, with the weights before them.

    Attributes:
        neurons: the name of their node in `model.nir`.
        v_threshold: their threshold in the file, in units of a weight.
        weight_scale: what a unit of the weights is worth in the float model.
        rounds: whether our decay cuts anything off, so that a float membrane may differ.
        drift: how far our membrane and a float one can lie apart by that, in units of a weight.
        may_saturate: whether a membrane could reach the end of its 24 bits, where ours stops.
    """

    neurons: str
    v_threshold: float
    weight_scale: float
    rounds: bool
    drift: float
    may_saturate: bool


@dataclass(frozen=True)
class StageStep:
    """A stage, which another tool runs.

    Attributes:
        stage: its file.
        input: the node whose output it takes.
        output: the node whose output it gives.
        nodes: the nodes of `model.nir` that it holds, in order.
        largest_input: the largest number that it can be given; 1 for spikes.
        layers: its neurons, in order.
    """

    stage: str
    input: str
    output: str
    nodes: list[str]
    largest_input: Count
    layers: list[StageLayer]


@dataclass(frozen=True)
class HostStep:
    """A node that the host computes.

    Attributes:
        node: its name.
        type: its type; the equation stands in export/NIR.md, where `SpikeBert` comes before the name.
        inputs: the nodes whose outputs it takes, in order.
        fields: its numbers and texts by name.
        arrays: for each of its array fields the name of the array in `host.npz`.
    """

    node: str
    type: str
    inputs: list[str]
    fields: dict[str, Any]
    arrays: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What the host must know.

    Attributes:
        writer: the program and its version.
        graph_checksum: SHA-256 over everything that decides what the graph computes.
        dt: seconds of a step. NIR has none; its readers suppose this.
        time_steps: T.
        max_tokens: tokens of the longest text.
        labels: in the order of the logits; empty where the model predicts a number.
        feeding: how a sentence is computed, in words.
        steps: what is computed, in order, each a stage or a node of the host.
    """

    writer: str
    graph_checksum: str
    dt: float
    time_steps: Size
    max_tokens: Size
    labels: list[str]
    feeding: str
    steps: list[StageStep | HostStep]


def read(folder: Path) -> Manifest:
    """The manifest in a folder; an InputError of one line for anything else."""
    return read_record(folder / FILE, Manifest, "manifest of stages", FORMAT, FORMAT_VERSION)
