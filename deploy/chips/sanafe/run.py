"""Run a mapped SpikeBERT in SANA-FE, and show its time and energy beside the estimate of spikebert-deploy.

    python -m venv sanafe && sanafe/bin/pip install sanafe==2.2.9
    sanafe/bin/python run.py

It needs SANA-FE alone, and the files that lie beside it. SANA-FE takes one number a cost, so that it runs twice: with
the least and with the most that the costs of the chip may be.
"""

import argparse
import json
import math
import os
import sys
import time
from collections import Counter
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
LOW, HIGH = ENDS = ("low", "high")  # of the range of every cost
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


def three(value):
    """Three digits that count: an estimate knows no more."""
    rounded = float(f"{value:.3g}")
    return f"{rounded:,.{max(0, 2 - math.floor(math.log10(rounded))) if rounded else 0}f}"


def span(low, high):
    return " to ".join(dict.fromkeys((three(low), three(high))))


def rows(wanted, found):
    """(what, our estimate of a mean text, SANA-FE's mean of the same texts); found: {end: the sums of all texts}."""
    ours, network, texts = wanted["estimate"], wanted["network"], wanted["texts"]
    counted = found[LOW]  # as at the other end: a count knows no costs

    def each(name):
        return f"{counted[name] / texts:,.1f}"

    def estimated(name, factor):
        return span(*(end * factor for end in ours[name]))

    def ends(name, factor, of=texts):
        return span(*(found[end][name] * factor / of for end in ENDS))

    yield "messages to cores", f"{ours['messages']:,.1f}", each("messages")
    yield "… and to the host", f"{ours['messages_to_host']:,.1f}", "–"
    yield "hops, east-west", f"{ours['hops_east_west']:,.1f}", each("hops_east_west")
    yield "hops, north-south", f"{ours['hops_north_south']:,.1f}", each("hops_north_south")
    host = counted["hops_east_west_from_host"] + counted["hops_north_south_from_host"]
    yield "hops of what the host sends", "–", f"{host / texts:,.1f}"
    yield "synaptic operations", f"{ours['operations']:,.1f}", each("operations")
    for kind in (kind for kind in KINDS if kind in network["operations"]):
        own = ours["operations_by_kind"].get(kind, 0.0)
        yield f"… {KINDS[kind]}", f"{own:,.1f}", f"{network['operations'][kind] / texts:,.1f}"
    yield "neuron updates", f"{ours['updates']:,.1f}", f"{network['neurons_priced'] * wanted['steps'] / texts:,.1f}"
    yield "steps", f"{ours['steps']:,}", f"{wanted['steps'] / texts:,.1f}"
    yield "energy of synapses, µJ", estimated("synapse_picojoules", 1e-6), ends("synapse", 1e6)
    yield "energy of neurons, µJ", estimated("soma_picojoules", 1e-6), ends("soma", 1e6)
    yield "energy of messages, µJ", estimated("network_picojoules", 1e-6), ends("network", 1e6)
    yield "time of a text, µs", estimated("latency_nanoseconds", 1e-3), ends("seconds", 1e6)
    yield "longest step, µs", estimated("longest_nanoseconds", 1e-3), ends("longest", 1e6, 1)


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


def load(end):
    """The chip with the network on it, at one end of its costs."""
    sanafe: Any = import_module("sanafe")
    chip_file = sanafe.load_arch(str(HERE / f"architecture-{end}.yaml"))
    chip = sanafe.SpikingChip(chip_file)
    chip.load(sanafe.load_net(str(HERE / "network.yaml"), chip_file))
    return chip


def run_at(end, steps):
    begin = time.time()
    with silence():
        chip = load(end)
        ready = time.time()
        found = simulate(chip, steps)
    print(f"{end}: loaded in {ready - begin:.0f} s, run in {time.time() - ready:.0f} s", file=sys.stderr)
    return found


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--out", type=Path, metavar="FILE", help="a .json file for SANA-FE's sums over all texts, by end")
    options = p.parse_args()
    wanted = json.loads((HERE / "estimate.json").read_text("utf-8"))
    network, found = wanted["network"], {}
    for end in ENDS:
        found[end] = run_at(end, wanted["steps"])
        for name, count in (("messages", network["messages"]), ("operations", sum(network["operations"].values()))):
            if found[end][name] != count:
                counted = f"{found[end][name]:,} {name}"
                print(f"run.py: SANA-FE counts {counted}, and the network has {count:,}", file=sys.stderr)
                return 1
    if options.out:
        options.out.write_text(json.dumps(found, indent=1), "utf-8")
    print(
        f"{wanted['title']}; {wanted['texts']} texts, {network['neurons']:,} neurons, "
        f"{network['connections']:,} connections.\n"
    )
    print("| a mean text | our estimate | SANA-FE |\n|---|--:|--:|")
    for row in rows(wanted, found):
        print(f"| {' | '.join(row)} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
