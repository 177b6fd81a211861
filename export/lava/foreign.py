"""The process graph of a quantised NIR file of another tool: Lava's own LIF, Dense and RingBuffer, and our Probes.

The B samples of a batch are the rows of every message, side by side and without influence on each other, as the token
slots of a SpikeBERT are; see `Synapses`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from lava.magma.core.process.ports.ports import OutPort, TransposePort
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.proc.io.sink import RingBuffer as Sink
from lava.proc.io.source import RingBuffer as Source
from lava.proc.lif.process import LIF

from export.foreign.quantize import PAYLOAD_BASE, Plan, Population, Projection
from export.lava.build import Built
from export.lava.processes import Probe, Synapses
from export.runtime.waves import Frame

Port = OutPort | TransposePort


class Site:
    """A process graph under construction."""

    def __init__(self, plan: Plan, x: np.ndarray, folder: str):
        steps, samples, _ = x.shape
        names = [population.name for population in plan.populations]
        self.frame = Frame(samples, 1, steps, {name: i for i, name in enumerate(names)}, {}, folder)
        self.x, self.source = x, plan.source
        self.steps = steps + max(population.delay for population in plan.populations)
        self.neurons = {population.name: self._neurons(population) for population in plan.populations}
        self.waiting: dict[tuple[str, int], Port] = {}
        for number, projection in enumerate(plan.projections):
            self._connect(number, projection)
        self.root = next(iter(self.neurons.values()))

    def _neurons(self, population: Population) -> LIF:
        shape = self.frame.tokens(population.size)
        neurons = LIF(
            shape=shape,
            vth=population.threshold,
            du=population.current_decay,
            dv=population.decay,
            name=population.name,
        )
        file = self.frame.spike_file(population.name)
        probe = Probe(self.frame, population.size, file, f"probe {population.name}", population.delay)
        neurons.s_out.connect(probe.x_in)
        return neurons

    def _connect(self, number: int, projection: Projection) -> None:
        if projection.source is None:
            payloads = PAYLOAD_BASE ** np.arange(projection.weight.shape[1])
            data = np.broadcast_to(payloads, (*self.x.shape[:2], len(payloads)))
            wire, largest = self._play(data, projection.wait), int(payloads[-1])
        else:
            wire, largest = self._signal(projection.source, projection.wait), projection.largest
        name = f"{projection.target} synapses {number}"
        wire = self._synapses(name, projection.weight, wire, largest)
        wire.connect(self.neurons[projection.target].a_in)

    def _synapses(self, name: str, weight: np.ndarray, wire: Port, largest: int) -> Port:
        """A Dense with `weight` (D, D_in): (B, D_in) in, (B, D) out one step later."""
        dense = Synapses(self.frame, weight, max(1, largest.bit_length()), name=name)
        wire.transpose((1, 0)).connect(dense.s_in)
        return dense.a_out.transpose((1, 0))

    def _signal(self, name: str, wait: int) -> Port:
        """The Input or the spikes of a population, `wait` steps late: spikes by as many identity Denses."""
        if (name, wait) not in self.waiting:
            self.waiting[name, wait] = self._late(name, wait)
        return self.waiting[name, wait]

    def _late(self, name: str, wait: int) -> Port:
        if name == self.source:
            wire = self._play(self.x, wait)
            if wait:  # Lava runs what is connected: so that all that plays the input is
                sink = Sink(shape=wire.shape, buffer=1)
                wire.connect(sink.a_in)
                self._signal(name, 0).connect(sink.a_in)
            return wire
        if wait == 0:
            return self.neurons[name].s_out
        identity = np.eye(self.neurons[name].s_out.shape[1], dtype=np.int32)
        return self._synapses(f"{name} wait {wait}", identity, self._signal(name, wait - 1), 1)

    def _play(self, data: np.ndarray, wait: int) -> Port:
        """(T, B, D) played from step `wait` on, 0 before and after."""
        whole = np.zeros((*data.shape[1:], self.steps), np.int32)
        played = data[: self.steps - wait]
        whole[..., wait : wait + len(played)] = np.moveaxis(played, 0, -1)
        return Source(data=whole).s_out


def build_foreign(plan: Plan, x: np.ndarray, folder: str) -> Built:
    """Create and connect all processes for an integer input (T, B, D); Probes write each population's spikes."""
    site = Site(plan, x, folder)
    configuration: Any = Loihi2SimCfg(select_tag="fixed_pt")
    return Built(site.root, configuration, site.steps)
