"""The same small network on the same chip here and in SANA-FE: spikes, messages, hops, energy, time.

    make sanafe  # makes .venv-sanafe
    PYTHONPATH=. python benchmarks/sanafe_compare.py

A random SpikeBERT is mapped to Loihi 1, unrolled, and every neuron of the mapping is put on the same core of the same
mesh in SANA-FE (Boyle et al.), with the lowest costs of our chip file, which are those of the lower end here. SANA-FE
is GPL-3: it runs in an environment of its own, and what goes there and back are files.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from deploy.chips.chip import Chip, read_chip
from deploy.chips.costs import LOW, costs_at
from deploy.chips.mapping import Mapping, map_graph
from deploy.chips.populations import summands
from deploy.chips.sanafe import architecture as form
from deploy.chips.sanafe.architecture import NANO, PICO
from export.ir import nir
from export.ir.graph import DECAY_BITS, INPUT_SHIFT, LIF, Attention, Embedding, Graph, Linear
from export.runtime.execute import execute
from simulate.energy.costs import costs
from simulate.fast import FastSimulator
from simulate.run import ModelFile, Run
from simulate.text import Texts
from spikebert.core.errors import InputError, RunError, exit_cleanly
from tests.random_graph import random_graph

ROOT = Path(__file__).parents[1]
PYTHON = ROOT / ".venv-sanafe/bin/python"
ITS_LOIHI = "examples/loihi.yaml"
IDLE, ACTIVE, SPIKE = (costs()[f"E_LOIHI_{name}"].low for name in ("INACTIVE", "ACTIVE", "SPIKE"))  # pJ
DECAY = 1024  # of 4096: three quarters stay, which floating point halves exactly, and so do four steps of integers


def model(width: int, tokens: int) -> Graph:
    """A block of random weights, with no norms left and the reset to zero: what Loihi 1 can hold.

    A second block would read the embedding's spikes eight steps late, and SANA-FE delays by five at most.
    """
    graph = random_graph(width=width, blocks=1, norm="batch", reset="zero", max_tokens=tokens)
    return replace(graph, nodes=tuple(replace(n, decay=DECAY) if isinstance(n, LIF) else n for n in graph))


def mapped(graph: Graph, chip: Chip, text: np.ndarray, folder: Path) -> Mapping:
    """The mapping whose traffic is that of this one text."""
    nir.write(graph, folder / "model.nir")
    model, shown = ModelFile.of(folder / "model.nir"), Texts("random", ["random"], None)
    run = Run(graph, model, shown, [text], FastSimulator(graph).run([text]))
    return map_graph(graph, chip, "1", "unrolled", run.record, len(text))


def starts(graph: Graph) -> dict[str, int]:
    """The step in which a layer begins: one after the last of those that it reads."""
    found: dict[str, int] = {}
    for lif in graph.neurons:
        read = graph[lif.inputs[0]]
        found[lif.name] = 1 + max((found[s.name] for s in senders(graph, read)), default=-1)
    return found


def senders(graph: Graph, read: Any) -> list[Any]:
    """The layers whose spikes a Linear or an Attention reads."""
    return [] if isinstance(read, Embedding) else summands(graph, graph[read.inputs[0]])


def job(mapping: Mapping, values: dict[str, np.ndarray]) -> dict[str, Any]:
    """The network as `sanafe_run.py` builds it. Neurons are numbered token after token."""
    graph, tokens, begin = mapping.graph, mapping.tokens, starts(mapping.graph)
    layers, edges, first = [], [], 0
    for lif in graph.neurons:
        read, size = graph[lif.inputs[0]], lif.size * tokens
        layer: dict[str, Any] = {"name": lif.name, "size": size, "start": begin[lif.name]}
        if isinstance(read, Attention):  # the host computes it, and sends its spikes from a core that is free
            layer |= {"cores": [spare(mapping)] * size, "first": first}
            layer["trains"] = values[lif.name].reshape(graph.time_steps, size).T.astype(int).tolist()
            first += size
        else:
            bias = np.broadcast_to(lif.bias, (tokens, lif.size)).astype(float)
            if isinstance(read, Embedding):
                bias = bias + 2.0**INPUT_SHIFT * values[read.name][0]
            kept = 1 - lif.decay / 2**DECAY_BITS
            layer |= {"cores": places(mapping, lif), "bias": bias.ravel().tolist(), "kept": kept}
            layer["threshold"] = float(lif.threshold[0]) - 0.5  # it fires above
        layers.append(layer)
        if isinstance(read, Linear):
            edges += [edge(read, source, lif, begin, tokens) for source in senders(graph, read)]
    return {"layers": layers, "edges": edges, "time_steps": graph.time_steps, "inputs": first, "steps": depth(mapping)}


def depth(mapping: Mapping) -> int:
    return max(starts(mapping.graph).values()) + mapping.graph.time_steps


def edge(linear: Linear, source: LIF, target: LIF, begin: dict[str, int], tokens: int) -> dict[str, Any]:
    """Each token's own synapses: all of a weight matrix, late enough to meet those that come a longer way."""
    outputs, inputs = linear.weight.shape
    weights = 2.0**INPUT_SHIFT * linear.synapses.astype(float).T.ravel()
    pairs = [(n * inputs + i, n * outputs + o) for n in range(tokens) for i in range(inputs) for o in range(outputs)]
    delay = begin[target.name] - begin[source.name] - 1
    return {
        "source": source.name,
        "target": target.name,
        "weights": np.tile(weights, tokens).tolist(),
        "pairs": pairs,
        "delay": delay,
    }


def places(mapping: Mapping, lif: LIF) -> list[int]:
    """SANA-FE's number of the core of each neuron; it counts tiles column by column."""
    found = np.zeros((mapping.tokens, lif.size), int)
    for i, core in enumerate(mapping.cores):
        if core.population.name == lif.name:
            found[slice(*core.copies), slice(*core.rows)] = number(mapping, int(mapping.placement.slot[i]))
    return found.ravel().tolist()


def number(mapping: Mapping, slot: int) -> int:
    mesh = mapping.placement.mesh
    tile, place = divmod(slot, mesh.cores_per_tile)
    y, x = divmod(tile, mesh.columns)
    return (x * mesh.rows + y) * mesh.cores_per_tile + place


def spare(mapping: Mapping) -> int:
    """The last core that nobody uses."""
    used = set(mapping.placement.slot.tolist())
    return number(mapping, max(slot for slot in range(mapping.system.cores) if slot not in used))


def our_chip(chip: Chip, inputs: int) -> dict[str, Any]:
    """Our chip file in SANA-FE's form: the same mesh, and the lower end of each cost."""
    prices, tiles, each = costs_at(chip, LOW), chip.cores // (chip.cores_per_tile or 1), chip.cores_per_tile or 1
    idle = {"energy_access_neuron": IDLE * PICO, "latency_access_neuron": prices["neuron_ns"] * NANO}
    active = {"energy_update_neuron": (prices["neuron_pj"] - IDLE) * PICO}
    somas = [
        form.soma("neurons", "leaky_integrate_fire", **idle, **active),
        form.soma(f"inputs[0..{inputs - 1}]", "input"),
    ]
    cores = [
        form.core(f"core[0..{each - 1}]", prices, somas, "accumulator_with_delay", chip.neurons_per_core, inside=True)
    ]
    columns = chip.tile_columns or 1
    tiles_of = [form.tile(f"tile[0..{tiles - 1}]", prices, cores, link=False)]
    return form.architecture(chip.name, prices, columns, tiles // columns, tiles_of)


def its_own(inputs: int) -> dict[str, Any]:
    """SANA-FE's own description of Loihi, with its units named as ours are, and with the buffers of ours."""
    package = subprocess.run(
        [PYTHON, "-c", "import sanafe; print(sanafe.__path__[0])"], capture_output=True, text=True, check=True
    )
    found = yaml.safe_load((Path(package.stdout.strip()) / ITS_LOIHI).read_text("utf-8"))
    core = found["architecture"]["tile"][0]["core"][0]
    core["attributes"] |= {"buffer_position": "dendrite", "buffer_inside_unit": True}
    neurons, outside = core["soma"]
    neurons["name"], outside["name"] = "neurons", f"inputs[0..{inputs - 1}]"
    core["dendrite"] = [{**core["dendrite"][1], "name": "dendrites"}]
    return found


def run(options: argparse.Namespace) -> None:
    if not PYTHON.exists():
        raise InputError(f"{PYTHON}: is missing; see --help")
    chip = read_chip("loihi1")
    graph, rng = model(options.width, options.tokens), np.random.default_rng(1)
    text = rng.integers(0, 50, options.tokens)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        mapping = mapped(graph, chip, text, folder)
        values = execute(graph, [text])
        work = job(mapping, values)
        work["architectures"] = {}
        for kind, content in (("ours", our_chip(chip, work["inputs"])), ("its own", its_own(work["inputs"]))):
            (folder / f"{kind}.yaml").write_text(yaml.safe_dump(content, sort_keys=False), "utf-8")
            work["architectures"][kind] = str(folder / f"{kind}.yaml")
        (folder / "job").write_text(json.dumps(work), "utf-8")
        done = subprocess.run(
            [PYTHON, ROOT / "benchmarks/sanafe_run.py", folder / "job", folder / "results"],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RunError("SANA-FE failed", done.stderr)
        results = json.loads((folder / "results").read_text("utf-8"))
    show(mapping, values, work, results)


def show(mapping: Mapping, values: dict[str, np.ndarray], work: dict[str, Any], results: dict[str, Any]) -> None:
    graph, begin = mapping.graph, starts(mapping.graph)
    on_chip = [n for n in graph.neurons if not isinstance(graph[n.inputs[0]], Attention)]
    for kind, found in results.items():
        for lif in on_chip:
            train = np.zeros((work["steps"], mapping.tokens * lif.size), int)
            for step, neuron in found["spikes"].get(lif.name, []):
                train[step, neuron] = 1
            window = slice(begin[lif.name], begin[lif.name] + graph.time_steps)
            ours = values[lif.name].reshape(graph.time_steps, -1)
            if not np.array_equal(train[window], ours) or train.sum() != ours.sum():
                raise RunError(
                    f"{kind}: layer {lif.name} fires {train.sum()} times, not {int(ours.sum())}, or elsewhere"
                )
    spikes = sum(int(values[lif.name].sum()) for lif in on_chip)
    neurons = sum(lif.size for lif in on_chip) * mapping.tokens
    print(f"{len(on_chip)} layers on {len(mapping.cores)} cores, {neurons:,} neurons, {mapping.tokens} tokens, "
          f"T = {graph.time_steps}: all {spikes:,} spikes are equal, in step, token and neuron.\n")  # fmt: skip
    a, b = results["ours"], results["its own"]
    x, y, found = a["totals"], b["totals"], mapping.estimate
    flows, hops = mapping.traffic, found.hops
    sent = float(flows.events[flows.source >= 0].sum())
    energy = {kind: each.low for kind, each in found.picojoules.items()}  # at the costs that SANA-FE is given

    def total(t: dict[str, float], what: str) -> float:
        return t[f"{what} on chip"] + t[f"{what} from host"]

    def outside(trains: dict[str, list]) -> int:
        """SANA-FE updates a neuron of the host when it fires."""
        return sum(len(trains.get(n.name, [])) for n in graph.neurons if n not in on_chip)

    def nanojoules(part: str) -> tuple[float, float]:
        return a["energy"][part] * 1e9, b["energy"][part] * 1e9

    with_host = SPIKE * total(x, "messages") + (mapping.system.chip.hop_x_pj or 0) * total(x, "east-west")
    with_host += (mapping.system.chip.hop_y_pj or 0) * total(x, "north-south")
    updated = x["updates"] - outside(a["spikes"])
    with_idle = IDLE * neurons * work["steps"] + (ACTIVE - IDLE) * updated
    rows = [
        ("messages between cores", sent, x["messages on chip"], y["messages on chip"]),
        ("hops, east-west", hops.east_west, x["east-west on chip"], y["east-west on chip"]),
        ("hops, north-south", hops.north_south, x["north-south on chip"], y["north-south on chip"]),
        ("synaptic operations", found.operations, total(x, "operations"), total(y, "operations")),
        ("neuron updates", neurons * graph.time_steps, updated, y["updates"] - outside(b["spikes"])),
        ("steps", found.runtime.steps, work["steps"], work["steps"]),
        ("energy of synapses, nJ", energy["synaptic operations"] / 1e3, *nanojoules("synapse")),
        ("energy of neurons, nJ", neurons * graph.time_steps * ACTIVE / 1e3, *nanojoules("soma")),
        ("… if idle ones are priced, too", with_idle / 1e3, *nanojoules("soma")),
        ("energy of messages, nJ", (energy["messages"] + energy["hops"]) / 1e3, *nanojoules("network")),
        ("… if the host's come over the mesh", with_host / 1e3, *nanojoules("network")),
        ("time of a text, µs", found.runtime.latency.low / 1e3, x["seconds"] * 1e6, y["seconds"] * 1e6),
        ("longest step, µs", found.runtime.longest.nanoseconds.low / 1e3, x["longest"] * 1e6, y["longest"] * 1e6),
    ]  # fmt: skip
    print("| | here, lowest costs | SANA-FE, the same costs | SANA-FE, its own Loihi |\n|---|---:|---:|---:|")
    for name, *numbers in rows:
        print(f"| {name} | " + " | ".join(f"{number:,.1f}".removesuffix(".0") for number in numbers) + " |")


def main() -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--width", type=int, default=96)
    p.add_argument("--tokens", type=int, default=8)
    options = p.parse_args()
    return exit_cleanly("sanafe_compare", lambda: run(options))


if __name__ == "__main__":
    sys.exit(main())
