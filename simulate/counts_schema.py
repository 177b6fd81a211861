"""`counts.json`, field by field: what a simulated run writes and what every report reads, declared once.

`docs/counts.md` tells what each field counts, and `simulate.counts` how it arises. All counts are sums over the whole
run. A reader leaves fields alone that are not declared here, so a file may say more within the same version.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, get_args

from simulate.fields import Correlation, Count, Interval, Share, Size

FORMAT = "spikebert-counts"
VERSION, EXIT_VERSION = 2, 3  # of a model whose texts take all steps, or of one with an early exit
FILE = "counts.json"
OPTIONAL = {"optional": True}  # of a field that a file leaves out where it has its default


@dataclass(frozen=True, kw_only=True)
class Shape:
    """The simulated model.

    exit_margin: in units of the integer logits; None: every text takes all steps.
    logit_scale: of such a unit in the float model's logits, where there is a margin.
    """

    file: str
    sha256: str
    labels: list[str]
    time_steps: Size
    max_tokens: Size
    vocabulary: Size
    hidden_size: Size
    intermediate_size: Size
    blocks: Size
    heads: Size
    norm: str
    reset: str
    residual: str = "spikes"  # files of before 0.2 do not tell it
    weight_bits: Size
    metadata: dict[str, Any]
    exit_margin: Count | None = field(default=None, metadata=OPTIONAL)
    logit_scale: float = field(default=0.0, metadata=OPTIONAL)

    def noted(self, *keys: str) -> Any:
        """What the exporter noted under these names, one within the other; None where there is nothing."""
        found: Any = self.metadata
        for key in keys:
            found = found.get(key) if isinstance(found, dict) else None
        return found


@dataclass(frozen=True, kw_only=True)
class Origin:
    """How the run was made."""

    backend: str
    data: str
    command: str
    seconds: float
    startup_seconds: float = 0.0
    versions: dict[str, Any]


@dataclass(frozen=True)
class LayerCount:
    """A layer of neurons: `neurons` is tokens · width, `updates` T times that, `rate` spikes a neuron and step.

    dead, saturated: of its `width` neurons; None where the simulator was not asked to look at single neurons.
    decay: of the membrane, (4096 - decay) / 4096 of which stays from step to step; files of before 0.2 do not tell it.
    """

    name: str
    width: Size
    neurons: Count
    spikes_per_step: list[Count]
    spikes: Count
    rate: Share
    updates: Count
    dead: Count | None
    saturated: Count | None
    decay: Count | None = field(default=None, metadata=OPTIONAL)

    @property
    def leaks(self) -> int:
        """Updates of a membrane that a step before has left: a text's first step begins at rest."""
        return self.updates - self.neurons

    def rates(self) -> list[float]:
        """Spikes a neuron at each of the T steps, the neurons of texts that are done included."""
        return [spikes / self.neurons for spikes in self.spikes_per_step]


@dataclass(frozen=True)
class EmbeddingCount:
    kind: ClassVar[str] = "embedding"
    name: str
    width: Size
    elements: Count


@dataclass(frozen=True)
class LinearCount:
    """`input_magnitude` sums the inputs, whose elements are spikes or, on a residual stream, small integers."""

    kind: ClassVar[str] = "linear"
    name: str
    inputs: Size
    outputs: Size
    input_elements: Size
    input_events: Count
    input_magnitude: Count
    synaptic_operations: Count
    synaptic_operations_per_step: list[Count]
    zero_weights: Count
    dense_macs: Count


@dataclass(frozen=True)
class LayerNormCount:
    kind: ClassVar[str] = "layer_norm"
    name: str
    width: Size
    elements: Count
    roots: Count


@dataclass(frozen=True)
class AttentionCount:
    """The inputs are the spikes of Q, K and V; `dense_macs` is Q Kᵀ and its product with V of every text, one step.

    qk and qk_v are the accumulations of (Q Kᵀ) V, kv and q_kv those of Q (Kᵀ V), triples what both sum up to; see
    `export.runtime.tally`.
    """

    kind: ClassVar[str] = "attention"
    name: str
    width: Size
    heads: Size
    elements: Size
    input_elements: Size
    input_events: Count
    qk_per_step: list[Count]
    qk_v_per_step: list[Count]
    kv_per_step: list[Count]
    q_kv_per_step: list[Count]
    triples_per_step: list[Count]
    dense_macs: Count

    @property
    def pairs_first(self) -> int:
        """Accumulations of (Q Kᵀ) V."""
        return sum(self.qk_per_step) + sum(self.qk_v_per_step)

    @property
    def memory_first(self) -> int:
        """Accumulations of Q (Kᵀ V)."""
        return sum(self.kv_per_step) + sum(self.q_kv_per_step)


@dataclass(frozen=True)
class StreamCount:
    """A residual stream: its elements are small integers; `graded` of its non-zero `events` are above 1."""

    kind: ClassVar[str] = "stream"
    name: str
    width: Size
    elements: Count
    events_per_step: list[Count]
    graded_per_step: list[Count]
    magnitude_per_step: list[Count]

    @property
    def graded_share(self) -> float:
        """Of the non-zero events."""
        return sum(self.graded_per_step) / max(1, sum(self.events_per_step))


@dataclass(frozen=True)
class CurrentsCount:
    """A residual stream of currents: its elements are signed integers, each a graded message of its own."""

    kind: ClassVar[str] = "currents"
    name: str
    width: Size
    elements: Count
    additions: Count
    messages_per_step: list[Count]


@dataclass(frozen=True)
class ReadoutCount:
    kind: ClassVar[str] = "readout"
    name: str
    inputs: Size
    outputs: Size
    input_elements: Size
    input_events: Count
    input_magnitude: Count
    dense_macs: Count


OperationCount = (
    EmbeddingCount | LinearCount | LayerNormCount | AttentionCount | StreamCount | CurrentsCount | ReadoutCount
)
KINDS: dict[str, type[OperationCount]] = {cls.kind: cls for cls in get_args(OperationCount)}


@dataclass(frozen=True, kw_only=True)
class PerSample:
    """A number for each text, in the order of the texts.

    steps: that it took, where some may be done before the last.
    """

    steps: list[Size] | None = field(default=None, metadata=OPTIONAL)
    spikes: list[Count]
    synaptic_operations: list[Count]  # of the Linears
    attention_pairs_first: list[Count]
    attention_memory_first: list[Count]


@dataclass(frozen=True, kw_only=True)
class Totals:
    """Of the whole run.

    metric, score, interval: what `spikebert.data.metrics` measures the predictions by, None without labels; files of
        before 0.2 do not tell it.
    """

    samples: Size
    tokens: Size
    lengths: list[Size]
    accuracy: Share | None
    correct: Count | None
    majority: Share | None
    metric: str | None = None
    score: Correlation | None = None
    interval: Interval | None = None


def plain(record: Any) -> dict[str, Any]:
    """The object of the file that a record stands for: its fields in order, behind its name its kind."""
    values = {}
    for declared in fields(record):
        value = getattr(record, declared.name)
        if not (declared.metadata == OPTIONAL and value == declared.default):
            values[declared.name] = value
    kind = {"kind": record.kind} if hasattr(record, "kind") else {}
    return {"name": values.pop("name"), **kind, **values} if "name" in values else values
