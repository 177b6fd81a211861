"""A finished model as the beginning of a student: `--warm-start model.nir`, a `model.pt`, or a model's folder."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import fields
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from spikebert.core.errors import InputError
from spikebert.core.files import sha256
from spikebert.core.log import say
from spikebert.model.checkpoint import FOLDER, TrainedModel, load_model
from spikebert.model.model import SpikeBertForSequenceClassification
from spikebert.training import warm_start
from spikebert.training.deciding import undecided
from spikebert.training.settings import Settings
from spikebert.training.vocabulary import NEIGHBOUR_TABLE, WORD_TABLES

LIFTED = ".nir"
OPTIONS = {  # an option, and the field of the config that it decides
    "blocks": "num_hidden_layers",
    "width": "hidden_size",
    "heads": "num_attention_heads",
    "norm": "norm",
    "reset": "reset",
    "residual": "residual",
    "time_steps": "time_steps",
    "beta": "beta",
    "levels": "embedding_levels",
    "max_tokens": "max_tokens",
}
OF_THE_TASK = ("vocab_size", "separator")  # fields of a shape that follow from the teacher's tokenizer and the data


def beginning(settings: Settings) -> TrainedModel | None:
    """The model that `--warm-start` names; None where it names the folder of a run, or nothing."""
    path = settings.warm_start
    if path is None or not (Path(path).is_file() or (Path(path) / "config.json").is_file()):
        return None
    return read(path)


def digest(path: str) -> str:
    """Of the file, or of those in the folder that decide what is begun from: a run's student, or a model's parts."""
    whole, folder = Path(path), Path(path)
    files = [whole] if whole.is_file() else [folder / name for name in (warm_start.FILE, *FOLDER.files)]
    return hashlib.sha256(" ".join(sha256(file) for file in files if file.is_file()).encode()).hexdigest()


def read(path: str) -> TrainedModel:
    """A model of any kind; one of integers becomes a float model again (a module of an upper layer does that)."""
    if Path(path).suffix != LIFTED:
        return load_model(path)
    found = [each for each in entry_points(group="spikebert.models") if f".{each.name}" == LIFTED]
    if not found:
        raise InputError(f"{path}: cannot be read; install spikebert anew, with its exporter", field="warm_start")
    return found[0].load()(path)


def shape(begin: TrainedModel, settings: Settings) -> dict[str, Any]:
    """What the student's config takes from the model that it begins from.

    The student may tell of neighbours where the model does not: `put` begins their table at zero, which alters nothing.
    It may have attention alone where the model has MLPs, too: `put` leaves them out.

    Raises:
        InputError: naming the option that asks for another shape.
    """
    config = begin.model.config
    defaults = {field.name: field.default for field in fields(Settings)}
    for option, name in OPTIONS.items():
        wanted, has = getattr(settings, option), getattr(config, name)
        if wanted != defaults[option] and wanted != has:
            has = f"{settings.warm_start} has {has}"
            raise InputError(f"{wanted}: {has}, and the student begins from it; leave it out", field=option)
    kept = [name for name in ("time_steps", *warm_start.SHAPE) if name not in OF_THE_TASK]
    own = {name: getattr(config, name) for name in kept}
    asked = {name: getattr(config, name) or getattr(settings, name) for name in ("neighbours", "attention_only")}
    return {**own, **asked}


@torch.no_grad()
def put(
    student: SpikeBertForSequenceClassification,
    begin: TrainedModel,
    tokenizer: PreTrainedTokenizerFast,
    labels: Sequence[str],
) -> None:
    """Put the model's weights into `student`, in place; its words by their pieces, its head by the names of the labels.

    A word piece that only the student has begins as the mean of those that the model's tokenizer cuts it into.
    """
    if (student.config.separator is None) != (begin.model.config.separator is None):
        one, two = ("pairs", "single texts") if student.config.separator is None else ("single texts", "pairs")
        raise InputError(f"is a model for {one}, the task has {two}; give a model for {two}", field="warm_start")
    undecided(begin)
    state = dict(begin.model.state_dict())
    parts = _parts(begin.tokenizer, tokenizer)
    for table in WORD_TABLES:
        if table in state and parts is not None:
            state[table] = _words(state[table], parts)
    if student.embeddings.neighbour is not None:
        state.setdefault(NEIGHBOUR_TABLE, torch.zeros_like(student.embeddings.neighbour.weight))
    if student.config.attention_only and not begin.model.config.attention_only:
        say("the MLPs of the model are left out")
        state = {name: state[name] for name in state if ".mlp." not in name}
    head = ("readout.head.weight", "readout.head.bias")
    if sorted(begin.labels) == sorted(labels):
        order = [begin.labels.index(label) for label in labels] or [0]  # a regression has one output, without a label
        state |= {name: state[name][order] for name in head}
    else:
        own = student.state_dict()
        state |= {name: own[name] for name in head}
        say(f"the head begins anew: the model's labels are {', '.join(begin.labels) or 'numbers'}")
    student.load_state_dict(state)


def _parts(text: str, tokenizer: PreTrainedTokenizerFast) -> dict[int, list[int]] | None:
    """Of each word piece of the student's tokenizer those of the model's; None where the two have the same."""
    theirs, own = Tokenizer.from_str(text), tokenizer.get_vocab()
    theirs.no_truncation()
    theirs.no_padding()
    known = theirs.get_vocab()
    if known == own:
        return None
    new = sorted(token for token in own if token not in known)
    cut = theirs.encode_batch([token.removeprefix("##") for token in new], add_special_tokens=False)
    pieces = {token: encoding.ids for token, encoding in zip(new, cut, strict=True)}
    say(f"{len(new)} of {len(own)} word pieces are not in the model, and begin as the mean of their parts")
    return {number: [known[token]] if token in known else pieces[token] for token, number in own.items()}


def _words(table: Tensor, parts: dict[int, list[int]]) -> Tensor:
    """(V, D) of the student's word pieces, from the model's table (V', D)."""
    rows = torch.zeros(max(parts) + 1, table.shape[1])
    for number, found in parts.items():
        if found:
            rows[number] = table[found].mean(0)
    return rows
