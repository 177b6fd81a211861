"""Recording of the spikes of every neuron layer, by forward hooks that exist only while one records."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn

from spikebert.model.neuron import Neurons


@contextmanager
def record_spikes(model: nn.Module, attached: bool = False) -> Iterator[dict[str, Tensor]]:
    """Within the context, each forward pass puts `{layer name: spikes (T, M, D)}` into the dict that it gives.

    The names are the module paths (`blocks.0.mlp.up.lif`), which are also the node names of the exported graph.
    With `attached` gradients flow back through them.
    """
    spikes: dict[str, Tensor] = {}

    def keep(name: str):
        return lambda _module, _inputs, output: spikes.__setitem__(name, output if attached else output.detach())

    hooks = [m.register_forward_hook(keep(name)) for name, m in model.named_modules() if isinstance(m, Neurons)]
    try:
        yield spikes
    finally:
        for hook in hooks:
            hook.remove()
