"""A NIR network of another tool in the integers of Lava's own Dense and LIF: its populations, synapses and delays.

Everything between two spiking nodes that is linear (Affine, Linear, Scale, sums, delays) becomes one matrix of synapses
from the one to the other. A neuron with a decay a per step, a gain g on its input x and a threshold θ above its rest,

    v ← (1 - a) v + g x,   spike where v > θ,   v ← 0 where it did            (v counted from its rest)

keeps its spikes when v is measured in units of θ / vth: the threshold becomes the integer vth of its population and the
weights round(vth · g W / θ). vth is at most what 8-bit weights and a 24-bit current allow; the decays have 12 bits.

Constant input comes from axons that are always active, not from the neurons' bias registers: those would drive a
neuron before its data arrive, and could not pass through a synaptic current.

A Dense adds a step, so a population works `delay` steps behind the input. A signal that comes too early waits; one that
would come too late (a loop over more than one layer, with a single step) has no form in Lava and is refused.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import singledispatch
from graphlib import CycleError, TopologicalSorter
from typing import NamedTuple

import nir
import numpy as np
from numpy.typing import NDArray

from export.foreign.decay import UNIT as DECAY_UNIT
from export.foreign.decay import leak_note, rounded_decay
from export.foreign.network import LINEAR, Network
from export.ir.graph import INPUT_SHIFT
from export.ir.stock import CURRENT_MAX, DECAY_MAX, THRESHOLD_MAX
from spikebert.core.errors import InputError

Array = NDArray[np.float64]
WEIGHT_MAX = 127
HALF_UNIT = DECAY_UNIT / 2  # what rounding toward zero costs a membrane a step: half a state unit, in 4096ths
PAYLOAD_BASE = 64  # the always active axons carry 1, 64, 64², …
LARGEST_DRIVE = 1e9  # thresholds a spike; far beyond what fits, and refused as such
THRESHOLDS_TRIED = 256
WIDEST = 4096  # neurons of a population
LONGEST_WAIT = 64  # steps; each is an identity Dense, a process of its own

Form = dict[tuple[str | None, int], Array]
"""What a node gives: Σ matrix · (the value of a spiking node or the Input, so many steps ago); None is a constant 1."""


@dataclass(frozen=True)
class Population:
    """A LIF process."""

    name: str
    size: int
    threshold: int  # vth
    current_decay: int  # du
    decay: int  # dv
    delay: int  # steps behind the input


@dataclass(frozen=True)
class Projection:
    """A Dense process, before which the signal waits."""

    source: str | None  # a population, the Input, or always active axons of the values 1, 64, 64², …
    target: str
    weight: NDArray[np.int32]  # (D, D_in), within ±127
    wait: int  # steps
    largest: int  # magnitude of what the source sends


@dataclass(frozen=True)
class Plan:
    populations: list[Population]
    projections: list[Projection]
    source: str  # the Input
    notes: tuple[str, ...]  # what Loihi's integers hold badly, a line each

    @property
    def parts(self) -> list[Plan]:
        """The plan cut where no signal leads across: Lava runs what is connected to the process that it starts."""
        groups: list[set[str]] = [{population.name} for population in self.populations]
        for projection in self.projections:
            if projection.source is not None:
                ends = {projection.source, projection.target}
                touched = [group for group in groups if group & ends]
                groups = [group for group in groups if not group & ends] + [ends.union(*touched)]
        return [
            replace(
                self,
                populations=[population for population in self.populations if population.name in group],
                projections=[projection for projection in self.projections if projection.target in group],
            )
            for group in groups
        ]


class Dynamics(NamedTuple):
    """A spiking node's parameters, (D,) each, in the terms of the module's docstring."""

    gain: Array
    threshold: Array  # θ
    current_decay: Array
    decay: Array  # a


def plan(network: Network, dt: float, largest: int) -> Plan:
    """Quantise a network for inputs up to ±largest.

    Raises:
        InputError: names the node that Lava's own processes cannot hold, and why.
    """
    for name, width in network.widths.items():
        if width > WIDEST:
            raise InputError(f"node {name}: {width} values; on Lava a node has up to {WIDEST}")
    forms = _forms(network, dt)
    drives = {name: _incoming(network, forms, name) for name in network.spiking}
    delays = _delays(network, drives)
    bounds: dict[str | None, int] = {None: 1, network.source: max(1, largest), **dict.fromkeys(network.spiking, 1)}
    populations: list[Population] = []
    projections: list[Projection] = []
    notes: list[str | None] = []
    shortest = network.shortest_time_constant or math.inf
    for name, drive in drives.items():
        dynamics = dynamics_of(network.nodes[name], name, dt)
        decay = rounded_decay(name, "membrane", dynamics.decay, dt, shortest)
        current_decay = rounded_decay(name, "current", dynamics.current_decay, dt, shortest)
        threshold, weights = quantize(name, drive, dynamics, bounds)
        heaviest = max((int(np.abs(w).max()) for w in weights.values()), default=0)
        for what, rounded, exact, usual in (
            ("membrane", decay, dynamics.decay, threshold / 2),
            ("current", current_decay, dynamics.current_decay, max(1, heaviest)),
        ):
            notes.append(leak_note(name, what, rounded, exact, HALF_UNIT / (usual * 2**INPUT_SHIFT), dt, shortest))
        held = min(decay, DECAY_MAX), max(0, min(current_decay - 1, DECAY_MAX))
        populations.append(Population(name, network.widths[name], threshold, held[1], held[0], delays[name]))
        for (source, lag), weight in weights.items():
            wait = delays[name] + lag - 1 - (delays[source] if source else 0)
            if wait > LONGEST_WAIT and source in drives:
                raise InputError(f"node {name}: {source} reaches it after {wait} steps; on Lava {LONGEST_WAIT} at most")
            if wait < 0:
                raise InputError(
                    f"node {name}: {source} leads back to it within {lag} step; on Lava each layer of a loop takes one"
                )
            projections.append(Projection(source, name, weight, wait, bounds[source]))
    return Plan(populations, projections, network.source, tuple(note for note in notes if note))


def _forms(network: Network, dt: float) -> dict[str, Form]:
    """What each node gives that is linear in spikes; nodes behind an LI, a CubaLI or an I are left out."""
    forms: dict[str, Form] = {n: {(n, 0): np.eye(network.widths[n])} for n in (network.source, *network.spiking)}
    passive = [name for name, node in network.nodes.items() if isinstance(node, (*LINEAR, nir.Delay))]
    reads = {name: [*network.inputs[name], *network.feedback.get(name, ())] for name in passive}
    try:
        ordered = [name for name in TopologicalSorter(reads).static_order() if name in reads]
    except CycleError as error:
        raise InputError(f"node {error.args[1][0]}: on Lava a loop needs a spiking neuron") from None
    for name in ordered:
        if all(source in forms for source in reads[name]):
            forms[name] = _through(network.nodes[name], _incoming(network, forms, name), name, dt)
    return forms


def _incoming(network: Network, forms: dict[str, Form], name: str) -> Form:
    """What reaches a node. What comes by feedback is a step older, but for constants that have always been there."""
    total: Form = {}
    for later, sources in enumerate((network.inputs[name], network.feedback.get(name, ()))):
        for source in sources:
            if source not in forms:
                kind = type(network.nodes[source]).__name__
                raise InputError(f"node {name}: reads {source} ({kind}); on Lava only spikes pass between neurons")
            for (origin, lag), matrix in forms[source].items():
                always = origin is None and lag == 0
                key = origin, lag + (0 if always else later)
                total[key] = total[key] + matrix if key in total else matrix
    return total


def _through(node: nir.NIRNode, form: Form, name: str, dt: float) -> Form:
    """What a passive node makes of what reaches it."""
    if isinstance(node, (nir.Affine, nir.Linear)):
        form = {key: node.weight @ matrix for key, matrix in form.items()}
    if isinstance(node, nir.Affine):
        bias = node.bias[:, None]
        form[None, 0] = form[None, 0] + bias if (None, 0) in form else bias
    if isinstance(node, nir.Scale):
        form = {key: node.scale[:, None] * matrix for key, matrix in form.items()}
    if isinstance(node, nir.Delay):
        steps = np.unique(np.rint(node.delay / dt).astype(int))
        if len(steps) > 1:
            raise InputError(f"node {name}: on Lava a Delay has one value for all its features")
        form = {(source, lag + int(steps[0])): matrix for (source, lag), matrix in form.items()}
    return form


def _delays(network: Network, drives: dict[str, Form]) -> dict[str, int]:
    """How many steps behind the input each population works: as few as let the signals from before it arrive."""
    delays = {network.source: 0}
    for name, drive in drives.items():
        arrivals = [(delays[s] if s else 0) + 1 - lag for s, lag in drive if s is None or s in delays]
        delays[name] = max([0, *arrivals])
    return delays


def quantize(
    name: str, drive: Form, dynamics: Dynamics, bounds: dict[str | None, int]
) -> tuple[int, dict[tuple[str | None, int], NDArray[np.int32]]]:
    """(vth, the integer weights of each source); constants as digits, a column for each of 1, 64, 64², …

    Raises:
        InputError: the largest weight is beyond what 8 bits hold beside the threshold, or below the least.
    """
    unit = (dynamics.gain / dynamics.threshold)[:, None]
    drive = {key: np.clip(unit * matrix, -LARGEST_DRIVE, LARGEST_DRIVE) for key, matrix in drive.items()}
    heaviest = max((np.abs(m).max() for (source, _), m in drive.items() if source), default=0.0)
    current = sum((bounds[source] * np.abs(m).sum(1) for (source, _), m in drive.items()), np.zeros(len(unit)))
    current = (current / dynamics.current_decay).max()  # what a synaptic current can grow to
    largest = min(THRESHOLD_MAX, WEIGHT_MAX / max(heaviest, 1e-9), CURRENT_MAX / max(current, 1e-9))
    if largest < 1:
        raise InputError(
            f"node {name}: a weight of {heaviest:.3g} thresholds, or a current of up to {current:.3g}, does not fit "
            "into Loihi's integers"
        )
    threshold = _threshold(list(drive.values()), largest)
    weights = {key: np.rint(threshold * matrix).astype(np.int32) for key, matrix in drive.items()}
    if heaviest and not any(w.any() for (source, _), w in weights.items() if source):
        raise InputError(
            f"node {name}: a spike adds {heaviest:.3g} of the threshold at most, and the least that Loihi's integers "
            f"hold beside it is {1 / threshold:.3g}: no input would reach it; give a longer --dt, or trust "
            "--backend float"
        )
    return threshold, {
        (source, lag): digits(w) if source is None else w
        for (source, lag), w in weights.items()
        if source is not None or w.any()
    }


def _threshold(drive: list[Array], largest: float) -> int:
    """The vth of least squared rounding error in the upper half of what fits: with it whole weights stay whole."""
    # The product of floats that stands for a whole number may lie just below it.
    candidates = np.unique(np.linspace(max(1, largest / 2), largest + 1e-6, THRESHOLDS_TRIED).astype(int))

    def error(threshold: int) -> float:
        return sum(float(np.square(np.rint(threshold * m) / threshold - m).sum()) for m in drive)

    return int(min(reversed(candidates), key=error))


def digits(values: NDArray[np.int32]) -> NDArray[np.int32]:
    """(D, 1) → (D, K) within ±127 with values = Σ digit_k · 64^k."""
    columns: list[NDArray[np.int32]] = []
    while np.abs(values).max() > WEIGHT_MAX:
        lowest = (values + PAYLOAD_BASE // 2) % PAYLOAD_BASE - PAYLOAD_BASE // 2
        columns.append(lowest)
        values = (values - lowest) // PAYLOAD_BASE
    return np.concatenate([*columns, values], axis=1)


@singledispatch
def dynamics_of(node: nir.NIRNode, name: str, dt: float) -> Dynamics:
    """The dynamics of a spiking node, as the module's docstring has them."""
    raise NotImplementedError(type(node).__name__)


@dynamics_of.register
def _(node: nir.LIF, name: str, dt: float) -> Dynamics:
    decay = dt / node.tau
    return _checked(name, node, node.v_leak, Dynamics(decay * node.r, node.v_threshold, np.ones_like(decay), decay))


@dynamics_of.register
def _(node: nir.CubaLIF, name: str, dt: float) -> Dynamics:
    current_decay, decay = dt / node.tau_syn, dt / node.tau_mem
    gain = decay * node.r * current_decay * node.w_in
    return _checked(name, node, node.v_leak, Dynamics(gain, node.v_threshold, current_decay, decay))


@dynamics_of.register
def _(node: nir.IF, name: str, dt: float) -> Dynamics:
    dynamics = Dynamics(dt * node.r, node.v_threshold, np.ones_like(node.r), np.zeros_like(node.r))
    return _checked(name, node, node.v_reset, dynamics)  # type: ignore[arg-type]


@dynamics_of.register
def _(node: nir.Threshold, name: str, dt: float) -> Dynamics:
    one = np.ones_like(node.threshold)
    return _checked(name, node, np.zeros_like(one), Dynamics(one, node.threshold, one, one))


def _checked(name: str, node: nir.NIRNode, rest: Array, dynamics: Dynamics) -> Dynamics:
    """The dynamics with the threshold above rest, if Lava's own LIF, which resets to its rest, can have them."""
    reset = getattr(node, "v_reset", rest)
    if not np.allclose(reset, rest):
        raise InputError(f"node {name}: v_reset differs from v_leak; Lava's own LIF resets to its rest")
    above = dynamics.threshold - rest
    if (above <= 0).any():
        raise InputError(f"node {name}: a threshold is not above rest; Lava's own LIF fires on a positive threshold")
    return dynamics._replace(threshold=above)
