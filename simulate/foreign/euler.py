"""A NIR network of another tool in floating point: NIR's equations, discretised by forward Euler steps of length dt.

Each node is a pure function of what reaches it and of its state. All arrays are (B, D) float64.

    leak        v ← v + dt/tau · (v_leak - v + r x)
    synapse     i ← i + dt/tau_syn · (w_in x - i), and the membrane then integrates this new i
    spike       z = 1 where v > v_threshold, strictly, else 0
    reset       v ← v_reset where z

Neurons start at rest: v = v_leak; an IF and an I, which do not leak, at v_reset and at 0. Currents start at 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import singledispatch
from typing import Any

import nir
import numpy as np
from numpy.typing import NDArray

from export.foreign.network import Network
from spikebert.core.errors import InputError

Array = NDArray[np.float64]
State = tuple[Array, ...]
WHOLE = 1e-3  # how far a delay may lie from a whole number of steps
LONGEST_DELAY = 10_000  # steps


@dataclass(frozen=True)
class FloatRun:
    """What a network gave."""

    spikes: dict[str, NDArray[np.uint8]]  # (T, B, D) of each spiking node
    outputs: dict[str, Array]  # (T, B, D) of each Output


def run(network: Network, x: Array, dt: float, fired: Mapping[str, NDArray[np.uint8]] | None = None) -> FloatRun:
    """Run an input (T, B, D) through the network, in time steps of dt seconds.

    An edge of feedback carries the value of the step before; at first what its source gives while no neuron has fired.

    Args:
        fired: the spikes (T, B, D) of the spiking nodes, where others have computed them: what lies between and behind
            them is then computed from these.
    Raises:
        InputError: a time constant below dt, a delay that is no whole number of steps, or values beyond float64.
    """
    for name, node in network.nodes.items():
        _check_time(name, node, dt)
    batch = x.shape[1]
    states = {n: tuple(np.tile(s, (batch, 1)) for s in reset_state(node, dt)) for n, node in network.nodes.items()}
    values = _silence(network, batch, dt)
    spikes = {n: np.empty((len(x), batch, network.widths[n]), np.uint8) for n in network.spiking}
    outputs = {n: np.empty((len(x), batch, network.widths[n])) for n in network.outputs}
    for t in range(len(x)):
        before = values
        values = {network.source: x[t]}
        for name, node in network.nodes.items():
            if name == network.source:
                continue
            if fired and name in fired:
                values[name] = fired[name][t].astype(np.float64)
                continue
            try:
                with np.errstate(over="raise", invalid="raise"):
                    values[name], states[name] = step(node, _sum(network, name, values, before), states[name], dt)
            except FloatingPointError:
                raise InputError(f"node {name}: at step {t} its values grow beyond all bounds") from None
        for kept in (spikes, outputs):
            for name in kept:
                kept[name][t] = values[name]
    return FloatRun(spikes, outputs)


def _silence(network: Network, batch: int, dt: float) -> dict[str, Array]:
    """What each node gives while no neuron fires and nothing comes in: (B, D)."""
    values: dict[str, Array] = {}
    for name, node in network.nodes.items():
        values[name] = np.zeros((batch, network.widths[name]))
        if isinstance(node, (nir.LI, nir.CubaLI)):
            values[name] += node.v_leak
    for name in network.linear:
        values[name], _ = step(network.nodes[name], _sum(network, name, values, values), (), dt)
    return values


def _sum(network: Network, name: str, now: dict[str, Array], before: dict[str, Array]) -> Array:
    """What reaches a node: (B, D)."""
    reads = [now[s] for s in network.inputs[name]] + [before[s] for s in network.feedback.get(name, ())]
    return sum(reads[1:], reads[0])


@singledispatch
def reset_state(node: nir.NIRNode, dt: float) -> State:
    """The state (…, D) of a node before the first step."""
    return ()


@singledispatch
def step(node: nir.NIRNode, x: Array, state: State, dt: float) -> tuple[Array, State]:
    """One time step: (what reaches a node, its state) → (what it gives, its state)."""
    raise NotImplementedError(type(node).__name__)


def leak(v: Array, x: Array, tau: Array, r: Array, v_leak: Array, dt: float) -> Array:
    return v + np.minimum(dt / tau, 1) * (v_leak - v + r * x)


def synapse(i: Array, x: Array, tau_syn: Array, w_in: Array, dt: float) -> Array:
    return i + np.minimum(dt / tau_syn, 1) * (w_in * x - i)


def fire(v: Array, threshold: Array, v_reset: Array) -> tuple[Array, Array]:
    """(spikes, the membrane after the reset)"""
    z = v > threshold
    return z.astype(np.float64), np.where(z, v_reset, v)


@step.register
def _(node: nir.Affine, x: Array, state: State, dt: float) -> tuple[Array, State]:
    return x @ node.weight.T + node.bias, state


@step.register
def _(node: nir.Linear, x: Array, state: State, dt: float) -> tuple[Array, State]:
    return x @ node.weight.T, state


@step.register
def _(node: nir.Scale, x: Array, state: State, dt: float) -> tuple[Array, State]:
    return x * node.scale, state


@step.register
def _(node: nir.Output, x: Array, state: State, dt: float) -> tuple[Array, State]:
    return x, state


@step.register
def _(node: nir.Threshold, x: Array, state: State, dt: float) -> tuple[Array, State]:
    return (x > node.threshold).astype(np.float64), state


@reset_state.register
def _(node: nir.I, dt: float) -> State:
    return (np.zeros_like(node.r),)


@step.register
def _(node: nir.I, x: Array, state: State, dt: float) -> tuple[Array, State]:
    v = state[0] + dt * node.r * x
    return v, (v,)


@reset_state.register
def _(node: nir.IF, dt: float) -> State:
    return (node.v_reset,)  # type: ignore[return-value]


@step.register
def _(node: nir.IF, x: Array, state: State, dt: float) -> tuple[Array, State]:
    z, v = fire(state[0] + dt * node.r * x, node.v_threshold, node.v_reset)  # type: ignore[arg-type]
    return z, (v,)


@reset_state.register(nir.LI)
@reset_state.register(nir.LIF)
def _(node: Any, dt: float) -> State:
    return (node.v_leak,)


@step.register
def _(node: nir.LI, x: Array, state: State, dt: float) -> tuple[Array, State]:
    v = leak(state[0], x, node.tau, node.r, node.v_leak, dt)
    return v, (v,)


@step.register
def _(node: nir.LIF, x: Array, state: State, dt: float) -> tuple[Array, State]:
    v = leak(state[0], x, node.tau, node.r, node.v_leak, dt)
    z, v = fire(v, node.v_threshold, node.v_reset)  # type: ignore[arg-type]
    return z, (v,)


@reset_state.register(nir.CubaLI)
@reset_state.register(nir.CubaLIF)
def _(node: Any, dt: float) -> State:
    return np.zeros_like(node.v_leak), node.v_leak


@step.register
def _(node: nir.CubaLI, x: Array, state: State, dt: float) -> tuple[Array, State]:
    i = synapse(state[0], x, node.tau_syn, node.w_in, dt)
    v = leak(state[1], i, node.tau_mem, node.r, node.v_leak, dt)
    return v, (i, v)


@step.register
def _(node: nir.CubaLIF, x: Array, state: State, dt: float) -> tuple[Array, State]:
    i = synapse(state[0], x, node.tau_syn, node.w_in, dt)
    v = leak(state[1], i, node.tau_mem, node.r, node.v_leak, dt)
    z, v = fire(v, node.v_threshold, node.v_reset)  # type: ignore[arg-type]
    return z, (i, v)


def delay_steps(node: nir.Delay, dt: float) -> NDArray[np.int64]:
    """(D,): the whole steps by which a Delay holds each feature back."""
    return np.rint(node.delay / dt).astype(np.int64)


@reset_state.register
def _(node: nir.Delay, dt: float) -> State:
    return tuple(np.zeros(len(node.delay)) for _ in range(delay_steps(node, dt).max()))


@step.register
def _(node: nir.Delay, x: Array, state: State, dt: float) -> tuple[Array, State]:
    past = (*state, x)  # oldest first
    y = np.stack(past)[-1 - delay_steps(node, dt), :, np.arange(x.shape[1])].T
    return y, past[1:]


def _check_time(name: str, node: nir.NIRNode, dt: float) -> None:
    """The Euler step must not be longer than a time constant, and a delay must be steps."""
    for field in ("tau", "tau_syn", "tau_mem"):
        tau = getattr(node, field, None)
        if tau is not None and tau.min() < dt * (1 - 1e-6):
            raise InputError(
                f"node {name}: {field} {tau.min():.6g} s is shorter than the time step {dt:g} s; give a shorter --dt"
            )
    if isinstance(node, nir.Delay):
        steps = node.delay / dt
        if np.abs(steps - np.rint(steps)).max() > WHOLE or steps.max() > LONGEST_DELAY:
            raise InputError(f"node {name}: a delay is not a whole number (to {LONGEST_DELAY}) of steps of {dt:g} s")
