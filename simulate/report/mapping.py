"""`mapping.json` of `spikebert-deploy map`, read and checked: what the run's model asks of a chip."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from simulate.energy.record import RunRecord
from simulate.fields import Count, Ends, Size, kind_of, record_of
from spikebert.core.errors import InputError
from spikebert.core.files import read_json

FORMAT = "spikebert-mapping"
VERSION = 2
FILE = "mapping.json"
PICTURE = "floorplan.svg"  # beside it


@dataclass(frozen=True)
class Population:
    """What holds one layer's neurons, or tokens that wait; sizes in bytes over all its cores."""

    population: str
    role: str
    cores: Size
    neurons: Count
    synapse_bytes: Count
    state_bytes: Count
    bound_by: str


@dataclass(frozen=True)
class Chips:
    """The size of a mapping; its fields are those of the file."""

    model_sha256: str
    chip: str
    system: str
    strategy: str
    objective: str
    tokens: Size  # of the longest text
    time_steps: Size
    cores_used: Size
    cores_compiled: Size  # at the high end
    chips_used: Size
    chips: Size  # of the system
    cores_per_chip: Size
    host_layers: list[str]


@dataclass(frozen=True)
class Estimate:
    """Of a mean text. `interval` is from text to text where they follow one another."""

    steps: Size
    interval_steps: Size
    latency_nanoseconds: Ends
    interval_nanoseconds: Ends
    overlaps: bool
    messages: float
    hops_east_west: float
    hops_north_south: float
    hops_between_chips: float
    operations: float
    operations_saved_by_silent_neurons: float
    picojoules: dict[str, Any]  # of Ends, by kind of operation, and "total"
    static_picojoules_overlapped: Ends


@dataclass(frozen=True)
class Pass:
    """One of the passes of a text: `fill` steps until its last core begins, and `steps` with work."""

    steps: Count
    fill: Count
    step_nanoseconds: Ends
    bottleneck: str
    population: str  # on whose core the bottleneck is; empty where it is on none


@dataclass(frozen=True)
class Number:
    """A number of the chip; value, low and high are texts here, for they are shown and not reckoned with."""

    name: str
    value: str
    low: str
    high: str
    status: str
    source: str


@dataclass(frozen=True)
class Mapping:
    path: Path  # as it was given
    chips: Chips
    activity: str  # where the spikes of the estimate come from
    estimate: Estimate
    passes: tuple[Pass, ...]
    numbers: tuple[Number, ...]
    curve: tuple[tuple[float, float], ...]  # cores, and nanoseconds of a text that they would take
    populations: tuple[Population, ...]
    floorplan: bytes | None  # an SVG picture, where it lies beside the file


def read_mapping(path: Path, run: RunRecord) -> Mapping:
    """From `mapping.json` or its folder.

    Raises:
        InputError: it is not there, is no mapping, contradicts itself, or maps another model than the run's.
    """
    file = path / FILE if path.is_dir() else path
    if not file.is_file():
        raise InputError(f"{path}: no such file; spikebert-deploy map MODEL --counts COUNTS writes it", field="mapping")
    data = read_json(file, "mapping")
    if data.get("format") != FORMAT or data.get("version") != VERSION:
        raise InputError(f"{file}: is not a {FORMAT} file of version {VERSION}; give that of spikebert-deploy map")
    try:
        activity = data.get("activity")
        if not isinstance(activity, dict) or not isinstance(activity.get("source"), str):
            raise InputError("activity.source must be a text")
        estimate = record_of(Estimate, data.get("estimate"), "estimate.")
        ends = kind_of(Ends)
        if "total" not in estimate.picojoules or not all(map(ends.holds, estimate.picojoules.values())):
            raise InputError(f"estimate.picojoules must hold a total, and for each kind {ends.one}")
        passes = _records(Pass, data["estimate"], "passes", "estimate.passes")
        populations = _records(Population, data, "layers", "layers")
        chips, picture = record_of(Chips, data, ""), _picture(file.with_name(PICTURE))
        curve = _curve(data.get("curve"))
        numbers = _numbers(data.get("numbers"))
        mapping = Mapping(path, chips, activity["source"], estimate, passes, numbers, curve, populations, picture)
        _check(mapping, run)
    except InputError as error:
        raise InputError(f"{file}: {error}") from None
    return mapping


R = TypeVar("R")


def _records(cls: type[R], data: dict[str, Any], name: str, where: str) -> tuple[R, ...]:
    items = data.get(name)
    if not isinstance(items, list):
        raise InputError(f"{where} must be a list")
    return tuple(record_of(cls, item, f"{where}[{i}].") for i, item in enumerate(items))


def _numbers(data: Any) -> tuple[Number, ...]:
    if not isinstance(data, dict) or not all(isinstance(entry, dict) for entry in data.values()):
        raise InputError("numbers must be an object of objects")
    return tuple(
        record_of(Number, {key: _shown(value) for key, value in entry.items()} | {"name": name}, f"numbers.{name}.")
        for name, entry in data.items()
    )


def _curve(data: Any) -> tuple[tuple[float, float], ...]:
    number = kind_of(float)
    if not isinstance(data, list) or not data:
        raise InputError("curve must be a list that is not empty")
    if not all(isinstance(point, list) and len(point) == 2 and all(map(number.holds, point)) for point in data):
        raise InputError("curve must hold pairs of numbers of at least 0: cores and nanoseconds")
    return tuple((point[0], point[1]) for point in data)


def _shown(value: Any) -> str:
    return "–" if value is None else str(value)


def _picture(path: Path) -> bytes | None:
    if not path.is_file():
        return None
    content = path.read_bytes()
    if not content.startswith(b"<svg "):
        raise InputError(f"{path.name} beside it is no SVG picture; map the model again")
    return content


def _check(mapping: Mapping, run: RunRecord) -> None:
    chips = mapping.chips
    if sum(population.cores for population in mapping.populations) != chips.cores_used:
        raise InputError(f"cores_used is {chips.cores_used}, but its layers have others")
    if (chips.model_sha256, chips.time_steps) != (run.model.sha256, run.model.time_steps):
        raise InputError(f"maps another model than that of the run ({run.model.file})")
