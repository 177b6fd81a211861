"""A trained float model, `model.pt` or a model folder. It takes torch to read one."""

from __future__ import annotations

from pathlib import Path

from deploy.workbench.inspection.description import Description
from deploy.workbench.inspection.provenance import origin
from spikebert.data.metrics import noted
from spikebert.model.checkpoint import load_model


def describe_trained(path: Path) -> Description:
    """Shape, neurons, labels and training of a float model, and a row for each of its tensors."""
    trained = load_model(path)
    config = trained.model.config
    facts = {
        "task": trained.training.get("task"),
        "labels": trained.labels,
        "predicts": "a label" if trained.labels else "a number",
        "metric": str(noted(trained.training, trained.labels)),
        "time_steps": config.time_steps,
        "max_tokens": config.max_tokens,
        "blocks": config.num_hidden_layers,
        "width": config.hidden_size,
        "mlp_width": 0 if config.attention_only else config.intermediate_size,
        "heads": config.num_attention_heads,
        "norm": config.norm,
        "residual": config.residual,
        "reset": config.reset,
        "beta": config.beta,
        "threshold": config.threshold,
        "vocabulary": config.vocab_size,
        "parameters": trained.model.num_parameters(),
        **origin({"training": trained.training}),
    }
    rows = [
        {"name": name, "shape": " × ".join(map(str, values.shape)) or "1", "range": _range(values)}
        for name, values in trained.model.state_dict().items()
    ]
    return Description(str(path), "trained SpikeBERT, a float model", facts, {"parameters_by_name": rows})


def _range(values) -> list[float] | None:
    return None if not values.numel() else [round(float(values.min()), 4), round(float(values.max()), 4)]
