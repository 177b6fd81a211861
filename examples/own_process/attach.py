"""A Lava process of one's own on the output spikes: how often each word makes the last layer fire.

    python examples/own_process/attach.py model.nir "what a lovely morning"

The process stands in for whatever shall react to the network: a robot's motor, a logger, a bridge to another bus. It
needs what `pip install .` brings: no torch, no chip. Lava's compiler executes every file beside a process's own, so
that a folder for it alone is a good place.
"""

import argparse
import sys
import tempfile
from typing import Any

import numpy as np
from lava.magma.compiler.compiler_graphs import find_processes
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.ports.ports import InPort
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.process.variable import Var
from lava.magma.core.resources import CPU
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol
from tokenizers import Tokenizer

from export.ir import nir
from export.ir.graph import Attention
from export.lava.build import build
from export.lava.processes import SPIKE_PORTS
from simulate.text import encode
from spikebert.core.errors import exit_cleanly


class Listener(AbstractProcess):
    """What the rest of the network sees of it: a port, and what may be read of it from outside."""

    def __init__(self, shape: tuple[int, int], delay: int, steps: int):
        super().__init__(delay=delay, steps=steps, name="listener")
        self.spikes_in = InPort(shape=shape)  # (tokens, neurons)
        self.heard = Var(shape=(shape[0],), init=0)


@implements(proc=Listener, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class ListenerModel(PyLoihiProcessModel):
    """What it does at each time step."""

    spikes_in: Any = LavaPyType(PyInPort.VEC_DENSE, np.int16)
    heard: Any = LavaPyType(np.ndarray, np.int64)

    def __init__(self, proc_params: dict):
        super().__init__(proc_params)
        self.first = proc_params["delay"] + 1  # Lava counts steps from 1, and this layer's spikes come so many late
        self.last = proc_params["delay"] + proc_params["steps"]

    def run_spk(self) -> None:
        spikes = self.spikes_in.recv()  # at every step, or the sender waits for ever
        if self.first <= self.time_step <= self.last:
            self.heard += spikes.sum(axis=1)


def main(model: str, text: str) -> None:
    graph = nir.read(model)
    (tokens,) = encode(graph, [text], "text")  # refuses what is empty or too long
    tokenizer = Tokenizer.from_str(graph.tokenizer)
    tokenizer.no_padding()  # some files pad to their longest text
    words = tokenizer.encode(text)
    last = sum(isinstance(node, Attention) for node in graph) - 1
    layers = sum(node.name.startswith(f"blocks.{last}.") for node in graph.neurons)  # three, or five with an MLP
    with tempfile.TemporaryDirectory() as folder:
        built = build(graph, "block", [(tokens, [len(tokens)])], rows=len(tokens), folder=folder, record=False)
        processes: dict[str, Any] = {process.name: process for process in find_processes(built.root)}
        port = getattr(processes[f"block{last}"], SPIKE_PORTS[layers - 1])  # the spikes of the last layer of neurons
        listener = Listener(port.shape, delay=last, steps=graph.time_steps)
        port.connect(listener.spikes_in)
        try:
            built.root.create_runtime(run_cfg=built.configuration, compile_config={"pypy_channel_size": 2})
            built.root.run(RunSteps(built.steps), built.configuration)
            heard = listener.heard.get().astype(int)
        finally:
            built.root.stop()
    for word, count in zip(words.tokens, heard, strict=False):
        print(f"{word}\t{count}")


if __name__ == "__main__":  # the compiler executes this file, too
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("text")
    options = parser.parse_args()
    sys.exit(exit_cleanly("attach.py", lambda: main(options.model, options.text)))
