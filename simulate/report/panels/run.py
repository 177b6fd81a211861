"""Which model, which texts, which command: what is needed to repeat the run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from simulate.counts_schema import Shape
from simulate.report.content import Content
from simulate.report.panel import Panel, facts


def panel(content: Content) -> Panel:
    run, model, origin = content.run, content.run.model, content.run.origin
    known = [
        ("command", origin.command),
        ("backend", origin.backend),
        ("texts", f"{run.samples} from {origin.data}"),
        (
            "tokens",
            f"{run.tokens:,}: {run.tokens / run.samples:.1f} a text, from {min(run.lengths)} to {max(run.lengths)}",
        ),
        ("simulation", f"{origin.seconds:.3g} s"),
        ("model file", model.file),
        ("sha256", model.sha256),
        (
            "shape",
            f"{model.blocks} blocks, D = {model.hidden_size}, {_inside(model)}, {model.heads} heads, "
            f"vocabulary {model.vocabulary:,}, at most {model.max_tokens} tokens",
        ),
        ("time steps T", str(model.time_steps)),
        *([] if model.exit_margin is None else [("early exit", _early(content))]),
        ("norm, reset, weights", f"{model.norm}, {model.reset}, {model.weight_bits} bits"),
        ("labels", ", ".join(model.labels) or "none: it predicts a number"),
        ("versions", ", ".join(f"{name} {version}" for name, version in origin.versions.items())),
    ]
    tables = [facts("run", "Simulation and model", known)]
    if model.metadata:
        tables.append(facts("provenance", "Where the model comes from", list(_flat(model.metadata))))
    return Panel("run", "The run", tables=tuple(tables))


def _inside(model: Shape) -> str:
    return f"I = {model.intermediate_size}" if model.intermediate_size else "no MLP (BERT has one of I = 4 D)"


def _early(content: Content) -> str:
    run, margin = content.run, content.run.model.exit_margin
    return f"at a margin of {margin:,} logit units; {sum(run.steps) / run.samples:.2f} steps a text on average"


def _flat(data: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """`{"a": {"b": 1}}` → `("a.b", "1")`."""
    for key, value in data.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
