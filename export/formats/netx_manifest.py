"""`manifest.json` of networks for netx, field by field: what writes it and what reads it share this declaration.

`docs/netx.md` has the tables of these fields, made from the docstrings.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from spikebert.core.records import Count, Size, read_record

FORMAT, FORMAT_VERSION = "spikebert-netx", 1
FILE = "manifest.json"


@dataclass(frozen=True)
class Net:
    """One file, a linear chain.

    Attributes:
        file: its name.
        nodes: the nodes of `model.nir` that it holds, in order.
        input: the node whose output it takes.
        output: the node whose output it gives.
        input_width: features of what it takes.
        output_width: features of what it gives.
        largest_input: the largest number that it can be given; 1 for spikes.
        input_message_bits: for `hdf5.Network`: the width of what it is given, 0 for binary spikes.
        reset_interval: for `hdf5.Network`: T.
        reset_offset: for `hdf5.Network`.
        delay: steps by which the answer is late.
        thresholds: of each layer of neurons, in state units.
        vThMant: of each layer of neurons, as netx has it: they fire at v > 64 · vThMant.
        vDecay: of each layer of neurons.
    """

    file: str
    nodes: list[str]
    input: str
    output: str
    input_width: Size
    output_width: Size
    largest_input: Count
    input_message_bits: Count
    reset_interval: Size
    reset_offset: Count
    delay: Size
    thresholds: dict[str, Count]
    vThMant: dict[str, Count]
    vDecay: dict[str, Count]


@dataclass(frozen=True)
class LeftOut:
    """A node that is in no file: the host's part.

    Attributes:
        node: its name.
        inputs: the nodes whose outputs it takes.
        why: why no file holds it.
    """

    node: str
    inputs: list[str]
    why: str


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What the host must know.

    Attributes:
        writer: the program and its version.
        graph_checksum: SHA-256 over everything that decides what the graph computes.
        time_steps: T.
        feeding: how a network is fed, in words.
        nets: the files, in order.
        left_out: the other nodes, in order.
    """

    writer: str
    graph_checksum: str
    time_steps: Size
    feeding: str
    nets: list[Net]
    left_out: list[LeftOut]


def read(folder: Path) -> Manifest:
    """The manifest in a folder; an InputError of one line for anything else."""
    return read_record(folder / FILE, Manifest, "manifest of networks for netx", FORMAT, FORMAT_VERSION)
