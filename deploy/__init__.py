"""Deployment: what an exported model needs of a Loihi-class system."""

import spikebert  # noqa: F401 - it takes the current folder off the path of `python -m`
