"""The network: its configuration, its layers, its files, and what is measured of a forward pass."""
