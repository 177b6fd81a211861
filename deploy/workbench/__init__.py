"""What a person works with: the Python API and the one tree of commands, above all other packages."""

import spikebert  # noqa: F401 - it takes the current folder off the path of `python -m`
