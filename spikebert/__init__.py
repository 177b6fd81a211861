"""SpikeBERT: a spiking transformer for text, distilled from BERT (Lv et al., arXiv 2308.15122), down to a chip.

    import spikebert
    model = spikebert.load("model.nir")                       # the integer model; no torch
    model.predict(["what a lovely morning"])
    run = model.simulate(["what a lovely morning"])           # rates, counts, spikes, energy

Importing this package costs nothing: what a name needs is loaded when the name is used, torch among it.
"""

import sys
from pathlib import Path

# `python -m` puts the current folder first, where a file may have the name of a module: json.py, random.py, numpy.py.
if sys.argv[:1] == ["-m"] and sys.path and Path(sys.path[0]).resolve() != Path(__file__).resolve().parents[1]:
    del sys.path[0]

from importlib import import_module
from typing import TYPE_CHECKING, Any

from spikebert.model import registry

if TYPE_CHECKING:
    from deploy.workbench.doors import Pipeline as Pipeline
    from deploy.workbench.doors import load as load
    from deploy.workbench.doors import pipeline as pipeline
    from deploy.workbench.doors import train as train
    from deploy.workbench.inspection.inspect import inspect as inspect
    from deploy.workbench.model import Model as Model
    from deploy.workbench.trained import Trained as Trained
    from simulate.run import Run as Run
    from spikebert.core.errors import InputError as InputError
    from spikebert.core.errors import RunError as RunError

__version__ = "0.2.0"

PUBLIC = {  # each name and where it is
    "load": "deploy.workbench.doors",
    "train": "deploy.workbench.doors",
    "pipeline": "deploy.workbench.doors",
    "inspect": "deploy.workbench.inspection.inspect",
    "Model": "deploy.workbench.model",
    "Trained": "deploy.workbench.trained",
    "Pipeline": "deploy.workbench.doors",
    "Run": "simulate.run",
    "InputError": "spikebert.core.errors",
    "RunError": "spikebert.core.errors",
}
__all__ = [  # spelled out, for type checkers
    "InputError",
    "Model",
    "Pipeline",
    "Run",
    "RunError",
    "Trained",
    "__version__",
    "inspect",
    "load",
    "pipeline",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in PUBLIC:
        raise AttributeError(f"module 'spikebert' has no attribute {name!r}; it has {', '.join(PUBLIC)}")
    return getattr(import_module(PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *PUBLIC})


registry.install()  # transformers knows the model once it is imported, before or after
