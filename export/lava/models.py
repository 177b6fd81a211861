"""How the processes run on a CPU: each node through its kernel, with the arithmetic of `export.ir.arithmetic`.

Block, Embeddings and Head are one OS process each here. `layers` has their other models, of one leaf process a node.
"""
# Lava replaces a model's LavaPyType attributes by ports at run time, which no type checker can follow.
# pyright: reportAssignmentType=false, reportOptionalMemberAccess=false, reportOptionalSubscript=false
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import traceback
from collections import deque
from pathlib import Path

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol
from lava.proc.dense.models import AbstractPyDenseModelBitAcc

from export.ir.arithmetic import Array
from export.ir.graph import Embedding, Node
from export.ir.sections import neurons
from export.lava.processes import (
    LEVEL_PORTS,
    SPIKE_PORTS,
    Block,
    Coincidences,
    Collector,
    Decision,
    Embeddings,
    Head,
    Lookup,
    Neurons,
    Normalisation,
    Probe,
    Stream,
    Synapses,
    Weights,
)
from export.runtime.execute import walk
from export.runtime.kernels import State, make_kernels
from export.runtime.tally import tally
from export.runtime.waves import Frame, report_failure

# Spikes travel as int16, counts and logits as int64, everything else as int32; `ranges.check_messages` refuses what
# does not fit.
EVENTS_IN, EVENTS_OUT = LavaPyType(PyInPort.VEC_DENSE, np.int16), LavaPyType(PyOutPort.VEC_DENSE, np.int16)
VALUES_IN, VALUES_OUT = LavaPyType(PyInPort.VEC_DENSE, np.int32), LavaPyType(PyOutPort.VEC_DENSE, np.int32)
LONG_IN, LONG_OUT = LavaPyType(PyInPort.VEC_DENSE, np.int64), LavaPyType(PyOutPort.VEC_DENSE, np.int64)


class Model(PyLoihiProcessModel):
    """What all models share: kernels at rest at the start of each wave, and a traceback that reaches the user."""

    def __init__(self, proc_params):
        super().__init__(proc_params)
        self.frame: Frame = proc_params["frame"]
        self.nodes: tuple[Node, ...] = proc_params.get("nodes", None) or (proc_params["node"],)
        self.delay: int = proc_params.get("delay", 0)
        # Before the data arrive there is one idle token: whatever it causes ends when the first wave does begin.
        idle = np.zeros(self.frame.sentences, np.int32)
        idle[0] = 1
        self.announced = deque([idle] * self.delay)
        self.computed = [n for n in self.nodes if not isinstance(n, Embedding)]
        self.kernels = make_kernels(self.nodes, self.frame.bounds, 1, once=self.frame.steps == 1)
        self.states: dict[str, State] = {}

    def run_spk(self) -> None:
        try:
            if (self.time_step - 1 - self.delay) % self.frame.steps == 0:
                self.states = {}
            self.step()
        except (OSError, MemoryError):
            raise  # what the computer has too little of is told by the process that looks after this one
        except Exception as error:
            # Lava would hang on it: the watchdog reads the report and ends the run.
            message = f"{self.nodes[0].name}: {type(error).__name__}: {error}"
            report_failure(Path(self.frame.folder), message, traceback.format_exc())
            raise

    def step(self) -> None:
        raise NotImplementedError

    def lengths(self) -> list[int]:
        """The lengths of the sentences whose data arrive now: the port announces them `delay` steps before."""
        self.announced.append(self.lengths_in.recv())  # type: ignore[attr-defined]
        return [int(n) for n in self.announced.popleft() if n]

    def outputs(self, inputs: dict[str, Array], lengths: list[int]) -> dict[str, Array]:
        """Run this process's nodes on the outputs (1, M, D) of others; gives the outputs of all."""
        values = dict(inputs)
        for _ in walk(self.computed, self.kernels, values, lengths, self.states):
            pass
        return values

    def counts(self, values: dict[str, Array], lengths: list[int]) -> np.ndarray:
        """The message (K, S) of what is counted of this process's nodes."""
        message = np.zeros(self.frame.counts, np.int64)
        for node in self.computed:
            inputs = [values[source] for source in node.inputs]
            counts = tally(node, inputs, values[node.name], lengths, self.states.get(node.name))
            for key, count in counts.items():
                message[self.frame.places[key], : len(lengths)] = count[:, 0]
        return message

    def send(self, port: PyOutPort, rows: Array) -> None:
        """Send (M, D) in a message of R rows, where anyone listens."""
        if port.csp_ports:
            message = np.zeros(port.shape, port._d_type)
            message[: len(rows)] = rows
            port.send(message)


def _rows(port: PyInPort, lengths: list[int]) -> Array:
    """The rows of this wave's tokens, (1, M, D) float32: spikes and accumulators are below 2^24."""
    received = port.recv()[: sum(lengths)]
    # An int32 that float32 could not hold exactly goes in float64, as in the kernels.
    exact = received.dtype == np.int16 or np.abs(received).max(initial=0) < 2**24
    return received.astype(np.float32 if exact else np.float64)[None]


class _Source(Model):
    """A model that knows the waves."""

    lengths_out: PyOutPort

    def __init__(self, proc_params):
        super().__init__(proc_params)
        self.waves = proc_params["waves"]

    def embed(self) -> tuple[Array, list[int]]:
        """The embeddings (1, M, D) of this step and its lengths, which it also announces.

        The last wave stays until the others have come to their end.
        """
        number = min((self.time_step - 1) // self.frame.steps, len(self.waves) - 1)
        tokens, lengths = self.waves[number]
        message = np.zeros(self.frame.sentences, np.int32)
        message[: len(lengths)] = lengths
        self.lengths_out.send(message)
        return self.kernels[self.nodes[0].name]([tokens], lengths)[0], lengths


@implements(proc=Embeddings, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class EmbeddingsModel(_Source):
    y_out: PyOutPort = VALUES_OUT
    lengths_out: PyOutPort = VALUES_OUT
    counts_out: PyOutPort = LONG_OUT
    level0_out: PyOutPort = EVENTS_OUT
    level1_out: PyOutPort = EVENTS_OUT
    level2_out: PyOutPort = EVENTS_OUT
    level3_out: PyOutPort = EVENTS_OUT

    def step(self) -> None:
        current, lengths = self.embed()
        values = self.outputs({self.nodes[0].name: current}, lengths)
        self.send(self.y_out, values[self.nodes[-1].name][0])
        self.counts_out.send(self.counts(values, lengths))
        for port, node in zip(LEVEL_PORTS, neurons(self.nodes), strict=False):
            self.send(getattr(self, port), values[node.name][0])


@implements(proc=Block, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class BlockModel(Model):
    x_in: PyInPort = VALUES_IN
    lengths_in: PyInPort = VALUES_IN
    y_out: PyOutPort = VALUES_OUT
    counts_out: PyOutPort = LONG_OUT
    layer0_out: PyOutPort = EVENTS_OUT
    layer1_out: PyOutPort = EVENTS_OUT
    layer2_out: PyOutPort = EVENTS_OUT
    layer3_out: PyOutPort = EVENTS_OUT
    layer4_out: PyOutPort = EVENTS_OUT

    def __init__(self, proc_params):
        super().__init__(proc_params)
        self.held = np.zeros((0, self.nodes[-1].width))

    def step(self) -> None:
        self.send(self.y_out, self.held)  # of the step before: the next block works on it while this one goes on
        lengths = self.lengths()
        values = self.outputs({self.nodes[0].inputs[0]: _rows(self.x_in, lengths)}, lengths)
        self.held = values[self.nodes[-1].name][0]
        self.counts_out.send(self.counts(values, lengths))
        for port, node in zip(SPIKE_PORTS, neurons(self.nodes), strict=False):
            self.send(getattr(self, port), values[node.name][0])


class _LogitsModel(Model):
    x_in: PyInPort
    logits_out: PyOutPort = LONG_OUT

    def step(self) -> None:
        lengths = self.lengths()
        values = self.outputs({self.nodes[0].inputs[0]: _rows(self.x_in, lengths)}, lengths)
        message = np.zeros(self.logits_out.shape, np.int64)
        message[: len(lengths)] = values[self.nodes[-1].name]
        self.logits_out.send(message)


@implements(proc=Head, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class HeadModel(_LogitsModel):
    x_in: PyInPort = VALUES_IN
    lengths_in: PyInPort = VALUES_IN
    logits_out: PyOutPort = LONG_OUT


@implements(proc=Decision, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class DecisionModel(_LogitsModel):
    x_in: PyInPort = VALUES_IN
    lengths_in: PyInPort = VALUES_IN
    logits_out: PyOutPort = LONG_OUT


@implements(proc=Lookup, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class LookupModel(_Source):
    y_out: PyOutPort = VALUES_OUT
    lengths_out: PyOutPort = VALUES_OUT

    def step(self) -> None:
        current, _ = self.embed()
        self.send(self.y_out, current[0])


class _LeafModel(Model):
    x_in: PyInPort
    y_out: PyOutPort

    def step(self) -> None:
        self.pass_on()

    def pass_on(self) -> tuple[dict[str, Array], list[int]]:
        """Compute and send; gives what was received and computed, and the lengths."""
        lengths = self.lengths()
        (node,) = self.nodes
        values = self.outputs({node.inputs[0]: _rows(self.x_in, lengths)}, lengths)
        self.send(self.y_out, values[node.name][0])
        return values, lengths


class _CountingLeafModel(_LeafModel):
    counts_out: PyOutPort

    def step(self) -> None:
        values, lengths = self.pass_on()
        if self.counts_out.csp_ports:  # runs of Lava's own processes are counted from their spikes
            self.counts_out.send(self.counts(values, lengths))


@implements(proc=Weights, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class WeightsModel(_LeafModel):
    x_in: PyInPort = VALUES_IN
    lengths_in: PyInPort = VALUES_IN
    y_out: PyOutPort = VALUES_OUT


@implements(proc=Normalisation, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class NormalisationModel(_LeafModel):
    x_in: PyInPort = VALUES_IN
    lengths_in: PyInPort = VALUES_IN
    y_out: PyOutPort = VALUES_OUT


@implements(proc=Coincidences, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class CoincidencesModel(_CountingLeafModel):
    x_in: PyInPort = EVENTS_IN
    lengths_in: PyInPort = VALUES_IN
    y_out: PyOutPort = VALUES_OUT
    counts_out: PyOutPort = LONG_OUT


@implements(proc=Neurons, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class NeuronsModel(_CountingLeafModel):
    x_in: PyInPort = VALUES_IN
    lengths_in: PyInPort = VALUES_IN
    y_out: PyOutPort = EVENTS_OUT
    counts_out: PyOutPort = LONG_OUT


@implements(proc=Stream, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class StreamModel(Model):
    x_in: PyInPort = VALUES_IN
    other_in: PyInPort = VALUES_IN
    lengths_in: PyInPort = VALUES_IN
    y_out: PyOutPort = VALUES_OUT
    counts_out: PyOutPort = LONG_OUT

    def __init__(self, proc_params):
        super().__init__(proc_params)
        self.held = np.zeros((0, self.nodes[0].width)) if proc_params["holds"] else None

    def step(self) -> None:
        if self.held is not None:
            self.send(self.y_out, self.held)
        lengths = self.lengths()
        (node,) = self.nodes
        inputs = [_rows(self.x_in, lengths), _rows(self.other_in, lengths)]
        values = self.outputs(dict(zip(node.inputs, inputs, strict=True)), lengths)
        if self.held is None:
            self.send(self.y_out, values[node.name][0])
        else:
            self.held = values[node.name][0]
        self.counts_out.send(self.counts(values, lengths))


@implements(proc=Collector, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class CollectorModel(PyLoihiProcessModel):
    logits_in: PyInPort = LONG_IN
    counts_in: PyInPort = LONG_IN

    def __init__(self, proc_params):
        super().__init__(proc_params)
        self.steps, self.delay = proc_params["frame"].steps, proc_params["delay"]
        folder = Path(proc_params["frame"].folder)
        self.logits, self.counts = (folder / "logits").open("ab"), (folder / "counts").open("ab")
        self.delays = proc_params["delays"]
        self.recent = deque(maxlen=self.delay + 1)

    def run_spk(self) -> None:
        logits = self.logits_in.recv()
        step = self.time_step - self.delay
        if self.counts_in.csp_ports:
            self.recent.append(self.counts_in.recv().astype("<i8"))
            if step > 0:
                # What belongs to one step of a wave has come in at the delay of each node.
                self.counts.write(np.stack(self.recent)[self.delays, np.arange(len(self.delays))].tobytes())
                self.counts.flush()
        if step > 0:
            self.logits.write(logits.astype("<i8").tobytes())
            self.logits.flush()


@implements(proc=Probe, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class ProbeModel(PyLoihiProcessModel):
    x_in: PyInPort = EVENTS_IN

    def __init__(self, proc_params):
        super().__init__(proc_params)
        self.delay = proc_params["delay"]
        self.file = proc_params["file"].open("ab")

    def run_spk(self) -> None:
        spikes = self.x_in.recv()
        if self.time_step > self.delay:
            self.file.write(np.packbits(spikes.astype(bool)).tobytes())
            self.file.flush()


@implements(proc=Synapses, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class SynapsesModel(AbstractPyDenseModelBitAcc):
    """Lava's bit-accurate model of Dense, as it is."""
