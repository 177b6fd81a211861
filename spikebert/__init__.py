"""SpikeBERT: a spiking transformer for text, distilled from BERT (Lv et al., arXiv 2308.15122).

Importing this package costs nothing: torch and transformers are loaded by the modules that need them.
"""

import sys
from pathlib import Path

__version__ = "0.1.0"

# `python -m` puts the current folder first, where a file may have the name of a module: json.py, random.py, numpy.py.
if sys.argv[:1] == ["-m"] and sys.path and Path(sys.path[0]).resolve() != Path(__file__).resolve().parents[1]:
    del sys.path[0]
