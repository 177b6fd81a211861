"""`manifest.json` of a bundle, field by field: what writes it and what reads it share this declaration.

`docs/bundle.md` has the tables of these fields, made from the docstrings.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from deploy.bundle.golden import Golden
from export.ir import nir
from export.ir.graph import Graph
from spikebert import __version__
from spikebert.core.records import Count, Size, read_record, text_of

FORMAT, FORMAT_VERSION = "spikebert-bundle", 1
FILE = "manifest.json"
OF_THE_MODEL = ("graph_checksum", "time_steps", "max_tokens", "labels", "logit_scale", "layers")


@dataclass(frozen=True)
class Layer:
    """A layer of neurons.

    Attributes:
        name: the name of its node in `model.nir`.
        neurons: neurons a token.
        decay: of the membrane, (4096 − decay) / 4096 of which stays from step to step.
        reset: "subtract" or "zero".
        input: the name of the node whose values it adds up.
    """

    name: str
    neurons: Size
    decay: Count
    reset: str
    input: str


@dataclass(frozen=True)
class Texts:
    """The golden texts.

    Attributes:
        texts: how many.
        tokens: of all of them together.
    """

    texts: Size
    tokens: Size


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a program wants to know of a bundle.

    Attributes:
        writer: the program and its version.
        integer_semantics: the `format_version` of `model.nir`, which is the version of its equations.
        licence: of the model: what the command was given, or else what `model.nir` notes.
        graph_checksum: SHA-256 over everything that decides what the graph computes.
        time_steps: T.
        max_tokens: tokens of the longest text.
        labels: in the order of the logits; empty where the model predicts a number.
        logit_scale: what a unit of the integer logits is worth.
        layers: the layers of neurons, in order.
        chip: the chip of `mapping/`. Bundles of before 0.2 may lack it.
        golden: how much the golden vectors hold.
        left_out: for each form that cannot hold the model, why.
    """

    writer: str
    integer_semantics: Size
    licence: str
    graph_checksum: str
    time_steps: Size
    max_tokens: Size
    labels: list[str]
    logit_scale: float
    layers: list[Layer]
    chip: str = ""
    golden: Texts
    left_out: dict[str, str]

    @property
    def text(self) -> str:
        """The content of the file."""
        return text_of(self, FORMAT, FORMAT_VERSION) + "\n"

    def difference(self, graph: Graph, golden: Golden) -> str | None:
        """The first field that is not that of a model, or of its golden vectors."""
        expected = manifest_of(graph, golden, self.licence, self.chip, self.left_out)
        return next((n for n in ("golden", *OF_THE_MODEL) if getattr(self, n) != getattr(expected, n)), None)


def manifest_of(graph: Graph, golden: Golden, licence: str, chip: str, left_out: dict[str, str]) -> Manifest:
    """The manifest of the bundle of a model and its golden vectors."""
    return Manifest(
        writer=f"spikebert {__version__}",
        integer_semantics=nir.needed_version(graph),
        licence=licence,
        graph_checksum=nir.checksum(graph),
        time_steps=graph.time_steps,
        max_tokens=graph.max_tokens,
        labels=list(graph.labels),
        logit_scale=float(graph.nodes[-1].arrays["scale"][0]),
        layers=[Layer(n.name, n.size, n.decay, n.reset, n.inputs[0]) for n in graph.neurons],
        chip=chip,
        golden=Texts(len(golden.lengths), int(golden.lengths.sum())),
        left_out=left_out,
    )


def read(folder: Path) -> Manifest:
    """The manifest of a bundle.

    Raises:
        InputError: it is none, or one of a newer version.
    """
    return read_record(folder / FILE, Manifest, "bundle manifest", FORMAT, FORMAT_VERSION)
