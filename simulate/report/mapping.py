"""`mapping.json` of `spikebert-deploy map`, read and checked: what the run's model asks of a chip."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulate.energy.record import RunRecord
from simulate.fields import Count, Size, record_of
from spikebert.core.errors import InputError
from spikebert.core.files import read_json

FORMAT = "spikebert-mapping"
VERSION = 1
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
    tokens: Size  # of the longest text
    time_steps: Size
    cores_used: Size
    chips_used: Size
    chips: Size  # of the system
    cores_per_chip: Size
    host_layers: list[str]


@dataclass(frozen=True)
class Estimate:
    """Of a mean text, by the numbers that `costs` names."""

    costs: str
    steps: Size
    latency_microseconds: float
    messages: float
    hops_east_west: float
    hops_north_south: float
    hops_between_chips: float
    picojoules: dict[str, Any]


@dataclass(frozen=True)
class Mapping:
    path: Path  # as it was given
    chips: Chips
    activity: str  # where the spikes of the estimate come from
    estimate: Estimate
    populations: tuple[Population, ...]
    floorplan: bytes | None  # an SVG picture, where it lies beside the file


def read_mapping(path: Path, run: RunRecord) -> Mapping:
    """From `mapping.json` or its folder.

    Raises:
        InputError: it is not there, is no mapping, contradicts itself, or maps another model than the run's.
    """
    file = path / FILE if path.is_dir() else path
    if not file.is_file():
        raise InputError(f"--mapping {path}: no such file; spikebert-deploy map MODEL --counts COUNTS writes it")
    data = read_json(file, "mapping")
    if data.get("format") != FORMAT or data.get("version") != VERSION:
        raise InputError(f"{file}: is not a {FORMAT} file of version {VERSION}; give that of spikebert-deploy map")
    try:
        activity = data.get("activity")
        if not isinstance(activity, dict) or not isinstance(activity.get("source"), str):
            raise InputError("activity.source must be a text")
        estimate = record_of(Estimate, data.get("estimate"), "estimate.")
        if any(type(value) not in (int, float) or value < 0 for value in estimate.picojoules.values()):
            raise InputError("estimate.picojoules must hold numbers of at least 0")
        layers = data.get("layers")
        if not isinstance(layers, list):
            raise InputError("layers must be a list")
        populations = tuple(record_of(Population, item, f"layers[{i}].") for i, item in enumerate(layers))
        chips, picture = record_of(Chips, data, ""), _picture(file.with_name(PICTURE))
        mapping = Mapping(path, chips, activity["source"], estimate, populations, picture)
        _check(mapping, run)
    except InputError as error:
        raise InputError(f"{file}: {error}") from None
    return mapping


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
