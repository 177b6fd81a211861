"""Chips as data, and the mapping of a graph onto them: partition, placement, traffic, estimates."""
