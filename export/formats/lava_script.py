"""Classify a sentence with `model.nir` on Lava's own runtime, on this computer's processor.

    python run.py "a sentence"
    python run.py "a sentence" --granularity layer

It needs `spikebert` (for the processes and the reader of model.nir), lava-nc and tokenizers. No torch, no chip.
"""

import argparse
import os
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

if None in (find_spec("spikebert"), find_spec("lava")):
    install = "on Python 3.10, in a checkout of the toolchain: pip install '.[lava]'"
    print(f"run.py: error: spikebert and lava-nc are not both installed; {install}", file=sys.stderr)
    sys.exit(2)

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
from export.ir.arithmetic import steps_taken
from export.ir.early_exit import logit_scale, margin_of
from export.ir.graph import Attention
from export.ir.sections import neurons, sections
from export.lava import channels, search
from export.lava.build import build
from export.lava.processes import SPIKE_PORTS
from spikebert.core.errors import InputError, exit_cleanly
from spikebert.core.lifeline import die_with


# Your own process, for any port that sends spikes: (rows, neurons), one row a token. This one counts them.
class SpikeCounter(AbstractProcess):
    def __init__(self, shape: tuple[int, int], delay: int, steps: int, name: str):
        super().__init__(delay=delay, steps=steps, name=name)
        self.spikes_in = InPort(shape=shape)
        # A Var is read from outside one number at a time, so keep it small. Whole spike trains better go to a file,
        # as the Probe of export.lava.processes does.
        self.count = Var(shape=(1,), init=0)


@implements(proc=SpikeCounter, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")  # the run configuration chooses models by this tag
class SpikeCounterModel(PyLoihiProcessModel):
    spikes_in: Any = LavaPyType(PyInPort.VEC_DENSE, np.int16)  # Lava puts a port here, and an array there
    count: Any = LavaPyType(np.ndarray, np.int64)

    def __init__(self, proc_params: dict):
        super().__init__(proc_params)
        self.first = proc_params["delay"] + 1  # Lava counts time steps from 1
        self.last = proc_params["delay"] + proc_params["steps"]

    def run_spk(self) -> None:
        spikes = self.spikes_in.recv()  # at every step, or the sender waits for ever
        if self.first <= self.time_step <= self.last:  # before and after, what passes is idle
            self.count[0] += np.count_nonzero(spikes)


def main(text: str, granularity: str) -> None:
    # The integers of the whole model: weights, thresholds, and the tokenizer that made its words into numbers.
    graph = nir.read(Path(__file__).with_name("model.nir"))
    # Of a model for sentence pairs the two texts stand in `text` with a TAB between them.
    texts = text.split("\t", 1) if nir.pairs(graph) else [text]
    tokenizer = Tokenizer.from_str(graph.tokenizer)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    ids = tokenizer.encode(*texts).ids
    if len(ids) > graph.max_tokens:
        print(f"the text has {len(ids)} tokens and is cut to the model's {graph.max_tokens}")
        tokenizer.enable_truncation(graph.max_tokens)  # of its words: the closing [SEP] stays
        ids = tokenizer.encode(*texts).ids
    if not ids:
        raise InputError("the text holds nothing that the tokenizer knows")
    tokens = np.array(ids)

    # A wave is what passes through the network together, here one sentence: its tokens are the rows of every message.
    # Several sentences may share a wave, (their tokens one after the other, [their lengths]), and waves follow another.
    waves = [(tokens, [len(tokens)])]

    with tempfile.TemporaryDirectory() as results:
        # Creates and connects all processes, and compiles nothing yet:
        #
        #   embeddings    token ids to the first spikes, the same ids in each of the T time steps
        #   block0, …     a transformer block each: spiking attention, then the MLP if any, with their residual streams
        #   head          the mean over tokens and steps, and the logits
        #   collector     writes the logits after each step into the file `logits` of the folder `results`
        #
        # "layer" makes each block of one process a layer instead, as a chip would hold it; the spikes are the same.
        built = build(graph, granularity, waves, rows=len(tokens), folder=results, record=False)

        # Every process is found by its name, and every out-port may be read by any number of others. A block shows its
        # layers of neurons in their order as layer0_out, layer1_out, …; y_out is the residual stream. The spikes of
        # block k come k steps late: each block reads what the one before sent in the step before. The processes run all
        # T steps, also where an early exit says that the sentence is done before: the counter counts them all.
        processes: dict[str, Any] = {process.name: process for process in find_processes(built.root)}
        attention = next(node for node in graph if isinstance(node, Attention))
        layers = [layer.name for layer in neurons(sections(graph)[1][0])]
        port = getattr(processes["block0"], SPIKE_PORTS[layers.index(attention.inputs[0])])
        counter = SpikeCounter(port.shape, delay=0, steps=graph.time_steps, name="spikes of Q, K and V in block 0")
        port.connect(counter.spikes_in)

        # What Lava's processes share has no name, so that nothing is left of it; they end where this one is killed.
        channels.install()
        search.install()  # a graph of many processes starts sooner
        own = os.getpid()
        os.register_at_fork(after_in_child=lambda: die_with(own))
        try:
            built.root.create_runtime(run_cfg=built.configuration, compile_config={"pypy_channel_size": 2})
            built.root.run(RunSteps(built.steps), built.configuration)
            spikes = int(counter.count.get()[0])
        finally:
            built.root.stop()  # ends all of Lava's OS processes
        # Integers, (T, sentences, labels) of a wave: the logits of the steps up to each one.
        by_step = np.fromfile(Path(results) / "logits", "<i8").reshape(graph.time_steps, 1, -1)

    # A model with an early exit is done with a sentence once one label is far enough ahead; others take all steps.
    taken = int(steps_taken(by_step, margin_of(graph))[0])
    logits = by_step[taken - 1, 0]

    print(f"tokens: {len(tokens)}")
    print(f"steps: {taken} of {graph.time_steps}")
    print(f"{counter.name}: {spikes}")
    if graph.regression:
        print(f"score: {int(logits[0]) * logit_scale(graph):.6f}")
        return
    for label, logit in zip(graph.labels, logits, strict=True):
        print(f"logit of {label}: {logit}")
    print(f"label: {graph.labels[int(logits.argmax())]}")


# Lava's compiler executes this file once more, to look for models of the process above: nothing may run by itself.
if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("text")
    parser.add_argument("--granularity", choices=["block", "layer"], default="block")
    options = parser.parse_args()
    if not options.text.strip():
        parser.error("the text is empty")
    sys.exit(exit_cleanly("run.py", lambda: main(options.text, options.granularity)))
