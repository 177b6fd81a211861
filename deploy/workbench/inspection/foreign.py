"""A NIR file of another tool, as a network that this program can run: its nodes with their parameters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nir
import numpy as np

from deploy.workbench.inspection.description import Description
from export.foreign import network
from spikebert.core.files import sha256


def describe_foreign(path: Path) -> Description:
    """The nodes in the order in which they are computed."""
    loaded = network.read(path)
    facts: dict[str, Any] = {
        "bytes": path.stat().st_size,
        "sha256": sha256(path),
        "nodes": len(loaded.nodes),
        "spiking_nodes": len(loaded.spiking),
        "spiking_neurons": sum(loaded.widths[name] for name in loaded.spiking),
        "synapses": sum(np.size(getattr(node, "weight", ())) for node in loaded.nodes.values()),
        "input_width": loaded.widths[loaded.source],
        "shortest_time_constant_seconds": loaded.shortest_time_constant,
        "feedback": [f"{s} → {name}" for name, sources in loaded.feedback.items() for s in sources],
    }
    rows = [_row(name, node, loaded) for name, node in loaded.nodes.items()]
    return Description(str(path), "NIR file of another tool", facts, {"layers": rows})


def _row(name: str, node: nir.NIRNode, loaded: network.Network) -> dict[str, Any]:
    weights = getattr(node, "weight", None)
    return {
        "name": name,
        "kind": type(node).__name__,
        "width": loaded.widths[name],
        "reads": [*loaded.inputs[name], *loaded.feedback.get(name, ())],
        "weights": _range(weights),
        "threshold": _range(getattr(node, "v_threshold", getattr(node, "threshold", None))),
        "tau": _range(getattr(node, "tau", getattr(node, "tau_mem", None))),
        "leak": _range(getattr(node, "v_leak", None)),
        "reset": _range(getattr(node, "v_reset", None)),
    }


def _range(values: np.ndarray | None) -> list[float] | None:
    return None if values is None or not np.size(values) else [float(np.min(values)), float(np.max(values))]
