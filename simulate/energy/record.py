"""`run/counts.json` read and checked: the one door through which a simulated run enters a report."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from simulate.counts_schema import (
    EXIT_VERSION,
    FILE,
    FORMAT,
    KINDS,
    VERSION,
    AttentionCount,
    CurrentsCount,
    LayerCount,
    LayerNormCount,
    LinearCount,
    OperationCount,
    Origin,
    PerSample,
    Shape,
    StreamCount,
    Totals,
)
from simulate.energy.span import Span
from spikebert.core.errors import InputError
from spikebert.core.files import read_json
from spikebert.core.records import record_of
from spikebert.data.metrics import ACCURACY, Score, metric, wilson


@dataclass(frozen=True, kw_only=True)
class RunRecord(Totals):
    """A simulated run; accuracy, correct, majority and the score are None where the texts had no labels."""

    folder: Path
    model: Shape
    origin: Origin
    per_sample: PerSample
    layers: list[LayerCount]
    operations: list[OperationCount]

    def microjoules(self, total: Span) -> Span:
        """µJ a text, of pJ of the whole run."""
        return total / self.samples * 1e-6

    @property
    def rate(self) -> float:
        """Spikes a neuron and step over all neuron layers."""
        return sum(layer.spikes for layer in self.layers) / sum(layer.updates for layer in self.layers)

    @property
    def measured(self) -> Score | None:
        """What the metric of the run gave, of a file that names none the accuracy; None without labels."""
        if self.metric is not None and self.score is not None and self.interval is not None:
            return Score(metric(self.metric, self.model.labels), self.score, *self.interval)
        if self.correct is None:
            return None
        return Score(ACCURACY, self.correct / self.samples, *wilson(self.correct, self.samples))

    @property
    def steps(self) -> list[int]:
        """How many each text took."""
        return self.per_sample.steps or [self.model.time_steps] * self.samples

    @property
    def token_steps(self) -> int:
        """Tokens of all texts, each in each of the steps that its text took."""
        return sum(n * steps for n, steps in zip(self.lengths, self.steps, strict=True))

    def mean_steps(self, power: int = 1) -> float:
        """T: the mean over the texts, each weighing as its length, or a power of it; whole where all took as many."""
        weights = [length**power for length in self.lengths]
        taken = sum(weight * steps for weight, steps in zip(weights, self.steps, strict=True))
        return taken // sum(weights) if taken % sum(weights) == 0 else taken / sum(weights)

    def linears(self) -> list[LinearCount]:
        return [operation for operation in self.operations if isinstance(operation, LinearCount)]

    @cached_property
    def kinds_of_linears(self) -> dict[str, str]:
        """{Linear: "projections" where it feeds an attention or follows one, else "MLP"}.

        The operations stand in the order of the graph, between which only a norm of the Linear itself can stand.
        """
        main = [operation for operation in self.operations if not isinstance(operation, LayerNormCount)]
        beside = zip(main, [None, *main], [*main[1:], None], strict=False)
        return {
            here.name: "projections"
            if isinstance(before, AttentionCount) or isinstance(after, AttentionCount)
            else "MLP"
            for here, before, after in beside
            if isinstance(here, LinearCount)
        }

    def attentions(self) -> list[AttentionCount]:
        return [operation for operation in self.operations if isinstance(operation, AttentionCount)]

    def streams(self) -> list[StreamCount]:
        return [operation for operation in self.operations if isinstance(operation, StreamCount)]

    def currents(self) -> list[CurrentsCount]:
        return [operation for operation in self.operations if isinstance(operation, CurrentsCount)]


def read_run(folder: Path) -> RunRecord:
    """The run in a folder of spikebert-simulate.

    Raises:
        InputError: no such folder, or its counts.json is missing, truncated, of a newer version or contradicts itself.
    """
    path = folder / FILE
    if not folder.is_dir():
        reason = "is a file; give the folder that holds it" if folder.exists() else "no such folder"
        raise InputError(f"{folder}: {reason} (the --out of spikebert-simulate)")
    if not path.is_file():
        raise InputError(f"{path}: no such file; spikebert-simulate MODEL --data FILE --out {folder} writes it")
    data = read_json(path, "record of a run")
    if data.get("format") != FORMAT:
        raise InputError(f"{path}: is not a {FORMAT} file; give the --out folder of spikebert-simulate")
    if data.get("version") not in (VERSION, EXIT_VERSION):
        raise InputError(
            f"{path}: version {data.get('version')!r} is none of the versions 2 and 3 known here; "
            "report with the release that simulated it, or simulate again"
        )
    try:
        record = record_from(data, folder)
        if (data["version"] == EXIT_VERSION) != (record.model.exit_margin is not None):
            stated = "no" if record.model.exit_margin is None else "a"
            raise InputError(f"version {data['version']} and {stated} model.exit_margin contradict each other")
        _check(record)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return record


def record_from(data: dict[str, Any], folder: Path) -> RunRecord:
    """The record of the content of counts.json, every field of its kind; whether its sums agree is not looked at."""
    totals = record_of(Totals, data, "")
    layers = [record_of(LayerCount, item, f"layers[{i}].") for i, item in enumerate(_items(data, "layers"))]
    operations = [_operation(item, f"operations[{i}].") for i, item in enumerate(_items(data, "operations"))]
    model = record_of(Shape, data.get("model"), "model.")
    origin = record_of(Origin, data.get("run"), "run.")
    per_sample = record_of(PerSample, data.get("per_sample"), "per_sample.")
    return RunRecord(
        **vars(totals),
        folder=folder,
        model=model,
        origin=origin,
        per_sample=per_sample,
        layers=layers,
        operations=operations,
    )


def _items(data: dict[str, Any], name: str) -> list[Any]:
    items = data.get(name)
    if not isinstance(items, list) or not items:
        raise InputError(f"{name} must be a list that is not empty")
    return items


def _operation(data: Any, where: str) -> OperationCount:
    kind = data.get("kind") if isinstance(data, dict) else None
    if not isinstance(kind, str) or kind not in KINDS:
        raise InputError(f"{where}kind must be one of {', '.join(KINDS)}, not {kind!r}")
    return record_of(KINDS[kind], data, where)


def _same(what: str, stated: float | None, computed: float | None) -> None:
    if stated != computed:
        raise InputError(f"{what} is {stated}, but the other fields give {computed}")


def _check(run: RunRecord) -> None:
    """The sums that the file states twice must agree: a file edited or mixed from two runs does not pass."""
    _same("samples", run.samples, len(run.lengths))
    _same("tokens", run.tokens, sum(run.lengths))
    _same("model.blocks", run.model.blocks, len(run.attentions()))
    if (run.correct is None) != (run.accuracy is None) or (run.correct is None) != (run.majority is None):
        raise InputError("accuracy, correct and majority must be given together or all be null")
    if run.correct is not None and run.accuracy is not None:
        _same("accuracy", round(run.accuracy, 9), round(run.correct / run.samples, 9))
    _check_score(run)
    _check_steps(run)
    for layer in run.layers:
        _check_layer(layer, run)
    for linear in run.linears():
        _check_linear(linear, run)
    squares = sum(length**2 for length in run.lengths)
    for attention in run.attentions():
        where = f"operation {attention.name}"
        inputs = 3 * run.token_steps * attention.width
        _same(f"{where}: input_elements", attention.input_elements, inputs)
        _same(f"{where}: dense_macs", attention.dense_macs, 2 * squares * attention.width)
    sums = {
        "spikes": sum(layer.spikes for layer in run.layers),
        "synaptic_operations": sum(linear.synaptic_operations for linear in run.linears()),
        "attention_pairs_first": sum(attention.pairs_first for attention in run.attentions()),
        "attention_memory_first": sum(attention.memory_first for attention in run.attentions()),
    }
    for name, total in sums.items():
        values = getattr(run.per_sample, name)
        _same(f"per_sample.{name}: the number of texts", len(values), run.samples)
        _same(f"per_sample.{name}: the sum", sum(values), total)


def _check_score(run: RunRecord) -> None:
    """A metric has a score and the two ends of its interval."""
    if (run.metric is None) != (run.score is None) or (run.metric is None) != (run.interval is None):
        raise InputError("metric, score and interval must be given together or all be null")
    if run.metric is not None and metric(run.metric, run.model.labels) == ACCURACY:
        _same("score", run.score, run.accuracy)


def _check_steps(run: RunRecord) -> None:
    """Only of a model with an early exit does a text take fewer steps than T, and never more."""
    steps = run.per_sample.steps
    if (steps is None) != (run.model.exit_margin is None):
        raise InputError("model.exit_margin and per_sample.steps must be given together or not at all")
    if steps is not None:
        _same("per_sample.steps: the number of texts", len(steps), run.samples)
        if max(steps) > run.model.time_steps:
            raise InputError(f"per_sample.steps: {max(steps)} of {run.model.time_steps} steps")


def _check_layer(layer: LayerCount, run: RunRecord) -> None:
    where, steps = f"layer {layer.name}", run.model.time_steps
    _same(f"{where}: neurons", layer.neurons, run.tokens * layer.width)
    _same(f"{where}: the number of steps", len(layer.spikes_per_step), steps)
    _same(f"{where}: spikes", layer.spikes, sum(layer.spikes_per_step))
    _same(f"{where}: updates", layer.updates, run.token_steps * layer.width)
    _same(f"{where}: rate", round(layer.rate, 9), round(layer.spikes / layer.updates, 9))
    if max(layer.spikes_per_step) > layer.neurons:
        raise InputError(f"{where}: more spikes in a step than neurons")
    if (layer.dead or 0) + (layer.saturated or 0) > layer.width:
        raise InputError(f"{where}: more dead and saturated neurons than neurons")


def _check_linear(linear: LinearCount, run: RunRecord) -> None:
    where, per_step = f"operation {linear.name}", linear.synaptic_operations_per_step
    _same(f"{where}: input_elements", linear.input_elements, run.token_steps * linear.inputs)
    _same(f"{where}: synaptic_operations", linear.synaptic_operations, linear.input_magnitude * linear.outputs)
    _same(f"{where}: synaptic_operations of all steps", sum(per_step), linear.synaptic_operations)
    _same(f"{where}: dense_macs", linear.dense_macs, run.tokens * linear.inputs * linear.outputs)
