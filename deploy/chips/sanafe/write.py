"""The folder that SANA-FE runs: the chip at both ends of its costs, the network, our figures, the script to compare.

The names of its files stand in `run.py`, which has to do without this package.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from deploy.chips.costs import HIGH, LOW
from deploy.chips.mapping import Mapping
from deploy.chips.sanafe.architecture import NEURONS, chip_of
from deploy.chips.sanafe.network import (
    ATTENTION,
    SUMS,
    WEIGHTS,
    Connections,
    Group,
    Network,
    Spikes,
    network_of,
    tile_rows,
)
from export.ir.graph import Linear
from export.ir.npz import read_npz
from simulate.energy.record import RunRecord
from spikebert.core.errors import InputError
from spikebert.core.files import Kind, names_format, write_folder_atomically

FORMAT, VERSION = "spikebert-sanafe", 1
ENDS = (LOW, HIGH)
FILES = ("estimate.json", *(f"architecture-{end}.yaml" for end in ENDS), "network.yaml", "run.py")
FOLDER = Kind("a mapping for SANA-FE", FILES, names_format(FORMAT))
RECORDED = "spikes.npz"


def prepare(mapping: Mapping, run: RunRecord) -> Network:
    """The network with the spikes of a run.

    Raises:
        InputError: the run has no spikes recorded, or the mapping is none that SANA-FE can hold.
    """
    return network_of(mapping, read_spikes(mapping, run), list(run.lengths))


def write(mapping: Mapping, network: Network, out: Path) -> None:
    """The FILES in `out`, all or none."""
    import yaml

    units = units_of(network)
    held = {place: Counter(unit for unit, _ in names) for place, names in units.items()}
    counts = {place: dict(sorted(kinds.items())) for place, kinds in held.items()}
    mesh, rows = mapping.placement.mesh, tile_rows(mapping)

    def fill(folder: Path) -> None:
        (folder / "estimate.json").write_text(json.dumps(figures(mapping, network), indent=1), "utf-8")
        for end in ENDS:
            chip = chip_of(mapping.system.chip, end, mesh, rows, counts)
            (folder / f"architecture-{end}.yaml").write_text(yaml.safe_dump(chip, sort_keys=False), "utf-8")
        with (folder / "network.yaml").open("w", encoding="utf-8") as file:
            write_network(network, file)
        (folder / "run.py").write_bytes(Path(__file__).with_name("run.py").read_bytes())

    write_folder_atomically(out, FOLDER, fill)


def read_spikes(mapping: Mapping, run: RunRecord) -> Spikes:
    """The spikes that a run recorded, checked against its counts."""
    file = run.folder / RECORDED
    if not file.is_file():
        raise InputError(
            f"{file}: no such file; simulate with --spikes, and a few texts alone (--limit 3)", field="sanafe"
        )
    arrays = read_npz(file, "recording of spikes")
    found = {}
    for layer in run.layers:
        train = arrays.get(f"spikes/{layer.name}" if layer.name == "lengths" else layer.name)
        shape = (mapping.graph.time_steps, run.tokens, mapping.graph[layer.name].width)
        if train is None or train.shape != shape or train.dtype != np.uint8:
            raise InputError(f"{file}: layer {layer.name}: must be uint8 of shape {shape}; simulate anew")
        if int(train.sum(dtype=np.int64)) != layer.spikes:
            raise InputError(f"{file}: layer {layer.name}: other spikes than counts.json has; simulate anew")
        found[layer.name] = train
    return found


def units_of(network: Network) -> dict[tuple[int, int], list[tuple[str, int]]]:
    """{(tile, core): its soma units, in the order of the neurons}: a forced neuron takes one for itself."""
    found: dict[tuple[int, int], list[tuple[str, int]]] = {}
    taken: Counter = Counter()
    for group in network.groups.values():
        for place in map(tuple, group.places.tolist()):
            found.setdefault(place, []).append((group.unit, taken[place, group.unit]))
            taken[place, group.unit] += 1
    return found


def write_network(network: Network, file: TextIO) -> None:
    """In SANA-FE's form (`src/yaml_snn.cpp`), line by line: it may be some 100 MB."""
    file.write("network:\n  name: spikebert\n  groups:\n")
    for group in network.groups.values():
        file.writelines(_neurons(group))
    file.write("  edges:\n")
    for each in network.connections:
        file.write(f'    - "{each.source} -> {each.target}": [{_synapses(network, each)}]\n')
    file.write("mappings:\n")
    taken: Counter = Counter()
    for group in network.groups.values():
        for i, (tile, core) in enumerate(group.places.tolist()):
            place = taken[tile, core, group.unit]
            taken[tile, core, group.unit] += 1
            file.write(f'  - {group.name}.{i}: [core: {tile}.{core}, soma: "{group.unit}[{place}]"]\n')


def _neurons(group: Group) -> Iterator[str]:
    yield f"    - name: {group.name}\n      attributes: []\n      neurons:\n"
    for i, train in enumerate(group.trains.T):
        last = int(train.nonzero()[0].max(initial=-1)) + 1  # after which it is silent
        yield f"        - {i}: [spikes: [{', '.join('01'[spike] for spike in train[: max(last, 1)].astype(int))}]]\n"


def _synapses(network: Network, each: Connections) -> str:
    """All pairs of two whole groups, or a list of them; every weight is 0, since the spikes are forced."""
    sources, targets = len(network.groups[each.source].places), len(network.groups[each.target].places)
    if not each.grain and each.rows == (0, sources):
        return f"type: dense, weight: [{', '.join(['0'] * (sources * targets))}]"
    pairs = network.pairs(each).tolist()
    listed = ", ".join(f"[{source}, {target}]" for source, target in pairs)
    return f"type: sparse, source_target_pairs: [{listed}], weight: [{', '.join(['0'] * len(pairs))}]"


def figures(mapping: Mapping, network: Network) -> dict[str, Any]:
    """What `run.py` shows beside SANA-FE's: our estimate of a mean text, and what the network must come to in all."""
    found, texts = mapping.estimate, network.texts
    hops, spent = found.hops, found.picojoules
    joined = spent["messages"] + spent["hops"]
    updates = (
        sum(c.population.rows for c in mapping.cuts if c.population.role in ("neurons", "attention"))
        * mapping.activity.token_steps
    )
    return {
        "format": FORMAT,
        "version": VERSION,
        "title": mapping.title,
        "texts": texts,
        "steps": network.steps,
        "network": {
            "neurons": sum(len(group.places) for group in network.groups.values()),
            "neurons_priced": sum(len(g.places) for g in network.groups.values() if g.unit == NEURONS),
            "connections": sum(len(network.pairs(each)) for each in network.connections),
            "messages": network.messages(),
            "operations": network.operations(),
        },
        "estimate": {
            "messages": hops.messages - hops.to_host,
            "messages_to_host": hops.to_host,
            "hops_east_west": hops.east_west,
            "hops_north_south": hops.north_south,
            "operations": found.operations,
            "operations_by_kind": operations_by_kind(mapping),
            "updates": updates,
            "steps": found.runtime.steps,
            "synapse_picojoules": _ends(spent["synaptic operations"]),
            "soma_picojoules": _ends(spent["neuron updates"]),
            "network_picojoules": _ends(joined),
            "latency_nanoseconds": _ends(found.runtime.latency),
            "longest_nanoseconds": _ends(found.runtime.longest.nanoseconds),
        },
    }


def operations_by_kind(mapping: Mapping) -> dict[str, float]:
    """Those of our estimate."""
    counted = mapping.activity.operations
    weights = sum(counted[node.name] for node in mapping.graph if isinstance(node, Linear))
    attention = sum(counted[name] for name in counted) - weights
    if not mapping.system.chip.programmable_neurons:
        attention = 0.0  # the host's
    return {WEIGHTS: weights, ATTENTION: attention, SUMS: mapping.estimate.operations - weights - attention}


def _ends(span: Any) -> list[float]:
    return [span.low, span.high]
