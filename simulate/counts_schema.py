"""`counts.json`, field by field: what a simulated run writes and what every report reads, declared once.

`docs/counts.md` has the tables of these fields, made from the docstrings; `simulate.counts` tells how they arise. All
counts are sums over the whole run. A reader leaves fields alone that are not declared here, so a file may say more
within the same version.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, get_args

from spikebert.core.records import Correlation, Count, Interval, Share, Size

FORMAT = "spikebert-counts"
VERSION, EXIT_VERSION = 2, 3  # of a model whose texts take all steps, or of one with an early exit
FILE = "counts.json"
OPTIONAL = {"optional": True}  # of a field that a file leaves out where it has its default


@dataclass(frozen=True, kw_only=True)
class Shape:
    """The simulated model.

    Attributes:
        file: the name of its file.
        sha256: the digest of its file.
        labels: its labels in the order of the logits; empty where the model predicts a number.
        time_steps: T.
        max_tokens: tokens of the longest text that it takes.
        vocabulary: rows of the word table.
        hidden_size: D.
        intermediate_size: I, the neurons inside an MLP; 0 where the blocks have none.
        blocks: blocks of attention and MLP, or of attention alone.
        heads: attention heads.
        norm: "layer" or "batch".
        reset: "subtract" or "zero".
        residual: "spikes", or "membrane" where blocks add currents. Files of before 0.2 do not tell it.
        weight_bits: bits of the widest weights.
        metadata: what the exporter noted.
        exit_margin: the margin of a model with an early exit, in units of the integer logits.
        logit_scale: what such a unit is worth in the float model's logits, where there is a margin.
    """

    file: str
    sha256: str
    labels: list[str]
    time_steps: Size
    max_tokens: Size
    vocabulary: Size
    hidden_size: Size
    intermediate_size: Count
    blocks: Size
    heads: Size
    norm: str
    reset: str
    residual: str = "spikes"
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
    """How the run was made.

    Attributes:
        backend: the simulator.
        data: where the texts are from.
        command: the command line.
        seconds: how long this machine simulated; no time of a chip.
        startup_seconds: how long the simulator took to start.
        versions: versions of the program and its libraries.
    """

    backend: str
    data: str
    command: str
    seconds: float
    startup_seconds: float = 0.0
    versions: dict[str, Any]


@dataclass(frozen=True)
class LayerCount:
    """A layer of neurons.

    Attributes:
        name: the name of its node in the model's file.
        width: neurons a token.
        neurons: tokens · width.
        spikes_per_step: spikes in each step.
        spikes: their sum.
        rate: spikes / (T · neurons).
        updates: T · neurons: membrane updates. Each reads and writes one 24-bit state.
        dead: of the `width` neurons, how many never fired on these texts. Null from Lava's `block` and `layer`
            processes, which do not report single neurons, unless `--spikes` is given.
        saturated: of the `width` neurons, how many fired in 95 % of all token-steps or more. Null where `dead` is.
        decay: what a membrane loses: (4096 − decay) / 4096 of it stays from step to step. Files of before 0.2 do not
            tell it.
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
    """The look-up of words, once a text whatever T.

    Attributes:
        name: the name of its node.
        width: features of a token.
        elements: the values looked up: tokens · width. With a table of neighbours (2 tokens − samples) · width, since
            a token looks up half a row for the token before it, and half a row for the token behind it.
    """

    kind: ClassVar[str] = "embedding"
    name: str
    width: Size
    elements: Count


@dataclass(frozen=True)
class LinearCount:
    """A product with weights.

    Attributes:
        name: the name of its node.
        inputs: D_in.
        outputs: D_out: the fan-out of each input.
        input_elements: tokens · T · inputs.
        input_events: inputs that are not zero.
        input_magnitude: their sum: an input of k counts k. Equal to `input_events` unless the input is a residual
            stream.
        synaptic_operations: input_magnitude · outputs. Each reads one weight of `weight_bits`.
        synaptic_operations_per_step: the same in each step.
        zero_weights: stored weights that are 0. They are synapses all the same and are not taken off.
        dense_macs: tokens · inputs · outputs: the multiply-accumulates of the same layer in an ordinary network.
    """

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
    """A layer norm; that of the embedding runs once a text.

    Attributes:
        name: the name of its node.
        width: features of a token.
        elements: values that are normalised.
        roots: reciprocal square roots that are taken, one a token, step and group.
    """

    kind: ClassVar[str] = "layer_norm"
    name: str
    width: Size
    elements: Count
    roots: Count


@dataclass(frozen=True)
class AttentionCount:
    """Attention; coincidences are counted within each text and head, from the spikes.

    Attributes:
        name: the name of its node.
        width: features of a token.
        heads: attention heads.
        elements: values of the output, tokens · T · width.
        input_elements: values of Q, K and V together.
        input_events: spikes of Q, K and V together.
        qk_per_step: pairs of a Q and a K spike in one feature: the accumulations of Q Kᵀ.
        qk_v_per_step: V spikes times the non-zero entries of that N × N map that they meet: the accumulations of (Q Kᵀ)
            V.
        kv_per_step: pairs of a K and a V spike in one token: the accumulations of Kᵀ V.
        q_kv_per_step: Q spikes times the non-zero entries of that D/H × D/H matrix that they meet: the accumulations of
            Q (Kᵀ V).
        triples_per_step: the sum of the output, equal in both orders.
        dense_macs: 2 · Σ length² · width: Q Kᵀ and its product with V, in one step.
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
    """A residual stream of spikes, whose elements are small whole numbers.

    Attributes:
        name: the name of its node.
        width: features of a token.
        elements: tokens · T · width.
        events_per_step: elements that are not zero.
        graded_per_step: of these, the ones above 1.
        magnitude_per_step: the sum of the elements.
        inputs: the layers and streams that it adds up.
    """

    kind: ClassVar[str] = "stream"
    name: str
    width: Size
    elements: Count
    events_per_step: list[Count]
    graded_per_step: list[Count]
    magnitude_per_step: list[Count]
    inputs: Size = field(default=2, metadata=OPTIONAL)

    @property
    def additions(self) -> int:
        """Those that sum it up."""
        return self.elements * (self.inputs - 1)

    @property
    def graded_share(self) -> float:
        """Of the non-zero events."""
        return sum(self.graded_per_step) / max(1, sum(self.events_per_step))


@dataclass(frozen=True)
class CurrentsCount:
    """A residual stream of currents, whose elements are signed whole numbers.

    Attributes:
        name: the name of its node.
        width: features of a token.
        elements: tokens · T · width.
        additions: additions that sum it up: (number of its inputs − 1) · elements.
        messages_per_step: graded messages, on a chip that has them: every element travels once a step, whatever its
            value. No synaptic operation is among them.
    """

    kind: ClassVar[str] = "currents"
    name: str
    width: Size
    elements: Count
    additions: Count
    messages_per_step: list[Count]


@dataclass(frozen=True)
class ReadoutCount:
    """The readout.

    Events and magnitude are those of the residual stream: what the readout averages or, in a model with layer norms,
    what goes into the norm before it, whose own output is dense.

    Attributes:
        name: the name of its node.
        inputs: D_in.
        outputs: labels, or 1 for a number.
        input_elements: tokens · T · inputs.
        input_events: inputs that are not zero. 0 where the stream is one of currents, which are no events.
        input_magnitude: their sum.
        dense_macs: inputs · outputs · samples.
    """

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

    Attributes:
        steps: steps that the text took, in a model with an early exit.
        spikes: spikes of all layers of neurons.
        synaptic_operations: synaptic operations of all Linears.
        attention_pairs_first: accumulations of all attentions, computed as (Q Kᵀ) V.
        attention_memory_first: accumulations of all attentions, computed as Q (Kᵀ V).
    """

    steps: list[Size] | None = field(default=None, metadata=OPTIONAL)
    spikes: list[Count]
    synaptic_operations: list[Count]
    attention_pairs_first: list[Count]
    attention_memory_first: list[Count]


@dataclass(frozen=True, kw_only=True)
class Totals:
    """Of the whole run. All measures are null where texts have no labels.

    Attributes:
        samples: how many texts.
        tokens: tokens of all texts; padding is none.
        lengths: tokens of each text.
        accuracy: the share of texts that are classified right; null of a model that predicts a number.
        correct: the number of these texts; null where `accuracy` is.
        majority: the share of the most frequent label; null where `accuracy` is.
        metric: what predictions are measured by: the metric of the model's task, or that of `--metric`. Files of before
            0.2 do not tell it.
        score: what the metric is of these predictions.
        interval: the ends of its 95 % interval: Wilson's for `accuracy`, else a percentile bootstrap's.
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
