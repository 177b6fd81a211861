"""Lava, and whether it is there. Its makers archived it in May 2026; it installs on Python 3.10 alone."""

from __future__ import annotations

from importlib.util import find_spec

from spikebert.core.errors import InputError

# What one of its processes holds: a transformer block, a node of the graph, or what Lava's own Dense and LIF hold.
GRANULARITIES = BLOCK, LAYER, STOCK = "block", "layer", "stock"
MISSING = "Lava is not installed; it takes Python 3.10 and: pip install 'spikebert[lava]'"


def is_installed() -> bool:
    """Whether Lava can be imported; nothing of it is."""
    return find_spec("lava") is not None


def require() -> None:
    """An InputError where Lava is not installed."""
    if not is_installed():
        raise InputError(f"{MISSING}; the fast simulator is equal to it in every spike")
