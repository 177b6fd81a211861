"""Chips and systems as data: `*.yaml` beside this file, each number with what it is worth, see `fact`."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

from deploy.chips.fact import read_fact
from simulate.mapping_schema import Fact
from spikebert.core.errors import InputError, reason_of
from spikebert.core.files import require_file

CHIPS = Path(__file__).parent
SYSTEMS = CHIPS / "systems.yaml"
NOT_STATED = "not stated in the chip's file"


@dataclass(frozen=True)
class Chip:
    """One chip; None is a number that is not public: no limit, and for a cost that of Loihi 1.

    memory_per_core holds everything; synapse_memory_per_core is the part for weights where that is a memory apart.
    Memory is in bytes; *_pj are the picojoules and *_ns the time of one operation; a hop is a spike from tile to tile.
    static_watts is what a chip draws that does nothing. A field with a default may be absent from a file: files from
    before it had a place stay chips.
    """

    name: str
    title: str
    cores: int
    cores_per_tile: int | None
    tile_columns: int | None
    neurons_per_core: int
    memory_per_core: int
    synapse_memory_per_core: int | None
    input_axons_per_core: int | None
    output_axons_per_core: int | None
    weight_bits: int
    state_bits: int
    graded_bits: int
    programmable_neurons: bool
    hop_x_pj: float | None
    hop_y_pj: float | None
    synapse_ns: float | None
    neuron_ns: float | None
    barrier_ns: float | None
    facts: dict[str, Fact]
    synapse_pj: float | None = None
    neuron_pj: float | None = None
    spike_pj: float | None = None
    static_watts: float | None = None
    link_ns: float | None = None
    memory_ns: float | None = None

    def fact(self, name: str) -> Fact:
        """What is known of a number; an assumption where its file has none, or it was changed after that was read."""
        value = getattr(self, name)
        found = self.facts.get(name, Fact(None, None, None, "assumed", NOT_STATED))
        return found if found.value == value else Fact(value, value, value, "assumed", "changed by hand")


@dataclass(frozen=True)
class System:
    """Chips of one kind in a grid as square as may be; `cores` of each can be used."""

    name: str
    chip: Chip
    chips: int
    cores: int


FIELDS = {name: hint for name, hint in get_type_hints(Chip).items() if name not in ("name", "title", "facts")}
MOST_CORES = 4096  # whose placement takes time and memory with their square; a chip of more is none of Loihi's class
COSTS = (
    *("hop_x_pj", "hop_y_pj", "synapse_pj", "neuron_pj", "spike_pj", "static_watts"),
    *("synapse_ns", "neuron_ns", "memory_ns", "link_ns", "barrier_ns"),
)
MAY_BE_ZERO = ("graded_bits", *COSTS)
MAY_BE_ABSENT = tuple(field.name for field in dataclasses.fields(Chip) if field.default is not dataclasses.MISSING)


def read_chip(name: str) -> Chip:
    """A chip by its name in `chips/`, or from a YAML file of yours (a path that ends in .yaml)."""
    path = chip_file(name)
    data = _load(path, "chip")
    texts = {key: _text(path, data, key) for key in ("name", "title")}
    unknown = data.keys() - FIELDS.keys() - {"kind", "name", "title"}
    if unknown:
        raise InputError(f"{path}: {sorted(unknown, key=str)[0]}: no such field; see spikebert-deploy chip")
    read = [key for key in FIELDS if key in data or key not in MAY_BE_ABSENT]
    facts = {key: _fact(path, data, key, FIELDS[key]) for key in read}
    values: dict[str, Any] = {key: fact.value for key, fact in facts.items()}
    chip = Chip(**texts, **values, facts=facts)
    if chip.cores > MOST_CORES:
        raise InputError(f"{path}: cores: must be at most {MOST_CORES}, not {chip.cores}")
    if (chip.synapse_memory_per_core or 0) > chip.memory_per_core:
        raise InputError(f"{path}: synapse_memory_per_core: is more than memory_per_core")
    return chip


def chip_file(name: str) -> Path:
    """The file of a chip: one that comes with the package, or a path that ends in .yaml."""
    if name.endswith((".yaml", ".yml")):
        return Path(name)
    if name not in chip_names():
        raise InputError(
            f"{name}: not one of {', '.join(chip_names())}; or give a .yaml file of your own", field="chip"
        )
    return CHIPS / f"{name}.yaml"


def chip_names() -> list[str]:
    """The chips that come with the package."""
    return sorted(p.stem for p in CHIPS.glob("*.yaml") if p.stem not in ("systems", "template"))


def systems_of(chip: Chip) -> list[System]:
    """The known systems of a chip, smallest first; the single chip alone where none is known.

    A chip of yours that keeps the name of one of the package's, but not its numbers, is in none of its systems. What an
    older file does not state is no other number.
    """
    alone = [System(f"{chip.name}-chip", chip, 1, chip.cores)]
    if chip.name in chip_names():
        ours = read_chip(chip.name)
        stated = [name for name in FIELDS if name in chip.facts or getattr(chip, name) is not None]
        if any(getattr(chip, name) != getattr(ours, name) for name in stated):
            return alone
    found = []
    for name, data in _load(SYSTEMS, "systems").items():
        if name == "kind" or data["chip"] != chip.name:
            continue
        cores = _whole(data, "cores_per_chip") if "cores_per_chip" in data else chip.cores
        found.append(System(name, chip, _whole(data, "chips"), cores))
    return sorted(found, key=lambda s: s.chips) or alone


def _whole(data: dict[str, Any], field: str) -> int:
    """A number of a known system."""
    value = _fact(SYSTEMS, data, field, int).value
    assert isinstance(value, int)
    return value


def find_system(chip: Chip, name: str) -> System:
    """A known system by its name, or `N` chips by a number."""
    if name.isascii() and name.isdigit() and 0 < int(name) <= 10**6:
        return System(f"{int(name)} × {chip.name}", chip, int(name), chip.cores)
    known = systems_of(chip)
    for system in known:
        if system.name == name:
            return system
    raise InputError(
        f"{name}: not one of {', '.join(s.name for s in known)} (systems of {chip.name}); or give a number of chips",
        field="system",
    )


def _load(path: Path, kind: str) -> dict[str, Any]:
    import yaml

    path = require_file(path, kind)
    try:
        loader = yaml.SafeLoader(path.read_text("utf-8"))
        node = loader.get_single_node()
        twice = None if node is None else next(_twice(node, set()), None)
        data = None if node is None else loader.construct_document(node)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise InputError(f"{path}: not a YAML file: {reason_of(error, 1000)}") from None
    if twice is not None:
        raise InputError(f"{path}, line {twice.start_mark.line + 1}: {twice.value!r} stands there twice; remove one")
    if not isinstance(data, dict) or data.get("kind") != kind:
        raise InputError(f"{path}: kind: must be {kind}; start from what spikebert-deploy chip writes")
    return data


def _twice(node: Any, seen: set[int]) -> Iterator[Any]:
    """The keys that stand twice in an object, which YAML forbids and its readers pass over."""
    if id(node) in seen:  # an alias
        return
    seen.add(id(node))
    parts = node.value if isinstance(node.value, list) else []
    keys = [part[0] for part in parts if isinstance(part, tuple)]
    for i, key in enumerate(keys):
        if key.value in [other.value for other in keys[:i]]:
            yield key
    for part in parts:
        for each in part if isinstance(part, tuple) else [part]:
            yield from _twice(each, seen)


def _text(path: Path, data: dict[str, Any], field: str) -> str:
    if not isinstance(data.get(field), str) or not data[field].strip():
        raise InputError(f"{path}: {field}: must be a text")
    return data[field]


def _fact(path: Path, data: dict[str, Any], field: str, kind: Any) -> Fact:
    return read_fact(path, field, data.get(field), kind, 0 if field in MAY_BE_ZERO else 1)
