"""Trained models on disk: `model.pt` (one file) and model directories in the manner of Hugging Face."""

from __future__ import annotations

import json
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from spikebert.config import SpikeBertConfig
from spikebert.errors import InputError
from spikebert.files import require_file, write_atomically
from spikebert.model import SpikeBertForSequenceClassification

FORMAT = "spikebert-model"
VERSION = 1
TRAINING_FILE = "training.json"


@dataclass(frozen=True)
class TrainedModel:
    """A model with all that is needed to use it."""

    model: SpikeBertForSequenceClassification
    tokenizer: str  # JSON text of the `tokenizers` library
    labels: list[str]
    training: dict[str, Any]  # provenance: task, teacher, seed, accuracy, ...


def save_model(trained: TrainedModel, path: Path) -> None:
    """Write `model.pt`: plain values and tensors, so that it loads with `weights_only=True`."""
    content = {
        "format": FORMAT,
        "version": VERSION,
        "config": json.loads(trained.model.config.to_json_string(use_diff=False)),
        "state_dict": {k: v.cpu().contiguous() for k, v in trained.model.state_dict().items()},
        "tokenizer": trained.tokenizer,
        "labels": list(trained.labels),
        "training": trained.training,
    }
    write_atomically(path, lambda temporary: torch.save(content, temporary))


def save_directory(trained: TrainedModel, folder: Path) -> None:
    """Write a model directory: config.json, model.safetensors, tokenizer.json, training.json."""
    config = trained.model.config
    config.id2label = dict(enumerate(trained.labels))
    config.label2id = {label: i for i, label in enumerate(trained.labels)}
    trained.model.save_pretrained(folder)
    (folder / "tokenizer.json").write_text(trained.tokenizer, "utf-8")
    (folder / TRAINING_FILE).write_text(json.dumps(trained.training, indent=1, ensure_ascii=False), "utf-8")


def load_model(path: str | Path) -> TrainedModel:
    """A model from `model.pt` or from a model directory; an InputError of one line for anything else."""
    path = Path(path)
    return _load_directory(path) if path.is_dir() else _load_file(path)


def load_tensors(path: Path, what: str) -> dict[str, Any]:
    """A dict that `torch.save` wrote, read with `weights_only=True`: no foreign pickle is ever executed."""
    require_file(path, what)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise InputError(
            f"{path}: holds Python objects and not only weights; it is no {what} of this project and was not executed"
        ) from None
    except (RuntimeError, EOFError, ValueError, KeyError, AttributeError, OSError) as error:
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise InputError(f"{path}: not a readable {what}, perhaps truncated ({reason})") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: not a {what} of this project")
    return content


def _load_file(path: Path) -> TrainedModel:
    content = load_tensors(path, "model")
    if content.get("format") != FORMAT:
        raise InputError(f"{path}: not a model that spikebert-train wrote")
    if content.get("version", 0) > VERSION:
        raise InputError(f"{path}: format version {content['version']} is newer than this program reads ({VERSION})")
    missing = [k for k in ("config", "state_dict", "tokenizer", "labels", "training") if k not in content]
    if missing:
        raise InputError(f"{path}: the field {missing[0]!r} is missing")
    try:
        model = SpikeBertForSequenceClassification(SpikeBertConfig(**content["config"]))
        model.load_state_dict(content["state_dict"])
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except (RuntimeError, TypeError, ValueError) as error:
        raise InputError(f"{path}: the weights do not fit the config ({' '.join(str(error).split())[:160]})") from None
    _check_finite(model, path)
    return TrainedModel(model.eval(), content["tokenizer"], list(content["labels"]), content["training"])


def _check_finite(model: SpikeBertForSequenceClassification, path: Path) -> None:
    for name, values in model.state_dict().items():
        if not torch.isfinite(values).all():
            raise InputError(
                f"{path}: {name} holds values that are not finite; the training failed or the file is damaged"
            )


def _load_directory(folder: Path) -> TrainedModel:
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        if not (folder / name).is_file():
            raise InputError(f"{folder}: not a model directory, {name} is missing")
    try:
        config = SpikeBertConfig.from_json_file(folder / "config.json")
        if config.model_type != SpikeBertConfig.model_type:
            raise InputError(f"{folder}: config.json is of a {config.model_type} model, not of a SpikeBERT")
        model = SpikeBertForSequenceClassification.from_pretrained(folder, config=config, local_files_only=True)
        tokenizer = (folder / "tokenizer.json").read_text("utf-8")
        notes = folder / TRAINING_FILE
        training = json.loads(notes.read_text("utf-8")) if notes.is_file() else {}
    except InputError:
        raise
    except Exception as error:  # safetensors and transformers raise many kinds; all mean that the folder is damaged
        raise InputError(f"{folder}: not a readable model directory ({' '.join(str(error).split())[:160]})") from None
    _check_finite(model, folder)
    labels = list((config.id2label or {}).values())
    return TrainedModel(model.eval(), tokenizer, labels, training)
