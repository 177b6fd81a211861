"""The leaky integrate-and-fire neuron, all T steps in one call (paper, equations 1-4)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class _MultiStepLIF(torch.autograd.Function):
    """T steps of a LIF neuron as one autograd node: it keeps membranes and spikes alone and runs in place.

    A Python loop of snnTorch `Leaky` builds some ten autograd nodes a step and keeps as many tensors.
    """

    @staticmethod
    def forward(
        ctx, current: Tensor, given: Tensor | None, beta: float, threshold: float, alpha: float, zero_reset: bool
    ) -> Tensor:
        membrane = torch.empty_like(current)  # (T, ...)
        spikes = torch.empty_like(current) if given is None else given.clone()
        membrane[0] = current[0]
        if given is None:
            torch.ge(membrane[0], threshold, out=spikes[0])
        for t in range(1, current.shape[0]):
            if zero_reset:
                torch.addcmul(membrane[t - 1], membrane[t - 1], spikes[t - 1], value=-1, out=membrane[t])
                membrane[t].mul_(beta).add_(current[t])
            else:
                # Not `add(alpha=beta)`: a fused product would round otherwise than other tools' two operations.
                torch.mul(membrane[t - 1], beta, out=membrane[t])
                membrane[t].add_(current[t]).sub_(spikes[t - 1], alpha=threshold)
            if given is None:
                torch.ge(membrane[t], threshold, out=spikes[t])
        if ctx.needs_input_grad[0]:
            # The membranes have served: dS/dU takes their memory.
            ctx.save_for_backward(surrogate_gradient_(membrane.sub_(threshold), alpha), spikes)
        ctx.parameters = (beta, zero_reset)
        return spikes

    @staticmethod
    def backward(ctx, grad_spikes: Tensor):  # type: ignore[override]
        slope, spikes = ctx.saved_tensors
        beta, zero_reset = ctx.parameters
        grad = slope * grad_spikes
        for t in range(grad.shape[0] - 2, -1, -1):
            carried = grad[t + 1]
            if zero_reset:
                carried = carried * (1.0 - spikes[t])
            grad[t].add_(carried, alpha=beta)
        return grad, None, None, None, None, None


def surrogate_gradient_(distance: Tensor, alpha: float) -> Tensor:
    """dS/dU of the arctan surrogate (eq. 4): `(alpha/2) / (1 + (pi/2 · alpha · (U - U_thr))²)`.

    It takes the place of `distance`, U - U_thr.
    The same formula as `snntorch.surrogate.atan(alpha)`, which the tests hold it to.
    """
    return distance.mul_(math.pi / 2 * alpha).square_().add_(1.0).reciprocal_().mul_(alpha / 2)


def lif(
    current: Tensor,
    beta: float,
    threshold: float,
    alpha: float = 2.0,
    reset: str = "subtract",
    given: Tensor | None = None,
) -> Tensor:
    """Spikes of LIF neurons over T steps from rest.

    U_0 = I_0, and for t > 0
        reset "subtract":  U_t = I_t + beta · U_{t-1} - S_{t-1} · U_thr      (paper, eqs 1-3)
        reset "zero":      U_t = I_t + beta · U_{t-1} · (1 - S_{t-1})        (Lava's own LIF, and Loihi)
        S_t = 1 if U_t >= U_thr else 0

    The reset carries no gradient, as in snnTorch. snnTorch's `Leaky` is not used here: it compares with a strict >,
    and its "zero" mode drops the input of the step after a spike.

    Args:
        current: (T, ...) float, the input currents I.
        given: (T, ...) zeros and ones that take the place of S: quantisation-aware training puts the integer model's
            spikes here, and the gradient is that of the neuron that emitted them.
    Returns:
        (T, ...) zeros and ones of the same dtype.
    """
    return _MultiStepLIF.apply(current, given, beta, threshold, alpha, reset == "zero")  # type: ignore[return-value]


class Neurons(nn.Module):
    """Neurons as a module, (T, ...) currents to (T, ...) zeros and ones: the base of every kind.

    What is one has its spikes recorded (`recording.py`), and those of the integer model `given` to it.
    """

    given: Tensor | None = None  # see `lif`


class LIF(Neurons):
    """`lif` as a module."""

    def __init__(self, beta: float, threshold: float, alpha: float, reset: str):
        super().__init__()
        self.beta, self.threshold, self.alpha, self.reset = beta, threshold, alpha, reset

    def forward(self, current: Tensor) -> Tensor:
        if current.dtype is torch.bfloat16:  # of a product; spikes are decided in float32
            current = current.float()
        return lif(current, self.beta, self.threshold, self.alpha, self.reset, self.given)

    def extra_repr(self) -> str:
        return f"beta={self.beta}, threshold={self.threshold}, reset={self.reset}"
