"""A chip file as an architecture of SANA-FE (SLAM-Lab/SANA-FE, `src/yaml_arch.cpp`): the same mesh, the same numbers.

SANA-FE counts tiles column by column, joules and seconds. It knows no static power, and one number a cost: an end of
the range in the chip's file, or in that of Loihi 1 where it has none.
"""

from __future__ import annotations

from typing import Any

from deploy.chips.chip import Chip
from deploy.chips.costs import Costs, costs_at
from deploy.chips.placement import Mesh

PICO, NANO = 1e-12, 1e-9
NOTHING = ("energy_access_neuron", "energy_update_neuron", "energy_spike_out")
SOMA = (*NOTHING, "latency_access_neuron", "latency_update_neuron", "latency_spike_out")
NEURONS, SENDERS = "neurons", "senders"  # units that hold a neuron which is priced, and one which only sends


def unit(name: str, **attributes: Any) -> dict[str, Any]:
    return {"name": name, "attributes": attributes}


def soma(name: str, model: str, **priced: float) -> dict[str, Any]:
    """A soma unit, at no cost but what is given."""
    return unit(name, model=model, **(dict.fromkeys(SOMA, 0.0) | priced))


def core(name: str, costs: Costs, somas: list[dict], dendrite: str, room: int, inside: bool = False) -> dict[str, Any]:
    """A core with these soma units. `inside`: whether inputs wait within the dendrites, or before them."""
    synapse = {"energy_process_spike": PICO * costs["synapse_pj"], "latency_process_spike": NANO * costs["synapse_ns"]}
    return unit(name, buffer_position="dendrite", buffer_inside_unit=inside, max_neurons_supported=room) | {
        "axon_in": [unit("in", energy_message_in=0.0, latency_message_in=0.0)],
        "synapse": [unit("synapses", model="current_based", **synapse)],
        "dendrite": [unit("dendrites", model=dendrite, energy_update=0.0, latency_update=0.0)],
        "soma": somas,
        "axon_out": [unit("out", energy_message_out=PICO * costs["spike_pj"], latency_message_out=0.0)],
    }


def tile(name: str, costs: Costs, cores: list[dict], link: bool = True) -> dict[str, Any]:
    """`link`: whether a message takes time on its way over a link."""
    hops = {f"energy_{way}_hop": PICO * costs["hop_x_pj"] for way in ("east", "west")}
    hops |= {f"energy_{way}_hop": PICO * costs["hop_y_pj"] for way in ("north", "south")}
    time = NANO * costs["link_ns"] if link else 0.0
    hops |= {f"latency_{way}_hop": time for way in ("north", "east", "south", "west")}
    return unit(name, **hops) | {"core": cores}


def architecture(name: str, costs: Costs, columns: int, rows: int, tiles: list[dict]) -> dict[str, Any]:
    network = {"topology": "mesh", "width": columns, "height": rows, "link_buffer_size": 16}
    network |= {"sync_model": "fixed", "latency_sync": NANO * costs["barrier_ns"]}
    return {"architecture": {"name": name, "attributes": network, "tile": tiles}}


def chip_of(
    chip: Chip, end: str, mesh: Mesh, rows: int, units: dict[tuple[int, int], dict[str, int]]
) -> dict[str, Any]:
    """The mesh of a mapping, each cost at one end of its range.

    rows: of tiles, of all its chips; units: {(tile, core): {NEURONS: …, SENDERS: …}}.
    An update of a neuron is priced as its access: SANA-FE counts one for every neuron and step.
    """
    costs, columns = costs_at(chip, end), mesh.columns * mesh.chip_columns
    priced = {"energy_access_neuron": PICO * costs["neuron_pj"], "latency_access_neuron": NANO * costs["neuron_ns"]}

    def somas(place: tuple[int, int]) -> list[dict]:
        held = units.get(place, {SENDERS: 1})  # each core must have one
        price = {NEURONS: priced, SENDERS: {}}
        return [soma(f"{kind}[0..{count - 1}]", "input", **price[kind]) for kind, count in held.items()]

    room = max(chip.neurons_per_core, *(sum(held.values()) for held in units.values()))  # senders are no neurons of it
    tiles = []
    for number in range(columns * rows):
        cores = [
            core(f"core_{number}_{i}", costs, somas((number, i)), "accumulator", room)
            for i in range(mesh.cores_per_tile)
        ]
        tiles.append(tile(f"tile_{number}", costs, cores))
    return architecture(chip.name, costs, columns, rows, tiles)
