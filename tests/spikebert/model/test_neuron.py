"""The float neuron against a loop, against eq. 4, and against snnTorch."""

import math

import pytest
import snntorch
import torch
from snntorch import surrogate

from spikebert.model.neuron import lif, surrogate_gradient_

GRID = torch.arange(-2, 3) / 2.0  # currents on a grid, with a threshold on it: membranes meet the threshold exactly


def loop(current, beta, threshold, reset):
    """Equations 1-3 as they are written, one neuron at a time."""
    spikes = torch.zeros_like(current)
    for neuron in range(current.shape[1]):
        u = s = 0.0
        for t in range(current.shape[0]):
            u = beta * u - s * threshold if reset == "subtract" else beta * u * (1 - s)
            u += float(current[t, neuron])
            s = 1.0 if u >= threshold else 0.0
            spikes[t, neuron] = s
    return spikes


@pytest.mark.parametrize("reset", ["subtract", "zero"])
@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0])
def test_the_multi_step_neuron_equals_the_loop_also_at_the_threshold(reset, beta):
    torch.manual_seed(0)
    current = GRID[torch.randint(0, 5, (6, 500))] + 0.5
    spikes = lif(current, beta, 1.0, reset=reset)
    assert torch.equal(spikes, loop(current, beta, 1.0, reset))
    assert 0.05 < spikes.mean() < 0.95


def test_a_membrane_at_the_threshold_fires():
    assert lif(torch.tensor([[1.0], [0.0]]), 0.9, 1.0).flatten().tolist() == [1.0, 0.0]


def test_subtracting_keeps_what_exceeds_the_threshold_and_zero_drops_it():
    current = torch.tensor([[1.9], [0.4]])
    assert lif(current, 1.0, 1.0, reset="subtract").flatten().tolist() == [1.0, 1.0]
    assert lif(current, 1.0, 1.0, reset="zero").flatten().tolist() == [1.0, 0.0]


def test_it_equals_snntorchs_leaky_where_no_membrane_meets_the_threshold():
    torch.manual_seed(0)
    current = torch.randn(8, 1000)
    leaky = snntorch.Leaky(beta=0.9, threshold=1.0, reset_mechanism="subtract", spike_grad=surrogate.atan(2.0))
    membrane, theirs = leaky.init_leaky(), []
    for step in current:
        spikes, membrane = leaky(step, membrane)
        theirs.append(spikes)
    assert torch.equal(lif(current, 0.9, 1.0), torch.stack(theirs))


@pytest.mark.parametrize("alpha", [1.0, 2.0, 5.0])
def test_the_surrogate_is_equation_4_and_snntorchs_arctan(alpha):
    u = torch.linspace(-3, 3, 61, requires_grad=True)
    surrogate.atan(alpha)(u).sum().backward()
    ours = surrogate_gradient_(u.detach().clone(), alpha)
    written_out = [alpha / 2 / (1 + (math.pi / 2 * alpha * float(x)) ** 2) for x in u]
    assert torch.allclose(ours, u.grad)
    assert torch.allclose(ours, torch.tensor(written_out))


@pytest.mark.parametrize("reset", ["subtract", "zero"])
def test_its_gradient_equals_autograd_through_the_loop(reset):
    torch.manual_seed(0)
    current = torch.randn(5, 40, dtype=torch.double, requires_grad=True)
    weight = torch.randn(5, 40, dtype=torch.double)
    (ours,) = torch.autograd.grad((lif(current, 0.9, 1.0, reset=reset) * weight).sum(), current)
    fire, u, s, total = surrogate.atan(2.0), torch.zeros(40, dtype=torch.double), torch.zeros(40).double(), 0.0
    for t in range(5):
        s = s.detach()
        u = current[t] + (0.9 * u - s if reset == "subtract" else 0.9 * u * (1 - s))
        s = fire(u - 1.0)
        total = total + (s * weight[t]).sum()
    (theirs,) = torch.autograd.grad(total, current)
    assert torch.allclose(ours, theirs)
