"""SpikeBERT among the models that transformers knows: AutoConfig and AutoModelForSequenceClassification.

Nothing is imported for it. Where transformers loads one of its two tables of models, ours enters it; `install`, which
`import spikebert` calls, waits for that. No torch here.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

CONFIGS = "transformers.models.auto.configuration_auto"
MODELS = "transformers.models.auto.modeling_auto"
OURS = {CONFIGS: "spikebert.model.config", MODELS: "spikebert.model.model"}  # each enters itself when it is imported


def install() -> None:
    """Enter the tables that are loaded, and those that will be."""
    if not any(isinstance(finder, _Watch) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Watch())
    for table in OURS:
        if table in sys.modules:
            _enter(table)


def enter_config(config: type) -> None:
    """To be called when the class of the configuration is there."""
    auto = getattr(sys.modules.get(CONFIGS), "AutoConfig", None)
    if auto is not None:
        auto.register("spikebert", config, exist_ok=True)


def enter_model(config: type, model: type) -> None:
    """To be called when the class of the model is there."""
    auto = getattr(sys.modules.get(MODELS), "AutoModelForSequenceClassification", None)
    if auto is not None:
        auto.register(config, model, exist_ok=True)


def _enter(table: str) -> None:
    if find_spec("torch") is None and table == MODELS:
        return
    config = import_module(OURS[CONFIGS])
    if hasattr(config, "SpikeBertConfig"):  # or else it is being imported, and enters itself at its end
        enter_config(config.SpikeBertConfig)
    if table == MODELS:
        model = import_module(OURS[MODELS])
        if hasattr(model, "SpikeBertForSequenceClassification"):
            enter_model(config.SpikeBertConfig, model.SpikeBertForSequenceClassification)


class _Watch(MetaPathFinder):
    """Finds the two tables as everybody else does, and enters ours once they have been executed."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in OURS:
            return None
        others = (finder for finder in sys.meta_path if finder is not self and hasattr(finder, "find_spec"))
        spec = next(filter(None, (finder.find_spec(fullname, path, target) for finder in others)), None)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                execute(module)
                _enter(fullname)

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec
