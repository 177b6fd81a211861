"""`run/counts.json` read and checked: the one door through which a simulated run enters a report.

The classes mirror the file, field by field (see `simulate.counts` for how each number arises). All counts are sums over
the whole run. Fields that are not named here are left alone, so a file may say more within the same version.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from spikebert.errors import InputError

FORMAT = "spikebert-counts"
VERSION = 1
FILE = "counts.json"

Count = int  # at least 0
Size = int  # at least 1
Share = float  # in [0, 1]


@dataclass(frozen=True)
class Shape:
    """The simulated model."""

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
    weight_bits: Size
    metadata: dict[str, Any]


@dataclass(frozen=True)
class Origin:
    """How the run was made."""

    backend: str
    data: str
    command: str
    seconds: float
    versions: dict[str, Any]


@dataclass(frozen=True)
class LayerCount:
    """A layer of neurons: `neurons` is tokens · width."""

    name: str
    width: Size
    neurons: Count
    spikes: Count
    spikes_per_step: list[Count]

    def rates(self) -> list[float]:
        """Spikes a neuron at each of the T steps."""
        return [spikes / self.neurons for spikes in self.spikes_per_step]

    @property
    def rate(self) -> float:
        """Spikes a neuron and step."""
        return self.spikes / (self.neurons * len(self.spikes_per_step))


@dataclass(frozen=True)
class EmbeddingCount:
    name: str
    width: Size


@dataclass(frozen=True)
class LinearCount:
    """`input_magnitude` sums the inputs, whose elements are spikes or, on a residual stream, small integers."""

    name: str
    inputs: Size
    outputs: Size
    input_elements: Size
    input_events: Count
    input_magnitude: Count
    synaptic_operations: Count
    dense_macs: Count


@dataclass(frozen=True)
class LayerNormCount:
    name: str
    width: Size
    elements: Count


@dataclass(frozen=True)
class AttentionCount:
    """The inputs are the spikes of Q, K and V; `dense_macs` is Q Kᵀ and its product with V of every text, one step."""

    name: str
    width: Size
    heads: Size
    elements: Size
    input_elements: Size
    input_events: Count
    dense_macs: Count


@dataclass(frozen=True)
class ReadoutCount:
    name: str
    inputs: Size
    outputs: Size
    input_elements: Size
    input_events: Count
    input_magnitude: Count
    dense_macs: Count


OperationCount = EmbeddingCount | LinearCount | LayerNormCount | AttentionCount | ReadoutCount
KINDS: dict[str, type] = {
    "embedding": EmbeddingCount,
    "linear": LinearCount,
    "layer_norm": LayerNormCount,
    "attention": AttentionCount,
    "readout": ReadoutCount,
}


@dataclass(frozen=True)
class Totals:
    samples: Size
    tokens: Size
    lengths: list[Size]
    accuracy: Share | None
    correct: Count | None
    majority: Share | None


@dataclass(frozen=True)
class RunRecord(Totals):
    """A simulated run; accuracy, correct and majority are None where the texts had no labels."""

    folder: Path
    model: Shape
    origin: Origin
    layers: list[LayerCount]
    operations: list[OperationCount]

    @property
    def rate(self) -> float:
        """Spikes a neuron and step over all neuron layers."""
        spikes = sum(layer.spikes for layer in self.layers)
        return spikes / (self.model.time_steps * sum(layer.neurons for layer in self.layers))

    def linears(self) -> list[LinearCount]:
        return [operation for operation in self.operations if isinstance(operation, LinearCount)]

    def attentions(self) -> list[AttentionCount]:
        return [operation for operation in self.operations if isinstance(operation, AttentionCount)]


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
    try:
        data = json.loads(path.read_bytes().decode("utf-8"))
        json.dumps(data, ensure_ascii=False).encode("utf-8")  # no half characters: every text can be written again
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not whole JSON ({error}); simulate again") from None
    try:
        record = _run(data, folder)
        _check(record)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return record


def _run(data: Any, folder: Path) -> RunRecord:
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise InputError(f"is not a {FORMAT} file; give the --out folder of spikebert-simulate")
    if data.get("version") != VERSION:
        raise InputError(
            f"version {data.get('version')!r} is not the version {VERSION} known here; "
            "report with the release that simulated it, or simulate again"
        )
    totals = _record(Totals, data, "")
    layers = [_record(LayerCount, item, f"layers[{i}].") for i, item in enumerate(_items(data, "layers"))]
    operations = [_operation(item, f"operations[{i}].") for i, item in enumerate(_items(data, "operations"))]
    model = _record(Shape, data.get("model"), "model.")
    origin = _record(Origin, data.get("run"), "run.")
    return RunRecord(**vars(totals), folder=folder, model=model, origin=origin, layers=layers, operations=operations)


def _items(data: dict[str, Any], name: str) -> list[Any]:
    items = data.get(name)
    if not isinstance(items, list) or not items:
        raise InputError(f"{name} must be a list that is not empty; simulate again")
    return items


def _operation(data: Any, where: str) -> OperationCount:
    kind = data.get("kind") if isinstance(data, dict) else None
    if not isinstance(kind, str) or kind not in KINDS:
        raise InputError(f"{where}kind must be one of {', '.join(KINDS)}, not {kind!r}")
    return _record(KINDS[kind], data, where)


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**63


def _is_size(value: Any) -> bool:
    return _is_count(value) and value > 0


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and value >= 0


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _each(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(map(check, value))


# A field's annotation → its check, and the check in words.
CHECKS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "str": (_is_text, "a text"),
    "float": (_is_number, "a number of at least 0"),
    "Count": (_is_count, "a whole number of at least 0"),
    "Size": (_is_size, "a whole number of at least 1"),
    "Count | None": (lambda value: value is None or _is_count(value), "a whole number of at least 0, or null"),
    "Share | None": (lambda value: value is None or (_is_number(value) and value <= 1), "a share from 0 to 1, or null"),
    "list[str]": (_each(_is_text), "a list of texts"),
    "list[Count]": (_each(_is_count), "a list of whole numbers of at least 0"),
    "list[Size]": (_each(_is_size), "a list of whole numbers of at least 1"),
    "dict[str, Any]": (lambda value: isinstance(value, dict), "an object"),
}

R = TypeVar("R")


def _record(cls: type[R], data: Any, where: str) -> R:
    """`cls` from an object of the file, every field present and of its kind."""
    if not isinstance(data, dict):
        raise InputError(f"{where.rstrip('.')} must be an object; simulate again")
    values = {}
    for field in dataclasses.fields(cls):  # type: ignore[arg-type]
        if field.name not in data:
            raise InputError(f"{where}{field.name} is missing; simulate again")
        check, words = CHECKS[str(field.type)]
        values[field.name] = value = data[field.name]
        if not check(value):
            raise InputError(f"{where}{field.name} must be {words}, not {_short(value)}; simulate again")
    return cls(**values)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _check(run: RunRecord) -> None:
    """The sums that the file states twice must agree: a file edited or mixed from two runs does not pass."""

    def same(what: str, stated: float | None, computed: float | None) -> None:
        if stated != computed:
            raise InputError(f"{what} is {stated}, but the other fields give {computed}; simulate again")

    steps = run.model.time_steps
    same("samples", run.samples, len(run.lengths))
    same("tokens", run.tokens, sum(run.lengths))
    if (run.correct is None) != (run.accuracy is None) or (run.correct is None) != (run.majority is None):
        raise InputError("accuracy, correct and majority must be given together or all be null; simulate again")
    if run.correct is not None and run.accuracy is not None:
        same("accuracy", round(run.accuracy, 9), round(run.correct / run.samples, 9))
    for layer in run.layers:
        same(f"layer {layer.name}: neurons", layer.neurons, run.tokens * layer.width)
        same(f"layer {layer.name}: the number of steps", len(layer.spikes_per_step), steps)
        same(f"layer {layer.name}: spikes", layer.spikes, sum(layer.spikes_per_step))
        if max(layer.spikes_per_step) > layer.neurons:
            raise InputError(f"layer {layer.name}: more spikes in a step than neurons; simulate again")
    for linear in run.linears():
        same(f"operation {linear.name}: input_elements", linear.input_elements, run.tokens * steps * linear.inputs)
        same(
            f"operation {linear.name}: synaptic_operations",
            linear.synaptic_operations,
            linear.input_magnitude * linear.outputs,
        )
        same(f"operation {linear.name}: dense_macs", linear.dense_macs, run.tokens * linear.inputs * linear.outputs)
    for attention in run.attentions():
        same(
            f"operation {attention.name}: input_elements",
            attention.input_elements,
            3 * run.tokens * steps * attention.width,
        )
        squares = sum(length**2 for length in run.lengths)
        same(f"operation {attention.name}: dense_macs", attention.dense_macs, 2 * squares * attention.width)
