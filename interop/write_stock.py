"""Networks that other tools train, written to NIR by those tools themselves, with the spikes that they then compute.

    python interop/write_stock.py FOLDER TOOL...        TOOL: snntorch, norse, spikingjelly

For each case FOLDER gets CASE.nir and CASE.npz: `input` (T, B, D); `layer_0`, `layer_1`, … (T, B, D), the spikes of the
neuron layers in order, or the membranes of such that do not fire; `dt`, the time step to read the file with. It runs in
any environment that holds the tools, and imports nothing of this project.
"""

from __future__ import annotations

import sys
from pathlib import Path

import nir
import numpy as np
import torch

STEPS, BATCH, INPUTS, HIDDEN, OUTPUTS = 40, 3, 12, 10, 5


def filled(size: int, value: float) -> torch.Tensor:
    return torch.full((size,), value)


def spread(size: int, low: float, high: float) -> torch.Tensor:
    return torch.linspace(low, high, size)


def weighted(inputs: int, outputs: int, bias: bool = True) -> torch.nn.Linear:
    """A layer whose neurons neither fall silent nor fire always."""
    layer = torch.nn.Linear(inputs, outputs, bias=bias)
    torch.nn.init.normal_(layer.weight, 0.15, 0.5)
    return layer


class Recorded:
    """What the given modules give at each step; of a tuple the first."""

    def __init__(self, modules: list[torch.nn.Module]):
        self.trains: list[list[np.ndarray]] = [[] for _ in modules]
        for train, module in zip(self.trains, modules, strict=True):
            module.register_forward_hook(lambda _module, _inputs, out, train=train: train.append(self._first(out)))

    @staticmethod
    def _first(out) -> np.ndarray:
        return (out[0] if isinstance(out, tuple) else out).detach().numpy().copy()


def write(folder: Path, case: str, graph, x: torch.Tensor, recorded: Recorded, dt: float) -> None:
    nir.write(folder / f"{case}.nir", graph)
    layers = {f"layer_{i}": np.array(train) for i, train in enumerate(recorded.trains)}
    np.savez(folder / f"{case}.npz", input=x.numpy().reshape(STEPS, BATCH, -1), dt=dt, **layers)


def spikes_in(*shape: int) -> torch.Tensor:
    return (torch.rand(STEPS, BATCH, *(shape or (INPUTS,))) < 0.4).float()


# --- snnTorch: its export wants beta and threshold as tensors of full size, and keeps no reset mode ------------------


def snntorch_feedforward(folder: Path, case: str, reset: str, delay: bool = False) -> None:
    import snntorch as snn
    from snntorch.export_nir import export_to_nir

    settings = dict(reset_mechanism=reset, reset_delay=delay, init_hidden=True)
    leaky = snn.Leaky(beta=filled(HIDDEN, 0.9), threshold=filled(HIDDEN, 1.0), **settings)
    alpha, beta = filled(OUTPUTS, 0.6), filled(OUTPUTS, 0.8)
    synaptic = snn.Synaptic(alpha=alpha, beta=beta, threshold=filled(OUTPUTS, 1.5), **settings)
    flat = torch.nn.Flatten()
    net = torch.nn.Sequential(flat, weighted(INPUTS, HIDDEN), leaky, weighted(HIDDEN, OUTPUTS, bias=False), synaptic)
    x = spikes_in(3, 4)
    graph = export_to_nir(net, x[0], ignore_dims=[0])
    leaky.reset_mem()
    synaptic.reset_mem()
    recorded = Recorded([leaky, synaptic])
    for frame in x:
        net(frame)
    write(folder, case, graph, x, recorded, 1e-4)


def snntorch_recurrent(folder: Path, case: str) -> None:
    import snntorch as snn
    from snntorch.export_nir import export_to_nir

    settings = dict(reset_mechanism="zero", reset_delay=False, init_hidden=True)
    beta, threshold = spread(HIDDEN, 0.6, 0.9), filled(HIDDEN, 1.0)
    recurrent = snn.RLeaky(beta=beta, threshold=threshold, linear_features=HIDDEN, **settings)
    leaky = snn.Leaky(beta=filled(OUTPUTS, 0.8), threshold=filled(OUTPUTS, 1.0), **settings)
    net = torch.nn.Sequential(weighted(INPUTS, HIDDEN), recurrent, weighted(HIDDEN, OUTPUTS), leaky)
    x = spikes_in()
    graph = export_to_nir(net, x[0], ignore_dims=[0])
    recurrent.reset_mem()
    leaky.reset_mem()
    recorded = Recorded([recurrent, leaky])
    for frame in x:
        net(frame)
    write(folder, case, graph, x, recorded, 1e-4)


# --- Norse: its export multiplies time constants by its own argument dt, 1e-3 unless told otherwise -----------------


def norse_network(folder: Path, case: str, first, last, export_dt: float, dt: float) -> None:
    import norse.torch as norse
    from norse.torch.utils.export_nir import to_nir

    net = norse.SequentialState(weighted(INPUTS, HIDDEN), first, weighted(HIDDEN, OUTPUTS), last)
    x = 3 * spikes_in()
    graph = to_nir(net, x[0, :1], dt=export_dt)
    recorded = Recorded([first, last])
    state = None
    for frame in x:
        _, state = net(frame, state)
    write(folder, case, graph, x, recorded, dt)


def norse_lif(size: int, fastest: float = 400.0, leak: float = 0.05):
    import norse.torch as norse

    rates = spread(size, 100.0, fastest)
    return norse.LIFBoxCell(
        norse.LIFBoxParameters(tau_mem_inv=rates, v_th=filled(size, 0.3), v_leak=filled(size, leak))
    )


def norse_readout(size: int):
    import norse.torch as norse

    return norse.LIBoxCell(norse.LIBoxParameters(tau_mem_inv=filled(size, 200.0), v_leak=filled(size, 0.0)))


def norse_integrator(size: int):
    import norse.torch as norse

    return norse.IAFCell(norse.IAFParameters(v_th=filled(size, 3.0)))


def norse_current_based(size: int):
    import norse.torch as norse

    parameters = norse.LIFParameters(
        tau_syn_inv=filled(size, 300.0),
        tau_mem_inv=filled(size, 200.0),
        v_th=filled(size, 0.3),
        v_leak=filled(size, 0.0),
    )
    return norse.LIFCell(parameters)


# --- SpikingJelly: fires at v >= threshold, which differs from > where v lies on the threshold ----------------------


def spikingjelly_network(folder: Path, case: str, first, last, whole: bool = False) -> None:
    from spikingjelly.activation_based import functional, layer
    from spikingjelly.activation_based.nir_exchange import export_to_nir

    net = torch.nn.Sequential(layer.Linear(INPUTS, HIDDEN), first, layer.Linear(HIDDEN, OUTPUTS, bias=False), last)
    for linear in (net[0], net[2]):
        torch.nn.init.normal_(linear.weight, 0.15, 0.5)
        if whole:
            linear.weight.data = (2 * linear.weight.data).round()
    if whole:
        net[0].bias.data.zero_()
    x = spikes_in()
    graph = export_to_nir(net, x[0])
    functional.reset_net(net)
    recorded = Recorded([first, last])
    with torch.no_grad():
        for frame in x:
            net(frame)
    write(folder, case, graph, x, recorded, 1e-4)


def snntorch_cases(folder: Path) -> None:
    snntorch_feedforward(folder, "snntorch-zero", "zero")
    snntorch_feedforward(folder, "snntorch-subtract", "subtract")
    snntorch_feedforward(folder, "snntorch-reset-delay", "zero", delay=True)
    snntorch_recurrent(folder, "snntorch-recurrent")


def norse_cases(folder: Path) -> None:
    norse_network(folder, "norse-lif", norse_lif(HIDDEN), norse_lif(OUTPUTS), export_dt=1.0, dt=1e-3)
    first, last = norse_lif(HIDDEN, 100.0, 0.0), norse_lif(OUTPUTS, 100.0, 0.0)
    norse_network(folder, "norse-lif-default", first, last, export_dt=1e-3, dt=1e-6)
    norse_network(folder, "norse-if", norse_integrator(HIDDEN), norse_integrator(OUTPUTS), export_dt=1.0, dt=1.0)
    norse_network(folder, "norse-lif-li", norse_lif(HIDDEN), norse_readout(OUTPUTS), export_dt=1.0, dt=1e-3)
    first, last = norse_current_based(HIDDEN), norse_lif(OUTPUTS)
    norse_network(folder, "norse-cubalif", first, last, export_dt=1.0, dt=1e-3)


def spikingjelly_cases(folder: Path) -> None:
    from spikingjelly.activation_based.neuron import CUBALIFNode, IFNode, LIFNode, ParametricLIFNode

    spikingjelly_network(folder, "spikingjelly-lif-if", LIFNode(tau=2.5, v_threshold=0.4), IFNode(v_threshold=2.0))
    biased = LIFNode(tau=3.0, decay_input=False, v_threshold=1.0, v_reset=0.1)
    spikingjelly_network(folder, "spikingjelly-cubalif", biased, CUBALIFNode(0.5, 0.75, v_threshold=0.5))
    parametric, current_based = ParametricLIFNode(init_tau=2.0, v_threshold=0.4), CUBALIFNode(v_reset=0.3)
    spikingjelly_network(folder, "spikingjelly-cubalif-reset", parametric, current_based)
    ties = IFNode(v_threshold=2.0), IFNode(v_threshold=2.0)
    spikingjelly_network(folder, "spikingjelly-on-the-threshold", *ties, whole=True)


CASES = {"snntorch": snntorch_cases, "norse": norse_cases, "spikingjelly": spikingjelly_cases}

if __name__ == "__main__":
    for tool in sys.argv[2:]:
        torch.manual_seed(0)
        CASES[tool](Path(sys.argv[1]))
