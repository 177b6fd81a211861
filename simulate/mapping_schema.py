"""`mapping.json`, field by field: what `spikebert-deploy map` writes and what every reader reads, declared once.

Each estimate is of a mean text, from the least to the most that the numbers of the chip allow. A reader leaves fields
alone that are not declared here. `docs/mapping.md` has the tables of these fields, made from the docstrings.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from spikebert.core.errors import InputError
from spikebert.core.files import read_json
from spikebert.core.records import Count, Ends, Extent, Point, Size, record_of

FORMAT = "spikebert-mapping"
VERSION = 2
FILE = "mapping.json"


@dataclass(frozen=True)
class Population:
    """What holds one layer's neurons, or tokens that wait.

    Attributes:
        population: the name.
        role: "neurons"; "sums", which a layer norm or cut columns need; "attention"; "buffer", where tokens wait.
        cores: how many cores hold it.
        neurons: neurons in all of its copies.
        synapse_bytes: bytes of its weights on all cores.
        state_bytes: bytes of its membranes and of the sums that arrive at them, or of what waits, on all cores.
        fullest_memory: bytes of weights and state on its fullest core.
        fullest_neurons: neurons on the core that has the most.
        bound_by: the limit of the chip that a core of it meets first.
    """

    population: str
    role: str
    cores: Size
    neurons: Count
    synapse_bytes: Count
    state_bytes: Count
    fullest_memory: Count
    fullest_neurons: Count
    bound_by: str


@dataclass(frozen=True)
class Core:
    """What one core holds, and where it is.

    Attributes:
        population: the name of the population that it holds.
        rows: the first row, and the one behind the last.
        copies: the first copy, and the one behind the last; each token has a copy.
        chip: the number of its chip, from 0.
        slot: its place on the chip, from 0.
        neurons: neurons that it computes.
        synapse_bytes: bytes of its weights.
        state_bytes: bytes of its membranes and of the sums that arrive at them, or of what waits.
        input_axons: axons that reach it.
    """

    population: str
    rows: Extent
    copies: Extent
    chip: Count
    slot: Count
    neurons: Count
    synapse_bytes: Count
    state_bytes: Count
    input_axons: Count


@dataclass(frozen=True)
class Activity:
    """The spikes that the estimate goes by.

    Attributes:
        source: the run that the spikes are measured on, or the worst case.
        tokens: the mean length of a text.
    """

    source: str
    tokens: float


@dataclass(frozen=True)
class Pass:
    """One of the passes of a text.

    Attributes:
        steps: steps with work.
        fill: steps until its last core begins.
        step_nanoseconds: time of a step.
        bottleneck: what takes longest in a step.
        population: on whose core that is; empty where it is on none.
    """

    steps: Count
    fill: Count
    step_nanoseconds: Ends
    bottleneck: str
    population: str


@dataclass(frozen=True)
class Estimate:
    """What a mean text takes.

    Attributes:
        steps: steps from the first core's beginning to the last core's end.
        depth: of these, the steps from the first core to the last.
        passes: the passes in their order.
        latency_nanoseconds: time of a text alone.
        overlaps: whether a text can begin before the one before it is done.
        interval_steps: steps from text to text, where they follow one another.
        interval_nanoseconds: time from text to text.
        messages: all messages.
        messages_between_chips: of these, the ones that leave a chip.
        messages_from_host: of these, the ones that the host sends.
        messages_to_host: of these, the ones that the host receives.
        hops_east_west: hops within chips, from tile to tile of a row.
        hops_north_south: hops within chips, from tile to tile of a column.
        hops_between_chips: hops from chip to chip; these have no public price.
        operations: synaptic operations, attention's among them.
        operations_saved_by_silent_neurons: how many fewer there were if layers that mostly fire sent their silent
            neurons.
        picojoules: energy by kind of operation, and the `total`.
        static_picojoules_overlapped: energy of static power from text to text, where they follow one another.
    """

    steps: Size
    depth: Count
    passes: list[Pass]
    latency_nanoseconds: Ends
    overlaps: bool
    interval_steps: Size
    interval_nanoseconds: Ends
    messages: float
    messages_between_chips: float
    messages_from_host: float
    messages_to_host: float
    hops_east_west: float
    hops_north_south: float
    hops_between_chips: float
    operations: float
    operations_saved_by_silent_neurons: float
    picojoules: dict[str, Ends]
    static_picojoules_overlapped: Ends


@dataclass(frozen=True)
class Fact:
    """One number of a chip; all three are null where nothing is known.

    Attributes:
        value: the number that is taken between the ends.
        low: the lower end where sources differ, else the value.
        high: the higher end where sources differ, else the value.
        status: "published", "measured", "fitted", "scaled" or "assumed".
        source: where the number is from.
    """

    value: bool | float | None
    low: bool | float | None
    high: bool | float | None
    status: str
    source: str

    @property
    def shown(self) -> list[str]:
        """Value, low and high as a table has them."""
        return ["–" if number is None else str(number) for number in (self.value, self.low, self.high)]


@dataclass(frozen=True)
class MappingRecord:
    """The file, behind `format` and `version`.

    Attributes:
        chip: the name of the chip.
        system: the name of the system of chips.
        strategy: "unrolled" or "token-serial".
        objective: what layers are cut for: "cores", "latency" or "energy".
        curve: numbers of cores, and the nanoseconds of a text on so many; from the cut by memory to all cores.
        tokens: tokens of the longest text.
        time_steps: T.
        cores_used: cores that are placed.
        cores_compiled: cores that a published compiler would take.
        chips_used: chips on which the placed cores are.
        chips: chips of the system.
        cores_per_chip: cores of a chip that can be used.
        host_layers: names of the nodes that the host computes.
        layers: the populations, in the order in which spikes pass them.
        cores: the cores, in the same order.
        activity: the spikes that the estimate goes by.
        estimate: time, messages, operations and energy of a mean text.
        numbers: by name, the numbers of the chip. Where it lacks a cost, that of another chip stands and says so.
        model_sha256: digest of the model's file.
    """

    chip: str
    system: str
    strategy: str
    objective: str
    curve: list[Point]
    tokens: Size
    time_steps: Size
    cores_used: Size
    cores_compiled: Size
    chips_used: Size
    chips: Size
    cores_per_chip: Size
    host_layers: list[str]
    layers: list[Population]
    cores: list[Core]
    activity: Activity
    estimate: Estimate
    numbers: dict[str, Fact]
    model_sha256: str

    @property
    def text(self) -> str:
        """The content of the file."""
        return json.dumps({"format": FORMAT, "version": VERSION, **asdict(self)}, indent=1, ensure_ascii=False)

    def check(self) -> None:
        """An InputError where it contradicts itself."""
        if not self.curve:
            raise InputError("curve must be a list that is not empty")
        if "total" not in self.estimate.picojoules:
            raise InputError("estimate.picojoules.total is missing")
        if sum(population.cores for population in self.layers) != self.cores_used or len(self.cores) != self.cores_used:
            raise InputError(f"cores_used is {self.cores_used}, but its layers have others")


def read(file: Path) -> MappingRecord:
    """The record in a file.

    Raises:
        InputError: it is no mapping of this version, or contradicts itself.
    """
    data = read_json(file, "mapping")
    if data.get("format") != FORMAT or data.get("version") != VERSION:
        raise InputError(f"{file}: is not a {FORMAT} file of version {VERSION}; give that of spikebert-deploy map")
    try:
        record = record_of(MappingRecord, data, "")
        record.check()
    except InputError as error:
        raise InputError(f"{file}: {error}") from None
    return record
