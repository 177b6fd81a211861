"""The ordinary network beside the spiking one: what a BERT of the same shape reaches, noted in the exported file.

Energies are compared with a BERT of the model's own shape. Reports say what that BERT is worth only if somebody trained
it: `spikebert-train teacher` on a BERT of as many layers, of the same width, on the same task.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from export.ir.graph import Attention, Graph
from spikebert.core import strict_json
from spikebert.core.errors import InputError
from spikebert.core.files import read_json, require_file

FIELD = "same_shape"


def with_same_shape(graph: Graph, run: str | Path) -> Graph:
    """The graph, which notes the accuracy of a BERT of its shape, and its score under the metric of the task.

    Args:
        run: the `--out` of the training of that BERT.
    Raises:
        InputError: no finished training of a BERT, one of another shape, or one that was measured on other texts.
    """
    folder = Path(run)
    config = read_json(folder / "model" / "config.json", "config of a trained BERT")
    shape = config.get("num_hidden_layers"), config.get("hidden_size")
    own = sum(isinstance(node, Attention) for node in graph), graph.nodes[0].width
    if shape != own:
        raise InputError(
            f"{folder}: a BERT of {shape[0]} layers of width {shape[1]}; the model has {own[0]} of width {own[1]}",
            field="same_shape",
        )
    result = _result(folder)
    training = graph.training
    # A regression has no majority class: whether the texts are the same is then not known.
    if not training or result["majority"] != training.get("majority"):
        raise InputError(f"{folder}: was measured on other texts than the model", field="same_shape")
    measured = training.get("metric") or result["metric"]
    if result["metric"] != measured:
        raise InputError(f"{folder}: measured by {result['metric']}, and the model by {measured}", field="same_shape")
    return replace(graph, metadata={**graph.metadata, "training": {**training, FIELD: result}})


def _result(folder: Path) -> dict[str, Any]:
    """The last line of the training's record."""
    lines = require_file(folder / "metrics.jsonl", "record of a training").read_bytes().splitlines()
    try:
        last = strict_json.loads(lines[-1])
        shares = {name: None if last[name] is None else float(last[name]) for name in ("accuracy", "majority")}
        return {**shares, "metric": str(last["metric"]), "score": float(last["score"])}
    except (LookupError, TypeError, ValueError):
        raise InputError(f"{folder}: holds no finished training of a teacher", field="same_shape") from None
