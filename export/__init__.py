"""From a trained SpikeBERT to files that chips and other tools read: the integer graph and its formats."""

import spikebert  # noqa: F401 - it takes the current folder off the path of `python -m`
