"""Folders that the commands write: runs, trainings, models, stages, bundles, mappings."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from deploy.bundle import manifest
from deploy.workbench.inspection.description import Description
from deploy.workbench.inspection.graph import describe_file as describe_graph
from export.formats import netx_manifest, stages_manifest
from simulate import mapping_schema
from simulate.energy.accountings import compare
from simulate.energy.record import read_run
from simulate.report import forms
from spikebert.core.errors import InputError
from spikebert.core.files import read_json
from spikebert.training.teacher_folder import CONFIG


def describe_run(folder: Path) -> Description:
    """A run of spikebert-simulate: where it ran, how well, what it spent."""
    run = read_run(folder)
    energy = {
        each.spiking.name: f"{forms.spans(forms.short)([run.microjoules(each.spiking.span)])[0]} µJ a text, "
        f"{forms.shares([each.ratio_span])[0]} of a BERT of the same shape"
        for each in compare(run)
    }
    facts = {
        "model": run.model.file,
        "model_sha256": run.model.sha256,
        "labels": run.model.labels,
        "backend": run.origin.backend,
        "data": run.origin.data,
        "samples": run.samples,
        "tokens": run.tokens,
        "accuracy": run.accuracy,
        "metric": run.metric,
        "score": run.score,
        "interval": run.interval,
        "majority": run.majority,
        "firing_rate": run.rate,
        "seconds": run.origin.seconds,
        "command": run.origin.command,
        "recorded": [name for name in ("trace.npz", "spikes.npz") if (folder / name).exists()],
        "energy": energy,
    }
    rows = [
        {
            "name": layer.name,
            "neurons": layer.width,
            "spikes_a_text": layer.spikes / run.samples,
            "firing_rate": layer.rate,
            "dead": layer.dead,
            "saturated": layer.saturated,
        }
        for layer in run.layers
    ]
    return Description(str(folder), "run of spikebert-simulate", facts, {"layers": rows})


def describe_foreign_run(folder: Path) -> Description:
    """A run of a NIR file of another tool; see docs/foreign-nir.md for the fields."""
    counts = _fields(folder / "counts.json", "run", ("samples", "layers"))
    facts = {name: value for name, value in counts.items() if not isinstance(value, (list, dict))}
    layers = [row for row in counts["layers"] if isinstance(row, dict)]
    shown = [{key: row.get(key) for key in ("name", "kind", "width", "spikes", "rate")} for row in layers]
    return Description(str(folder), "run of a NIR file of another tool", facts, {"layers": shown})


def describe_stages(folder: Path) -> Description:
    """The stages of `--to nir-stages`: what runs in a file, and what the host does."""
    found = stages_manifest.read(folder)
    names = ("writer", "graph_checksum", "time_steps", "max_tokens", "labels", "dt", "feeding")
    rows = [
        _host_part(step.node, step.inputs)
        if isinstance(step, stages_manifest.HostStep)
        else {"computed_by": step.stage, "nodes": step.nodes, "reads": step.input}
        for step in found.steps
    ]
    facts = {name: getattr(found, name) for name in names}
    return Description(str(folder), "stages in stock NIR", facts, {"parts": rows})


def describe_nets(folder: Path) -> Description:
    """The networks of `--to netx`: what runs in a file, and what the host does."""
    found = netx_manifest.read(folder)
    facts = {name: getattr(found, name) for name in ("writer", "graph_checksum", "time_steps", "feeding")}
    rows = [{"computed_by": net.file, "nodes": net.nodes, "reads": net.input} for net in found.nets]
    rows += [_host_part(left.node, left.inputs) for left in found.left_out]
    return Description(str(folder), "networks for lava-dl's netx", facts, {"parts": rows})


def _host_part(node: str, inputs: list[str]) -> dict[str, Any]:
    return {"computed_by": "the host", "nodes": [node], "reads": inputs}


def describe_bundle(folder: Path) -> Description:
    """A bundle: what its manifest says, and all of its model. `spikebert verify-bundle` proves both."""
    found = asdict(manifest.read(folder))
    model = describe_graph(folder / "model.nir")
    stated = {name: found[name] for name in ("writer", "licence", "chip", "golden", "left_out")}
    return Description(str(folder), "bundle for a hardware team", {**model.facts, **stated}, model.tables)


def describe_mapping(folder: Path) -> Description:
    """A mapping of spikebert-deploy: cores, chips, and what they would take."""
    record = mapping_schema.read(folder / mapping_schema.FILE)
    names = ("system", "strategy", "tokens", "time_steps", "cores_used", "chips_used", "host_layers", "model_sha256")
    facts = {name: getattr(record, name) for name in names}
    facts["estimate"] = {
        name: value for name, value in vars(record.estimate).items() if name not in ("passes", "picojoules")
    }
    names = ("population", "role", "cores", "neurons", "synapse_bytes", "state_bytes", "bound_by")
    rows = [{name: getattr(layer, name) for name in names} for layer in record.layers]
    return Description(str(folder), "mapping onto chips", facts, {"layers": rows})


def describe_ngrams(folder: Path) -> Description:
    """A teacher of character n-grams: which labels it knows, and how large it is."""
    config = _fields(folder / CONFIG, "config", ("labels", "terms", "longest"))
    terms = config["terms"] if isinstance(config["terms"], list) else []
    facts = {
        "labels": config["labels"],
        "n_grams": len(terms),
        "longest": config["longest"],
        "teaches": "beside the BERT whose tokens it reads: spikebert-train --more-teachers",
    }
    return Description(str(folder), "teacher of character n-grams, a logistic regression", facts)


def describe_training(folder: Path) -> Description:
    """The folder of a training: its settings, whether it is finished, and the model that it left."""
    settings = _fields(folder / "settings.json", "record of settings", ("task", "seed"))
    names = ("kind", "task", "teacher", "preset", "norm", "reset", "residual", "time_steps", "epochs", "seed")
    facts: dict[str, Any] = {name: settings[name] for name in names if settings.get(name) is not None}
    model = folder / "model.pt"
    facts["finished"] = model.exists() or (folder / "model").is_dir()
    if not model.exists():
        return Description(str(folder), "training of spikebert-train", facts)
    from deploy.workbench.inspection.trained import describe_trained

    found = describe_trained(model)
    return Description(str(folder), "training of spikebert-train", {**facts, **found.facts}, found.tables)


def _fields(path: Path, what: str, names: tuple[str, ...]) -> dict[str, Any]:
    """The JSON object in a file, which must have these fields."""
    content = read_json(path, what)
    for name in names:
        if name not in content:
            raise InputError(f"{path}: the {what} has no field {name!r}")
    return content
