"""The part of `sanafe_compare.py` that runs in SANA-FE's own environment: a job file in, its results out, as JSON.

    .venv-sanafe/bin/python benchmarks/sanafe_run.py JOB RESULTS

The network is built neuron for neuron as the job says. What drives a layer from outside, its biases, is switched on for
the T steps in which the layer works; before and after, its neurons rest.
"""

import json
import sys
from collections import Counter
from pathlib import Path

import sanafe


def build(job, arch):
    network, cores = sanafe.Network(), arch.cores()
    groups = {}
    for layer in job["layers"]:
        name, trains = layer["name"], layer.get("trains")
        group = network.create_neuron_group(name, layer["size"], log_spikes=True)
        for i, (neuron, core) in enumerate(zip(group.neurons, layer["cores"], strict=True)):
            if trains:
                spikes = [0] * layer["start"] + trains[i]
                neuron.set_attributes(soma_hw_name=f"inputs[{layer['first'] + i}]", model_attributes={"spikes": spikes})
            else:
                attributes = {"threshold": layer["threshold"], "leak_decay": layer["kept"], "reset_mode": "hard"}
                neuron.set_attributes(soma_hw_name="neurons", dendrite_hw_name="dendrites", model_attributes=attributes)
            neuron.map_to_core(cores[core])
        groups[name] = group
    for edge in job["edges"]:
        attributes = {"weight": edge["weights"], "delay": [edge["delay"]] * len(edge["weights"])}
        groups[edge["source"]].connect_neurons_sparse(groups[edge["target"]], attributes, edge["pairs"])
    chip = sanafe.SpikingChip(arch)
    chip.load(network)
    return chip


def run(job, architecture):
    chip = build(job, sanafe.load_arch(architecture))
    driven = [layer for layer in job["layers"] if "bias" in layer]
    from_host = {layer["name"] for layer in job["layers"] if "trains" in layer}
    spikes, totals, energy = {}, Counter(), Counter()
    for step in range(job["steps"]):
        for layer in driven:
            if step in (layer["start"], layer["start"] + job["time_steps"]):
                on = step == layer["start"]
                for neuron, bias in zip(chip.mapped_neuron_groups[layer["name"]], layer["bias"], strict=True):
                    neuron.set_attributes(model_attributes={"bias": bias if on else 0.0})
        found = chip.sim(1, "detailed", spike_trace=True, message_trace=True)
        for neuron in found["spike_trace"][0]:
            spikes.setdefault(neuron.group_name, []).append([step, neuron.neuron_offset])
        for message in found["message_trace"][0]:
            if message["placeholder"]:
                continue
            kind = "from host" if message["src_neuron_group_id"] in from_host else "on chip"
            totals[f"messages {kind}"] += 1
            totals[f"operations {kind}"] += message["spikes"]
            totals[f"east-west {kind}"] += abs(message["src_x"] - message["dest_x"])
            totals[f"north-south {kind}"] += abs(message["src_y"] - message["dest_y"])
        totals["updates"] += found["neurons_updated"]
        totals["seconds"] += found["sim_time"]
        totals["longest"] = max(totals["longest"], found["sim_time"])
        energy.update(found["energy"])
    return {"spikes": spikes, "totals": totals, "energy": energy}


if __name__ == "__main__":
    whole = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    results = {name: run(whole, path) for name, path in whole["architectures"].items()}
    Path(sys.argv[2]).write_text(json.dumps(results), "utf-8")
