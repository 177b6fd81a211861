"""Simulation of exported models: exact integers on NumPy and on Lava's own runtime, spike counts, energy reports."""

import spikebert  # noqa: F401 - it takes the current folder off the path of `python -m`
