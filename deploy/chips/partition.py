"""Populations cut into cores: as many rows and copies in each as every limit of the chip allows."""

from __future__ import annotations

import math
from dataclasses import dataclass

from deploy.chips.chip import Chip
from deploy.chips.populations import Population
from spikebert.core.errors import InputError

UNLIMITED = 2**62  # rows or copies, more than there are of any


@dataclass(frozen=True)
class Core:
    """One core: rows [rows) of copies [copies) of a population. Memory is in bytes."""

    population: Population
    rows: tuple[int, int]
    copies: tuple[int, int]

    @property
    def cells(self) -> int:
        """Rows times copies."""
        return (self.rows[1] - self.rows[0]) * (self.copies[1] - self.copies[0])

    @property
    def neurons(self) -> int:
        return self.cells * self.population.neurons

    @property
    def synapse_bytes(self) -> int:
        return math.ceil(self.cells * self.population.synapse_bits / 8)

    @property
    def state_bytes(self) -> int:
        return math.ceil(self.cells * self.population.state_bits / 8)

    @property
    def input_axons(self) -> int:
        copies = self.copies[1] - self.copies[0]
        return copies * self.population.axons + self.cells * self.population.row_axons


@dataclass(frozen=True)
class Cut:
    """How a population is cut: a core holds `rows` rows of `copies` copies; one of the two is all that there are."""

    population: Population
    rows: int
    copies: int
    limit: str  # the limit that keeps a core from holding more

    @property
    def count(self) -> int:
        """Cores."""
        return math.ceil(self.population.rows / self.rows) * math.ceil(self.population.copies / self.copies)

    def cores(self) -> list[Core]:
        population = self.population
        return [
            Core(population, (r, min(r + self.rows, population.rows)), (c, min(c + self.copies, population.copies)))
            for c in range(0, population.copies, self.copies)
            for r in range(0, population.rows, self.rows)
        ]


def partition(found: list[Population], chip: Chip, least: dict[str, int] | None = None) -> list[Cut]:
    """A cut for each population, in their order; of those in `least` into at least so many cores.

    Readers are cut first: how many cores a neuron sends to decides how many such neurons a core can hold.

    Raises:
        InputError: not even the least part of a layer fits into a core; names layer, limit and nearest change.
    """
    cuts: dict[str, Cut] = {}
    for population in reversed(found):
        targets = 0
        for reader in found:
            read = [e.grain or reader.rows for e in reader.inputs if e.source == population.name]
            targets += math.ceil(max(read) / cuts[reader.name].rows) if read else 0
        cuts[population.name] = _at_least(_cut(population, chip, targets), (least or {}).get(population.name, 1))
    return [cuts[population.name] for population in found]


def _cut(population: Population, chip: Chip, targets: int) -> Cut:
    limits = _limits(population, chip, targets)
    copies, by_copies = min(
        (_times(room, fixed + each * population.rows), name) for name, (room, each, fixed) in limits.items()
    )
    if copies:
        return Cut(population, population.rows, min(copies, population.copies), by_copies)
    rows, limit = min((_times(room - fixed, each), name) for name, (room, each, fixed) in limits.items())
    rows = rows // population.together * population.together
    if rows < 1:
        raise InputError(_refusal(population, chip, limit, limits[limit]))
    even = math.ceil(population.rows / population.together / math.ceil(population.rows / rows)) * population.together
    return Cut(population, min(rows, even), 1, limit)


def _times(room: int, need: int) -> int:
    """How often a need fits; one that is nothing always does, where room is left at all."""
    return room // need if need else (UNLIMITED if room >= 0 else 0)


def _at_least(cut: Cut, cores: int) -> Cut:
    """A cut into no fewer cores, as far as its rows and copies go; what then keeps a core from holding more is time."""
    population = cut.population
    if cut.count >= cores:
        return cut
    copies = min(cut.copies, math.ceil(population.copies / cores))
    groups, parts = math.ceil(population.copies / copies), population.rows // population.together
    rows = min(cut.rows, math.ceil(parts / math.ceil(cores / groups)) * population.together)
    return Cut(population, rows, copies, "time")


def _limits(population: Population, chip: Chip, targets: int) -> dict[str, tuple[int, int, int]]:
    """{limit: (room of a core, need of each row, need of a copy beside its rows)}; bits for memory."""
    weights, state = population.synapse_bits, population.state_bits
    limits = {
        "neurons_per_core": (chip.neurons_per_core, population.neurons, 0),
        "memory_per_core": (chip.memory_per_core * 8, weights + state, 0),
    }
    if chip.synapse_memory_per_core is not None:
        limits["synapse_memory_per_core"] = (chip.synapse_memory_per_core * 8, weights, 0)
    if chip.input_axons_per_core is not None:
        limits["input_axons_per_core"] = (chip.input_axons_per_core, population.row_axons, population.axons)
    if chip.output_axons_per_core is not None:
        limits["output_axons_per_core"] = (chip.output_axons_per_core, targets * population.neurons, 0)
    return limits


def _refusal(population: Population, chip: Chip, limit: str, need: tuple[int, int, int]) -> str:
    room, each, fixed = need
    wanted = fixed + each * population.together
    unit = "bits" if limit.endswith("memory_per_core") else "of them"
    if population.role == "buffer" or population.role == "attention":
        change = f"shorter texts (--tokens), a share {room / wanted:.2f} of these"
    elif limit == "output_axons_per_core":
        change = "fewer blocks or wider cores of what it sends to"
    else:
        change = f"a layer {room / wanted:.2f} times as wide"
    return (
        f"layer {population.layer}: {limit} of {chip.name} is {room:,}, and the least part that stays together "
        f"({population.together} rows, {population.role}) needs {wanted:,} {unit}; it would fit with {change}"
    )
