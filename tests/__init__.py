"""The tests mirror the source tree; `random_graph` makes small models that need no training."""
