"""What has to be placed: the neurons of a graph in populations, each with what one row of it needs of a core.

A row is one feature of a layer: a neuron with its synapses, which lie where the neuron is. What the host keeps (the
embedding table, the readout, and on a chip of fixed neurons the attention) is no population.

On a chip of programmable neurons and graded spikes
- the residual addition belongs to the neurons of its branch, which read the stream and send the sum;
- a layer norm needs all sums of its features in one place: `sums` rows hold the weights, `neurons` rows the rest;
- a stream of currents belongs to the neurons at the entrance of the next branch, which hold the weights of the branch
  before, read the stream as it was and send its new value as graded spikes beside their own; the last one's rows have
  no neurons, and send to the host;
- an attention row (h, e) holds column e of its head's Kᵀ V: D/H counters; and its own neuron.
On a chip of fixed neurons a stream is not added up: all its sources send to the same axons of every reader, k spikes
for a value k.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from deploy.chips.chip import Chip
from deploy.chips.choices import TOKEN_SERIAL
from export.ir.graph import (
    LIF,
    STATE_BITS,
    Accumulate,
    Add,
    Attention,
    Embedding,
    Graph,
    LayerNorm,
    Linear,
    NeuronLayer,
    Node,
)
from export.ir.ranges import output_bounds
from export.ir.stock import entrances
from simulate.token_serial import passes
from spikebert.core.errors import InputError

HOST = ""  # what no node is called
# Kinds of neurons an update of which costs a chip's neuron_pj and takes its neuron_ns: where neurons are programs, and
# where they are fixed.
PROGRAMMED, FIXED = (LIF,), (LIF,)
ARRIVING = 1  # state words of a neuron beside those that it keeps: the sum of what arrives in a step


@dataclass(frozen=True)
class Edge:
    """Spikes that a population receives: from `rows` of `source`, which put out what node `carries` does.

    grain: 0 where every row reads every source row; otherwise row i reads the rows of its own block of `grain`.
    """

    source: str
    carries: str
    rows: tuple[int, int]
    grain: int = 0


@dataclass
class Population:
    """`rows` rows in `copies` copies (tokens side by side); all needs are those of one row."""

    name: str
    layer: str  # the node it computes: neurons, or the Linear of `sums`
    role: str  # neurons, sums, attention or buffer
    rows: int
    copies: int
    synapse_bits: int = 0
    state_bits: int = 0
    neurons: int = 1
    axons: int = 0  # that all rows of a core share
    row_axons: int = 0  # of each row
    together: int = 1  # rows that one core must hold together
    inputs: list[Edge] = field(default_factory=list)


def populations(graph: Graph, chip: Chip, strategy: str, tokens: int, bits: int | None = None) -> list[Population]:
    """The populations of a graph in the order in which spikes pass them.

    Args:
        tokens: the longest text, which may be less than the model's.
        bits: the width of all weights, where it is not the model's own.

    Raises:
        InputError: the chip cannot hold a layer at all; the message names the layer, the limit and the nearest change.
    """
    return _Builder(graph, chip, strategy, tokens, bits).build()


class _Builder:
    def __init__(self, graph: Graph, chip: Chip, strategy: str, tokens: int, bits: int | None):
        self.graph, self.chip, self.tokens, self.bits = graph, chip, tokens, bits
        self.serial = strategy == TOKEN_SERIAL
        self.copies = 1 if self.serial else tokens
        self.bounds = output_bounds(graph)
        self.flexible = chip.programmable_neurons and chip.graded_bits > 0
        self.found: list[Population] = []
        self.sent_by: dict[str, str] = {}  # node → the population that sends its output
        self.entrances = entrances(graph)
        self.part = {node.name: i for i, part in enumerate(passes(graph)) for node in part.nodes}

    def build(self) -> list[Population]:
        for lif in self.graph.neurons:
            self._check(lif)
            source = self.graph[lif.inputs[0]]
            norm = source if isinstance(source, LayerNorm) else None
            before = self.graph[norm.inputs[0]] if norm else source
            if norm and not self.flexible:
                raise InputError(
                    f"layer {norm.name}: a layer norm needs programmable neurons and graded spikes, which "
                    f"{self.chip.name} has not; train with --norm batch"
                )
            if lif.name in self.entrances:
                self._entrance(lif, before)
            elif isinstance(before, Attention):
                self._attention(lif, before)
            elif isinstance(before, Embedding):
                self._add(lif, [Edge(HOST, before.name, (0, lif.size), 1)], together=_group(norm))
            elif isinstance(before, Linear):
                self._linear(lif, before, norm)
            else:
                raise InputError(f"layer {lif.name}: neurons behind a {type(before).__name__} have no mapping")
        last = self.graph[self.graph.nodes[-1].inputs[0]]
        if isinstance(last, Accumulate):
            self._stream(last, last.name, "sums")
        return self.found

    def _check(self, lif: NeuronLayer) -> None:
        if not isinstance(lif, PROGRAMMED if self.chip.programmable_neurons else FIXED):
            raise InputError(
                f"layer {lif.name}: these are {type(lif).__name__} neurons, and what {self.chip.name} spends and takes "
                "for an update is known of LIF alone"
            )
        if self.chip.state_bits < STATE_BITS:
            raise InputError(
                f"layer {lif.name}: membranes of {STATE_BITS} bits, and {self.chip.name} keeps {self.chip.state_bits}; "
                "a chip of narrower membranes would saturate where the model does not"
            )
        if lif.reset == "subtract" and not self.chip.programmable_neurons:
            raise InputError(
                f"layer {lif.name}: {self.chip.name} has fixed neurons, whose reset is to zero; train with --reset zero"
            )

    def _linear(self, lif: NeuronLayer, linear: Linear, norm: LayerNorm | None) -> None:
        chip, bits = self.chip, self._weight_bits(linear)
        outputs, inputs = linear.weight.shape
        room = chip.synapse_memory_per_core or chip.memory_per_core
        columns = min(inputs, chip.input_axons_per_core or inputs, room * 8 // bits)
        if columns == inputs and norm is None:
            self._add(lif, self._sources(linear), inputs * bits, inputs)
            return
        if not self.flexible:
            raise InputError(
                f"layer {linear.name}: {inputs} inputs a neuron, and a core of {chip.name} takes {columns}; partial "
                f"sums need graded spikes; train with a width of {columns} or less"
            )
        self._carry(linear.name)
        edges = []
        for start in range(0, inputs, columns):
            end = min(start + columns, inputs)
            name = linear.name if columns == inputs else f"{linear.name}[{start}:{end}]"
            part = Population(name, linear.name, "sums", outputs, self.copies, (end - start) * bits, chip.state_bits)
            part.axons = end - start
            part.inputs = [
                Edge(e.source, e.carries, (e.rows[0] + start, e.rows[0] + end)) for e in self._sources(linear)
            ]
            self.found.append(part)
            edges.append(Edge(name, linear.name, (0, outputs), _group(norm)))
        self._add(lif, edges, len(edges) * bits, together=_group(norm), row_axons=len(edges))

    def _weight_bits(self, linear: Linear) -> int:
        chip, bits = self.chip, self.bits or linear.bits
        if bits > chip.weight_bits:
            remedy = f"export its model.pt with --bits {chip.weight_bits}"
            raise InputError(
                f"layer {linear.name}: weights of {bits} bits, and {chip.name} holds {chip.weight_bits}; "
                f"{remedy if chip.weight_bits > 1 else 'no export has fewer than 2'}"
            )
        return bits

    def _value_bits(self, name: str) -> int:
        """The bits of a value that a node puts out; sums of weights have a sign."""
        signed = isinstance(self.graph[name], (Linear, Accumulate))
        return self.bounds[name].bit_length() + signed

    def _carry(self, name: str) -> None:
        bits = self._value_bits(name)
        if bits > self.chip.graded_bits:
            raise InputError(
                f"layer {name}: values of {bits} bits, and a spike of {self.chip.name} carries "
                f"{self.chip.graded_bits}; train with fewer blocks, or a smaller width"
            )

    def _add(
        self,
        lif: NeuronLayer,
        inputs: list[Edge],
        synapse_bits: int = 0,
        axons: int = 0,
        together: int = 1,
        row_axons: int = 0,
    ) -> None:
        """The neurons of a layer, with the residual addition behind them where the chip can add."""
        state_bits = (lif.states + ARRIVING) * self.chip.state_bits
        new = Population(lif.name, lif.name, "neurons", lif.size, self.copies, synapse_bits, state_bits)
        new.axons, new.row_axons, new.together, new.inputs = axons, row_axons, together, list(inputs)
        self.found.append(new)
        self.sent_by[lif.name] = lif.name
        sums = (n for n in self.graph if isinstance(n, Add) and lif.name in n.inputs)
        added = next((n for n in sums if all(name in self.sent_by for name in n.inputs)), None)
        if added is None or not self.flexible:
            return
        self._carry(added.name)
        for stream in added.inputs:
            if stream != lif.name:
                new.synapse_bits += self.chip.weight_bits
                new.row_axons += 1
                waits = self.serial and self.part[stream] < self.part[added.name]
                source = self._buffer(stream, (0, lif.size), before=new) if waits else self.sent_by[stream]
                new.inputs.append(Edge(source, stream, (0, lif.size), 1))
        self.sent_by[added.name] = lif.name

    def _entrance(self, lif: NeuronLayer, stream: Node) -> None:
        """Neurons that read a stream of currents: with the addition before them, or where it begins by themselves."""
        if not self.flexible:
            raise InputError(
                f"layer {lif.name}: a stream of currents travels as graded spikes, which {self.chip.name} has not; "
                "train with --residual spikes"
            )
        if isinstance(stream, Accumulate):
            self._stream(stream, lif.name, "neurons", lif.states + ARRIVING)
        else:
            source = HOST if isinstance(stream, Embedding) else self.sent_by[stream.name]
            self._add(lif, [Edge(source, stream.name, (0, lif.size), 1)], row_axons=1)
        self.sent_by[lif.name] = lif.name

    def _stream(self, stream: Accumulate, name: str, role: str, of_neurons: int = 0) -> None:
        """The rows that add a branch to the stream, and the neurons at the entrance of the next, if any.

        A row holds one state word for the stream, and `of_neurons` for its neuron.
        """
        before, *branches = (self.graph[source] for source in stream.inputs)
        branch = branches[0]
        if len(branches) > 1 or not isinstance(branch, Linear):
            raise InputError(
                f"layer {stream.name}: to be mapped, a stream of currents must add one Linear to the stream before it"
            )
        self._carry(stream.name)
        inputs = branch.weight.shape[1]
        bits = self._weight_bits(branch)
        state_bits = (1 + of_neurons) * self.chip.state_bits
        new = Population(name, name, role, stream.size, self.copies, inputs * bits, state_bits)
        new.synapse_bits += self.chip.weight_bits
        new.axons, new.row_axons, new.inputs = inputs, 1, self._sources(branch)
        self.found.append(new)
        self.sent_by[stream.name] = name
        if isinstance(before, Embedding):
            new.inputs.append(Edge(HOST, before.name, (0, stream.size), 1))
            return
        waits = self.serial and self.part[before.name] < self.part[stream.name]
        source = self._buffer(before.name, (0, stream.size), before=new) if waits else self.sent_by[before.name]
        new.inputs.append(Edge(source, before.name, (0, stream.size), 1))

    def _attention(self, lif: NeuronLayer, attention: Attention) -> None:
        qkv = attention.inputs[0]
        if not self.flexible:
            self.sent_by[lif.name] = HOST
            return
        size, head = attention.size, attention.size // attention.heads
        counter = self.tokens.bit_length()
        steps = self.graph.time_steps if self.serial else 1
        new = Population(lif.name, lif.name, "attention", lif.size, 1, neurons=self.copies)
        new.state_bits = head * counter * steps + (lif.states + ARRIVING) * self.chip.state_bits * self.copies
        new.axons, new.row_axons = 2 * head * self.copies, 3 * self.copies
        thirds = [(i * size, (i + 1) * size) for i in range(3)]
        queries = self._buffer(qkv, thirds[0]) if self.serial else qkv
        new.inputs = [Edge(queries, qkv, thirds[0], head), *(Edge(qkv, qkv, rows, head) for rows in thirds[1:])]
        self.found.append(new)
        self.sent_by[lif.name] = lif.name

    def _buffer(self, node: str, rows: tuple[int, int], before: Population | None = None) -> str:
        """Where the outputs of all tokens and steps wait for the next pass, a row a feature."""
        name = f"{node}.waiting"
        held = self._value_bits(node) * self.tokens * self.graph.time_steps
        new = Population(name, node, "buffer", rows[1] - rows[0], 1, state_bits=held, row_axons=1)
        new.inputs = [Edge(self.sent_by[node], node, rows, 1)]
        self.found.insert(self.found.index(before) if before else len(self.found), new)
        return name

    def _sources(self, linear: Linear) -> list[Edge]:
        """Who sends the inputs of a Linear: a stream is one sender, or on a chip that cannot add, all its summands.

        There the host keeps for token-serial what an earlier pass sent, and sends it again.
        """
        source = self.graph[linear.inputs[0]]
        if self.flexible:
            return [Edge(self.sent_by[source.name], source.name, (0, source.width))]
        again = {n.name for n in self.graph if self.serial and self.part[n.name] < self.part[linear.name]}
        return [
            Edge(HOST if node.name in again else self.sent_by[node.name], node.name, (0, node.width))
            for node in summands(self.graph, source)
        ]


def _group(norm: LayerNorm | None) -> int:
    return norm.width // norm.groups if norm else 1


def summands(graph: Graph, node: Node) -> list[Node]:
    return [s for name in node.inputs for s in summands(graph, graph[name])] if isinstance(node, Add) else [node]
