"""Trained models on disk: `model.pt` (one file) and model directories in the manner of Hugging Face."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from spikebert.core.errors import InputError, is_unicode, reason_of
from spikebert.core.files import Kind, names_format, read_json, write_atomically, write_folder_atomically
from spikebert.data.tokenizing import require_loadable
from spikebert.model.card import card
from spikebert.model.config import SpikeBertConfig
from spikebert.model.model import SpikeBertForSequenceClassification
from spikebert.model.outputs import REGRESSION, name_outputs
from spikebert.model.pretrained import save_pretrained
from spikebert.model.torch_file import read_tensors

FORMAT = "spikebert-model"
VERSION = 1
WEIGHTS, TRAINING_FILE = "model.safetensors", "training.json"
FOLDER = Kind(
    "a model of spikebert-train",
    ("config.json", WEIGHTS, "tokenizer.json", "tokenizer_config.json", TRAINING_FILE, "README.md"),
    names_format(SpikeBertConfig.model_type, field="model_type"),
)


@dataclass(frozen=True)
class TrainedModel:
    """A model with all that is needed to use it."""

    model: SpikeBertForSequenceClassification
    tokenizer: str  # JSON text of the `tokenizers` library
    labels: list[str]  # none of a regression, which predicts a number
    training: dict[str, Any]  # provenance: task, teacher, seed, accuracy, ...


def save_model(trained: TrainedModel, path: Path) -> None:
    """Write `model.pt`: plain values and tensors, as `spikebert.model.torch_file` reads them."""
    content = {
        "format": FORMAT,
        "version": VERSION,
        "config": json.loads(trained.model.config.to_json_string(use_diff=False)),
        "state_dict": {k: v.cpu().contiguous() for k, v in trained.model.state_dict().items()},
        "tokenizer": trained.tokenizer,
        "labels": list(trained.labels),
        "training": trained.training,
    }
    write_tensors(path, content)


def save_directory(trained: TrainedModel, folder: Path) -> None:
    """Write a model directory, whole or not at all: config.json, model.safetensors, the tokenizer, training.json, and a
    card, README.md. After `import spikebert`, transformers reads it as it reads its own.
    """
    config = trained.model.config
    name_outputs(config, trained.labels)

    def fill(folder: Path) -> None:
        save_pretrained(folder, trained.model)
        (folder / "tokenizer.json").write_text(trained.tokenizer, "utf-8")
        (folder / "tokenizer_config.json").write_text(json.dumps(_tokenizer_config(trained), indent=1), "utf-8")
        (folder / "README.md").write_text(card(config, list(trained.labels), trained.training), "utf-8")
        (folder / TRAINING_FILE).write_text(json.dumps(trained.training, indent=1, ensure_ascii=False), "utf-8")

    write_folder_atomically(folder, FOLDER, fill, _size(trained.model.state_dict()))


def _tokenizer_config(trained: TrainedModel) -> dict[str, Any]:
    """What AutoTokenizer asks of a tokenizer. Any token can fill a batch: the model does not look at it."""
    vocabulary = json.loads(trained.tokenizer).get("model", {}).get("vocab", {})
    words = vocabulary if isinstance(vocabulary, dict) else {}
    padding = "[PAD]" if "[PAD]" in words else min(words, key=words.__getitem__, default=None)
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": trained.model.config.max_tokens,
        "pad_token": padding,
        "model_input_names": ["input_ids", "attention_mask"],
    }


def write_tensors(path: Path, content: dict[str, Any]) -> None:
    """`torch.save`, whole or not at all: plain values and tensors, perhaps in lists and dicts."""
    write_atomically(path, lambda temporary: torch.save(content, temporary), _size(content))


def _size(content: Any) -> int:
    """Bytes of all tensors in a value."""
    if isinstance(content, torch.Tensor):
        return content.numel() * content.element_size()
    parts = content.values() if isinstance(content, dict) else content if isinstance(content, (list, tuple)) else ()
    return sum(map(_size, parts))


def load_model(path: str | Path) -> TrainedModel:
    """A model from `model.pt` or from a model directory; an InputError of one line for anything else."""
    path = Path(path)
    return _load_directory(path) if path.is_dir() else _load_file(path)


def _load_file(path: Path) -> TrainedModel:
    content = read_tensors(path, "model")
    version = content.get("version")
    if content.get("format") != FORMAT or type(version) is not int:
        raise InputError(f"{path}: not a model that spikebert-train wrote")
    if version > VERSION:
        raise InputError(f"{path}: format version {version} is newer than this program reads ({VERSION})")
    fields = {"config": dict, "state_dict": dict, "tokenizer": str, "labels": list, "training": dict}
    for name, kind in fields.items():
        if not isinstance(content.get(name), kind):
            raise InputError(f"{path}: the field {name!r} is missing or damaged")
    try:
        config = SpikeBertConfig(**content["config"])
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except Exception as error:  # transformers checks its own fields, and raises many kinds
        raise InputError(f"{path}: the config is damaged ({reason_of(error)})") from None
    try:
        json.dumps(content["training"])
    except (TypeError, ValueError, RecursionError):
        raise InputError(f"{path}: the field 'training' is damaged: not plain texts and numbers") from None
    model = _assemble(config, content["state_dict"], path)
    tokenizer, labels = _tokenizer(content["tokenizer"], path), _labels(content["labels"], config, path)
    return TrainedModel(model, tokenizer, labels, content["training"])


def _load_directory(folder: Path) -> TrainedModel:
    for name in ("config.json", WEIGHTS, "tokenizer.json"):
        if not (folder / name).is_file():
            raise InputError(f"{folder}: not a model directory, {name} is missing")
    kind = read_json(folder / "config.json", "config").get("model_type")
    if kind != SpikeBertConfig.model_type:
        raise InputError(f"{folder}: config.json is of a {kind} model, not of a SpikeBERT")
    try:
        config = SpikeBertConfig.from_json_file(folder / "config.json")
        state = load_file(folder / WEIGHTS)
        tokenizer = (folder / "tokenizer.json").read_text("utf-8")
    except InputError as error:
        raise InputError(f"{folder}: {error}") from None
    except Exception as error:  # safetensors and transformers raise many kinds; all mean that the folder is damaged
        raise InputError(f"{folder}: not a readable model directory ({reason_of(error)})") from None
    notes = folder / TRAINING_FILE
    training = read_json(notes, "record of the training") if notes.is_file() else {}
    model = _assemble(config, state, folder)
    named = [] if config.problem_type == REGRESSION else list((config.id2label or {}).values())
    labels = _labels(named, config, folder)
    return TrainedModel(model, _tokenizer(tokenizer, folder), labels, training)


def _assemble(config: SpikeBertConfig, state: dict[str, Any], path: Path) -> SpikeBertForSequenceClassification:
    """The model with these weights, all of them and no others, as the config wants them: before they take memory."""
    found = {name: tuple(value.shape) for name, value in state.items() if isinstance(value, torch.Tensor)}
    try:
        if config.num_hidden_layers > len(found):
            raise ValueError(f"num_hidden_layers is {config.num_hidden_layers}")
        with torch.device("meta"):
            model = SpikeBertForSequenceClassification(config)
        wanted = {name: tuple(value.shape) for name, value in model.state_dict().items()}
        for name in sorted({*wanted, *state}, key=str):
            if wanted.get(name) != found.get(name):
                raise ValueError(f"{name} is {found.get(name, 'missing')}, not {wanted.get(name, 'wanted')}")
        model = SpikeBertForSequenceClassification(config)
        model.load_state_dict(state)
    except Exception as error:  # of sizes beyond all measure torch and transformers raise many kinds
        raise InputError(f"{path}: the weights do not fit the config ({reason_of(error)})") from None
    for name, values in model.state_dict().items():
        if not torch.isfinite(values).all():
            raise InputError(
                f"{path}: {name} holds values that are not finite; the training failed or the file is damaged"
            )
    return model.eval()


def _tokenizer(text: str, path: Path) -> str:
    if not is_unicode(text):
        raise InputError(f"{path}: the tokenizer is not UTF-8")
    require_loadable(text, f"{path}: the tokenizer cannot be read")
    return text


def _labels(labels: list[Any], config: SpikeBertConfig, path: Path) -> list[str]:
    if not labels and config.problem_type == REGRESSION and config.num_labels == 1:
        return []
    if (
        config.problem_type == REGRESSION
        or len(labels) != config.num_labels
        or not all(isinstance(label, str) and is_unicode(label) for label in labels)
    ):
        raise InputError(f"{path}: must name {config.num_labels} labels, each a text")
    return labels
