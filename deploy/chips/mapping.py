"""A graph onto a system of chips: strategy and system chosen, cut, placed, estimated."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, replace
from pathlib import Path

from deploy.chips.balance import Choice, candidates, curve
from deploy.chips.chip import Chip, System, find_system, read_chip, systems_of
from deploy.chips.choices import AUTO, CORES, LATENCY, OBJECTIVES, STRATEGIES, TOKEN_SERIAL, UNROLLED
from deploy.chips.estimate import Estimate, estimate
from deploy.chips.packing import compiled_cores
from deploy.chips.partition import Core, Cut, partition
from deploy.chips.placement import Placement, place
from deploy.chips.populations import populations
from deploy.chips.traffic import Activity, Traffic, largest, measured, traffic
from export.ir.early_exit import margin_of
from export.ir.graph import NO_MARGIN, Attention, Embedding, Graph, LayerNorm, Linear, Readout
from simulate.energy.record import RunRecord
from spikebert.core.errors import InputError
from spikebert.core.options import require_choice

MOST_CORES = 2**18  # in all; Hala Point, the largest known system, has 147,456


@dataclass(frozen=True, repr=False)
class Mapping:
    """A model on the cores of a chip.

    Attributes:
        graph: the integer model.
        system: the chips, and what each of their cores holds.
        strategy: "unrolled" or "token-serial".
        tokens: the longest text.
        cuts: how each population of neurons is cut into cores.
        cores: what each core holds.
        placement: which core of which chip each of them is.
        activity: the spikes that the traffic was counted from.
        traffic: what passes between cores and between chips.
        estimate: time and energy of a text, low and high; estimated, not measured.
        objective: "cores", "latency" or "energy".
        curve: from the cut by memory to as many cores as its chips have.
        model_sha256: of the file that was mapped.
    """

    graph: Graph
    system: System
    strategy: str
    tokens: int
    cuts: list[Cut]
    cores: list[Core]
    placement: Placement
    activity: Activity
    traffic: Traffic
    estimate: Estimate
    objective: str
    curve: tuple[Choice, ...]
    model_sha256: str = ""

    def __repr__(self) -> str:
        return f"Mapping({self.title})"

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write mapping.json, mapping.md and floorplan.svg into a folder, all or none; see docs/mapping.md."""
        from deploy.chips.mapping_report import write

        write(self, Path(folder))

    @property
    def compiled_cores(self) -> int:
        """The cores that a published compiler would take; `cores` are as few as there can be."""
        return sum(compiled_cores(cut, self.system.chip) for cut in self.cuts)

    @property
    def title(self) -> str:
        """How it is laid out, where, and on how much."""
        chips = f"{self.placement.chips} chip{'s' if self.placement.chips > 1 else ''}"
        return f"{self.strategy} on {self.system.name}: {len(self.cores):,} cores, {chips}"

    @property
    def host_layers(self) -> list[str]:
        """The nodes that the host computes, since no core does."""
        placed = {cut.population.name for cut in self.cuts}
        host = [n.name for n in self.graph if isinstance(n, (Embedding, Readout))]
        attentions = {n.name for n in self.graph if isinstance(n, Attention)}
        for lif in self.graph.neurons:
            if lif.name not in placed:
                host += [name for name in lif.inputs if name in attentions] + [lif.name]
        last = self.graph[self.graph.nodes[-1].inputs[0]]
        return host + ([last.name] if isinstance(last, LayerNorm) else [])


def map_model(
    graph: Graph,
    model_sha256: str,
    chip: str = "loihi2",
    system: str | None = None,
    strategy: str = AUTO,
    run: RunRecord | None = None,
    tokens: int | None = None,
    objective: str = CORES,
) -> Mapping:
    """Map the graph of a file that has this digest; `chip` is a known name or a .yaml file. See `map_graph`.

    Raises:
        InputError: it does not fit, the run is of another model or another margin of an early exit, or a choice that is
            not known.
    """
    require_choice((*STRATEGIES, AUTO), strategy=strategy)
    require_choice(OBJECTIVES, objective=objective)
    if run and run.model.sha256 != model_sha256:
        raise InputError(f"{run.folder}: counts of another model ({run.model.file}); simulate the one that is mapped")
    if run and run.model.exit_margin != (None if margin_of(graph) == NO_MARGIN else margin_of(graph)):
        raise InputError(
            f"{run.folder}: counts at another --exit-margin; give the one that was simulated, or simulate anew"
        )
    found = map_graph(graph, read_chip(chip), system, strategy, run, tokens, objective)
    return replace(found, model_sha256=model_sha256)


def map_graph(
    graph: Graph,
    chip: Chip,
    system: str | None = None,
    strategy: str = AUTO,
    run: RunRecord | None = None,
    tokens: int | None = None,
    objective: str = CORES,
) -> Mapping:
    """Map a graph.

    Args:
        system: a name or a number of chips; without one the smallest known system that holds the model.
        run: a simulated run, whose spikes are the traffic; without one, all neurons fire in every step.
        tokens: the longest text, where it shall be shorter than the model's.
        objective: cores (as few as memory allows), latency or energy, for which all cores of the system may be used
            where one was given, and otherwise those of the chips that it takes anyway.

    Raises:
        InputError: it does not fit; the message names the layer, the limit and the nearest change.
    """
    tokens = graph.max_tokens if tokens is None else tokens
    if run and max(run.lengths) > tokens:
        raise InputError(
            f"{tokens}: the run {run.folder} has a text of {max(run.lengths)}; map for that many, or run shorter texts",
            field="tokens",
        )
    system_found, name, cuts = choose(graph, chip, system, strategy, tokens)
    room = system_found.cores * (system_found.chips if system else math.ceil(_count(cuts) / system_found.cores))
    return _mapped(graph, system_found, name, tokens, cuts, run, objective, room)


def choose(graph: Graph, chip: Chip, system: str | None, strategy: str, tokens: int) -> tuple[System, str, list[Cut]]:
    """The system, the strategy and the cuts of `map_graph`, before anything is placed."""
    if not 1 <= tokens <= graph.max_tokens:
        raise InputError(f"{tokens}: the model takes 1 to {graph.max_tokens}", field="tokens")
    systems = [find_system(chip, system)] if system else systems_of(chip)
    tried = list(STRATEGIES) if strategy == AUTO else [strategy]
    if margin_of(graph) != NO_MARGIN:
        tried = [_early(chip, strategy)]
    cuts, refused = {}, None
    for each in tried:
        try:
            cuts[each] = partition(populations(graph, chip, each, tokens), chip)
        except InputError as error:  # another strategy may still do
            refused = error
    if not cuts:
        assert refused
        raise refused
    for candidate in systems:
        for name, found in cuts.items():
            count = _count(found)
            if count > MOST_CORES and count <= candidate.chips * candidate.cores:
                raise InputError(
                    f"{name} needs {count:,} cores, and no more than {MOST_CORES:,} are placed; map for shorter texts "
                    "(--tokens), or a smaller model"
                )
            if count <= candidate.chips * candidate.cores:
                return candidate, name, found
    raise InputError(_too_large(graph, chip, systems[-1], list(cuts)[-1], tokens))


def _early(chip: Chip, strategy: str) -> str:
    """The strategy for a model with an early exit; an InputError where texts could not be done early."""
    if not chip.programmable_neurons:
        raise InputError(
            f"an exit margin: membranes would have to wait until the logits of a step are out, and the neurons of "
            f"{chip.name} cannot: they leak in every step; map with --exit-margin never"
        )
    if strategy not in (AUTO, UNROLLED):
        raise InputError(
            f"an exit margin: {strategy} runs all steps of a token before the next token comes, so that no text can be "
            f"done early; map with --strategy {UNROLLED}, or with --exit-margin never"
        )
    return UNROLLED


def _mapped(
    graph: Graph,
    system: System,
    strategy: str,
    tokens: int,
    cuts: list[Cut],
    run: RunRecord | None,
    objective: str,
    room: int,
) -> Mapping:
    graded, serial = system.chip.graded_bits > 0, strategy == TOKEN_SERIAL
    activity = measured(graph, run, graded) if run else largest(graph, tokens, graded)
    points = curve(graph, cuts, system.chip, activity, serial, min(room, MOST_CORES))

    def placed(cuts: list[Cut]) -> Mapping:
        cores = [core for cut in cuts for core in cut.cores()]
        flows = traffic(graph, cores, activity)
        placement = place(cores, flows, system)
        found = estimate(graph, cores, placement, flows, activity, serial, system.chip)
        return Mapping(
            graph, system, strategy, tokens, cuts, cores, placement, activity, flows, found, objective, tuple(points)
        )

    if objective == CORES:
        return placed(cuts)
    tried = [cuts, *_divided(cuts, system.chip, points, room)]
    return min(map(placed, tried), key=lambda mapping: _cost(mapping.estimate, objective))


def _cost(found: Estimate, objective: str) -> float:
    """Between the ends of the estimate: the time of a text, or its energy."""
    span = found.runtime.latency if objective == LATENCY else found.total_picojoules
    return math.sqrt(span.low * span.high)


def _divided(cuts: list[Cut], chip: Chip, points: list[Choice], room: int) -> list[list[Cut]]:
    """The finer cuts of some points of the curve, of those that fit: a sender may need more cores for more readers."""
    found = []
    for point in candidates(points)[1:]:
        try:
            finer = partition([cut.population for cut in cuts], chip, point.counts)
        except InputError:  # not even one neuron can send to so many cores
            continue
        if _count(finer) <= room:
            found.append(finer)
    return found


def _count(cuts: list[Cut]) -> int:
    return sum(cut.count for cut in cuts)


def _too_large(graph: Graph, chip: Chip, system: System, strategy: str, tokens: int) -> str:
    """What does not fit, and each single change that would make it fit."""

    room = system.chips * system.cores

    def fits(strategy: str = strategy, tokens: int = tokens, bits: int | None = None) -> bool:
        try:
            return _count(partition(populations(graph, chip, strategy, tokens, bits), chip)) <= room
        except InputError:  # a layer of it fits on no core: no change to propose
            return False

    cuts = partition(populations(graph, chip, strategy, tokens), chip)
    most = max(cuts, key=lambda cut: cut.count)
    total = _count(cuts)
    changes = [f"--system {-(-total // system.cores)}"]
    if strategy == UNROLLED and fits(strategy=TOKEN_SERIAL):
        never = "" if margin_of(graph) == NO_MARGIN else " --exit-margin never"
        changes.append(f"--strategy {TOKEN_SERIAL}{never}")
    low, high = 0, tokens
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(tokens=middle) else (low, middle)
    if low:
        changes.append(f"texts of at most {low} tokens (--tokens {low})")
    widest = max(n.bits for n in graph if isinstance(n, Linear))
    fewer = next((b for b in range(widest - 1, 1, -1) if fits(bits=b)), None)
    if fewer:
        changes.append(f"weights of {fewer} bits (of its model.pt: spikebert-export --bits {fewer})")
    return (
        f"{strategy} needs {total:,} cores, and {system.name} has {room:,}: layer {most.population.layer} alone needs "
        f"{most.count:,}, by the limit {most.limit} of {chip.name}; it would fit with {', or '.join(changes)}"
    )
