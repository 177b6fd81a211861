"""Run a mapped SpikeBERT in SANA-FE, and show its time and energy beside the estimate of spikebert-deploy.

    python -m venv sanafe && sanafe/bin/pip install sanafe==2.2.9
    sanafe/bin/python run.py

It needs SANA-FE alone, and the files that lie beside it.
"""

import argparse
import json
import os
import sys
import time
from collections import Counter
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
KINDS = {  # of synapses
    "weights": "with weights",
    "attention": "of attention",
    "waiting": "of what waits for a later pass, one a message",
    "sums": "of streams and partial sums",
    "from the host": "of what the host sends, one a message",
}


def simulate(chip, steps):
    """{what: its sum over all steps}; a message that comes from a group of the host counts apart."""
    totals = Counter()
    for _ in range(steps):
        found = chip.sim(1, "detailed", message_trace=True)
        for message in found["message_trace"][0]:
            if message["placeholder"]:
                continue
            host = message["src_neuron_group_id"].startswith("host_")
            totals["messages"] += 1
            totals["messages_from_host"] += host
            totals["operations"] += message["spikes"]
            of = "_from_host" if host else ""
            totals["hops_east_west" + of] += abs(message["src_x"] - message["dest_x"])
            totals["hops_north_south" + of] += abs(message["src_y"] - message["dest_y"])
        totals["seconds"] += found["sim_time"]
        totals["longest"] = max(totals["longest"], found["sim_time"])
        for part in ("synapse", "soma", "network"):
            totals[part] += found["energy"][part]
    return totals


def rows(ours, wanted, neurons, found):
    """(what, our estimate of a mean text, SANA-FE's mean of the same texts)."""
    texts = wanted["texts"]
    operations = wanted["network"]["operations"]

    def span(ends, factor):
        low, high = (f"{end * factor:,.4g}" for end in ends)
        return low if low == high else f"{low} to {high}"

    def each(name, factor=1.0):
        return f"{found[name] * factor / texts:,.1f}"

    yield "messages to cores", f"{ours['messages']:,.1f}", each("messages")
    yield "… and to the host", f"{ours['messages_to_host']:,.1f}", "–"
    yield "hops, east-west", f"{ours['hops_east_west']:,.1f}", each("hops_east_west")
    yield "hops, north-south", f"{ours['hops_north_south']:,.1f}", each("hops_north_south")
    host = found["hops_east_west_from_host"] + found["hops_north_south_from_host"]
    yield "hops of what the host sends", "–", f"{host / texts:,.1f}"
    yield "synaptic operations", f"{ours['operations']:,.1f}", each("operations")
    for kind in (kind for kind in KINDS if kind in operations):
        own = ours["operations_by_kind"].get(kind, 0.0)
        yield f"… {KINDS[kind]}", f"{own:,.1f}", f"{operations[kind] / texts:,.1f}"
    yield "neuron updates", f"{ours['updates']:,.1f}", f"{neurons * wanted['steps'] / texts:,.1f}"
    yield "steps", f"{ours['steps']:,}", f"{wanted['steps'] / texts:,.1f}"
    yield "energy of synapses, µJ", span(ours["synapse_picojoules"], 1e-6), f"{found['synapse'] * 1e6 / texts:,.4g}"
    yield "energy of neurons, µJ", span(ours["soma_picojoules"], 1e-6), f"{found['soma'] * 1e6 / texts:,.4g}"
    yield "energy of messages, µJ", span(ours["network_picojoules"], 1e-6), f"{found['network'] * 1e6 / texts:,.4g}"
    yield "time of a text, µs", span(ours["latency_nanoseconds"], 1e-3), f"{found['seconds'] * 1e6 / texts:,.4g}"
    yield "longest step, µs", span(ours["longest_nanoseconds"], 1e-3), f"{found['longest'] * 1e6:,.4g}"


@contextmanager
def silence():
    """SANA-FE's own lines, which it prints from C++, are not shown."""
    sys.stdout.flush()
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)


def load():
    """The chip with the network on it."""
    sanafe: Any = import_module("sanafe")
    chip_file = sanafe.load_arch(str(HERE / "architecture.yaml"))
    chip = sanafe.SpikingChip(chip_file)
    chip.load(sanafe.load_net(str(HERE / "network.yaml"), chip_file))
    return chip


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--out", type=Path, metavar="FILE", help="a .json file for SANA-FE's sums over all texts")
    options = p.parse_args()
    wanted = json.loads((HERE / "estimate.json").read_text("utf-8"))
    begin = time.time()
    with silence():
        chip = load()
        ready = time.time()
        found = simulate(chip, wanted["steps"])
    done = time.time()
    network = wanted["network"]
    for name, count in (("messages", network["messages"]), ("operations", sum(network["operations"].values()))):
        if found[name] != count:
            print(f"run.py: SANA-FE counts {found[name]:,} {name}, and the network has {count:,}", file=sys.stderr)
            return 1
    if options.out:
        options.out.write_text(json.dumps(found, indent=1), "utf-8")
    print(f"loaded in {ready - begin:.0f} s, run in {done - ready:.0f} s", file=sys.stderr)
    print(
        f"{wanted['title']}; {wanted['texts']} texts, {network['neurons']:,} neurons, "
        f"{network['connections']:,} connections.\n"
    )
    print("| a mean text | our estimate | SANA-FE |\n|---|--:|--:|")
    for row in rows(wanted["estimate"], wanted, network["neurons_priced"], found):
        print(f"| {' | '.join(row)} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
