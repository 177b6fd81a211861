"""Simulation of exported models: exact integers on NumPy and on Lava's own runtime, spike counts, energy reports."""
