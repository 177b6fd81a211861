"""What each part of a model is worth: its score with the part silenced, made constant, or mixed up within a text.

    silenced   the part puts out nothing
    majority   each neuron puts out in every step what it puts out most often on these texts
    permuted   its outputs are permuted among the tokens of each text: the same spikes, at other tokens

The integer model runs on the fast simulator, with one node's output replaced. Parts are found by the shape of the
graph: a layer of neurons; a branch, from the stream to where it joins it; a block, an attention's branch and the next.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from export.ir.graph import Accumulate, Add, Attention, Graph, Linear, NeuronLayer, Node
from export.runtime.execute import Change
from simulate import ablation_schema as schema
from simulate.batches import Tokens
from simulate.compare import record
from simulate.energy import events
from simulate.fast import FastSimulator
from simulate.measure import Measure
from simulate.result import SimulationResult
from spikebert.data.metrics import Score

WAYS = ("silenced", "majority", "permuted")


@dataclass(frozen=True)
class Part:
    """`replaced` names the nodes whose output is replaced, `nodes` all that belong to the part."""

    name: str
    kind: str  # "block", "attention", "MLP" or "neurons"
    replaced: tuple[str, ...]
    nodes: tuple[str, ...]


@dataclass(frozen=True)
class Worth:
    """What one part is worth.

    Attributes:
        name: of the part.
        kind: "block", "attention", "MLP" or "neurons".
        operations: its share of the synaptic operations.
        scores: without it, by each way of leaving it out; None where a way has no meaning.
    """

    name: str
    kind: str
    operations: float
    scores: dict[str, float | None]


@dataclass(frozen=True, repr=False)
class Ablation:
    """What each part of a model is worth; `print` it for the table.

    Attributes:
        texts: how many.
        score: of the whole model, the metric of its task with its interval.
        parts: a Worth a part.
    """

    texts: int
    score: Score
    parts: list[Worth]

    def __repr__(self) -> str:
        return f"Ablation({len(self.parts)} parts, {self.texts} texts, {self.score})"

    def __str__(self) -> str:
        return table(self)


def ablate(
    graph: Graph,
    sentences: Sequence[Tokens],
    measure: Measure,
    seed: int = 0,
    progress: Callable[[int], object] = lambda _: None,
) -> Ablation:
    """Run the model once whole and once for each part and way.

    Args:
        measure: what their answers are measured by.
        seed: of the permutations.
        progress: called with the number of runs done since its last call; there are `1 + runs(graph)`.
    """
    simulator = FastSimulator(graph)
    whole = simulator.run(sentences)
    progress(1)
    counted = record(graph, whole, [len(tokens) for tokens in sentences])
    operations = {term.name: term.operations for term in events.account(counted).terms}
    worths = []
    for part in parts(graph):
        found: dict[str, float | None] = dict.fromkeys(WAYS)
        for way in ways(part, graph):
            changes = {name: _change(way, graph[name], whole, counted.token_steps, seed) for name in part.replaced}
            result = simulator.run(sentences, changes=changes, counting="none")
            found[way] = measure.value(graph, result.logits)
            progress(1)
        share = sum(operations.get(name, 0) for name in part.nodes) / max(1, sum(operations.values()))
        worths.append(Worth(part.name, part.kind, share, found))
    return Ablation(len(sentences), measure.score(graph, whole.logits), worths)


def runs(graph: Graph) -> int:
    """How many runs an ablation takes beside that of the whole model."""
    return sum(len(ways(part, graph)) for part in parts(graph))


def ways(part: Part, graph: Graph) -> tuple[str, ...]:
    """A block is silenced alone; only spikes have a majority."""
    if part.kind == "block":
        return WAYS[:1]
    return WAYS if all(isinstance(graph[name], NeuronLayer) for name in part.replaced) else (WAYS[0], WAYS[2])


def parts(graph: Graph) -> list[Part]:
    """Blocks, then their branches, then the layers of neurons, each in the order of the graph."""
    branches = [_branch(node, graph) for node in graph if isinstance(node, (Add, Accumulate))]
    branches = [branch for branch in branches if any(isinstance(graph[name], Linear) for name in branch.nodes)]
    blocks: list[list[Part]] = []
    for branch in branches:
        if branch.kind == "attention" or not blocks:
            blocks.append([])
        blocks[-1].append(branch)
    readers = graph.consumers()
    return [
        *(
            Part(f"block {i}", "block", sum((b.replaced for b in block), ()), sum((b.nodes for b in block), ()))
            for i, block in enumerate(blocks)
        ),
        *branches,
        *(Part(n.name, "neurons", (n.name,), tuple(readers[n.name])) for n in graph.neurons),
    ]


def _branch(join: Add | Accumulate, graph: Graph) -> Part:
    """What lies between a stream and the node at which a branch joins it; `replaced` is the last node of the branch."""
    stream, *_, last = join.inputs
    nodes: list[str] = []
    waiting = [last]
    while waiting:
        name = waiting.pop()
        if name != stream and name not in nodes:
            nodes.append(name)
            waiting += graph[name].inputs
    kind = "attention" if any(isinstance(graph[name], Attention) for name in nodes) else "MLP"
    return Part(join.name, kind, (last,), tuple(nodes))


def _change(way: str, node: Node, whole: SimulationResult, steps: int, seed: int) -> Change:
    """What takes the place of a node's output; `steps` are those of all tokens of the run `whole`."""
    if way == "silenced":
        return lambda output, lengths: np.zeros_like(output)
    if way == "majority":
        assert whole.neurons is not None
        often = 2 * whole.neurons[node.name] > steps  # (D,)
        return lambda output, lengths: np.broadcast_to(often, output.shape).astype(output.dtype)

    def permuted(output: NDArray, lengths: list[int]) -> NDArray:
        # Of each length one order, so that it does not matter which texts are computed together.
        starts = np.cumsum([0, *lengths[:-1]])
        orders = {n: np.random.default_rng([seed, n]).permutation(n) for n in set(lengths)}
        return output[:, np.concatenate([start + orders[n] for start, n in zip(starts, lengths, strict=True)])]

    return permuted


def record_of(ablation: Ablation, model_sha256: str, data: str, seed: int) -> schema.AblationRecord:
    """What the file of `spikebert-simulate ablate -o` says."""
    return schema.AblationRecord(
        model_sha256=model_sha256,
        data=data,
        seed=seed,
        texts=ablation.texts,
        **ablation.score.record,
        parts=[schema.Part(part.name, part.kind, part.operations, **part.scores) for part in ablation.parts],
    )


def table(ablation: Ablation) -> str:
    """As Markdown; in brackets what is lost or won beside the whole model."""
    whole, plain = ablation.score, ablation.score.metric.plain
    lines = [
        f"whole model: {whole.metric.title} {whole.metric.shown(whole.value)} on {ablation.texts} texts",
        "",
        "| part | kind | operations | " + " | ".join(WAYS) + " |",
        "|---|---|--:|" + "--:|" * len(WAYS),
    ]
    for part in ablation.parts:
        cells = []
        for way in WAYS:
            value = part.scores[way]
            cells.append("–" if value is None else f"{plain(value)} ({plain(value - whole.value, '+')})")
        lines.append(f"| {part.name} | {part.kind} | {100 * part.operations:.1f} % | {' | '.join(cells)} |")
    return "\n".join(lines)
