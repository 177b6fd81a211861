"""A run in the forms of other tools: each form a file beside our own, written by one module."""
