"""The student of a finished run as the beginning of another: one stage 1 for many tasks, few time steps before many."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from transformers import PretrainedConfig

from spikebert.core.errors import InputError, reason_of
from spikebert.core.log import say
from spikebert.model.checkpoint import write_tensors
from spikebert.model.torch_file import read_tensors
from spikebert.training.distill import Student
from spikebert.training.vocabulary import NEIGHBOUR_TABLE

FILE = "student.pt"
HEAD = "model.readout.head."  # belongs to a task
ALIGNMENT = "alignment."
SHAPE = (  # not the time steps: no weight depends on them
    "vocab_size",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "max_tokens",
    "norm",
    "reset",
    "residual",
    "beta",
    "threshold",
    "attention_threshold",
    "attention_scale",
    "position_embeddings",
    "embedding_levels",
    "separator",
    "shared_words",
    "neighbours",
    "attention_only",
)
# What the students of older versions have without saying so.
ABSENT = {
    "embedding_levels": 1,
    "residual": "spikes",
    "shared_words": False,
    "neighbours": False,
    "attention_only": False,
}


def save(student: Student, folder: Path) -> None:
    """Write `student.pt`: the student with its alignment maps."""
    content = {
        "shape": _shape(student.model.config),
        "student": {k: v.cpu().contiguous() for k, v in student.state_dict().items()},
    }
    write_tensors(folder / FILE, content)


def load(student: Student, folder: str) -> None:
    """Put the weights of another run's student into `student`, in place; the head, too, if it has as many labels.

    A student of more blocks gives its first ones. Its maps for the alignment stay behind, since the blocks that remain
    follow other layers of the teacher. Where it does not tell of neighbours, their table begins at zero: that alters
    nothing. Where it is to have attention alone, the MLPs of the other stay behind.

    Raises:
        InputError: the folder holds no student, or one of another shape, which is named.
    """
    path = Path(folder) / FILE
    if not path.is_file():
        raise InputError(f"{folder}: holds no {FILE}; give the folder of a finished run", field="warm_start")
    content = read_tensors(path, "student")
    found = _dict_of(content.get("student"), torch.Tensor)
    shape = _dict_of(content.get("shape"), (int, float, str, type(None)))
    wanted = _shape(student.model.config)
    if found is None or shape is None:
        raise InputError(f"{path}: not a student of spikebert-train; give the folder of a finished run")
    own = student.state_dict()
    theirs, blocks = shape.get("num_hidden_layers"), wanted["num_hidden_layers"]
    if isinstance(theirs, int) and theirs > blocks:
        say(f"--warm-start {folder}: of its {theirs} blocks the first {blocks} are taken")
        shape = {**shape, "num_hidden_layers": blocks}
        found = {**own, **{k: v for k, v in found.items() if k in own and not k.startswith(ALIGNMENT)}}
    if wanted["neighbours"] and not shape.get("neighbours"):
        shape = {**shape, "neighbours": True}
        found = {**found, f"model.{NEIGHBOUR_TABLE}": torch.zeros_like(own[f"model.{NEIGHBOUR_TABLE}"])}
    if wanted["attention_only"] and not shape.get("attention_only"):
        say(f"--warm-start {folder}: its MLPs are left out")
        shape = {**shape, "attention_only": True}
        found = {k: v for k, v in found.items() if ".mlp." not in k}
    for name, value in wanted.items():
        theirs = shape.get(name, ABSENT.get(name))
        if theirs != value:
            raise InputError(
                f"{folder}: its student has {name} = {theirs}, this one {value}; both must have the same "
                "shape and tokenizer",
                field="warm_start",
            )
    heads = {k: v for k, v in own.items() if k.startswith(HEAD) and (k not in found or v.shape != found[k].shape)}
    try:
        student.load_state_dict({**found, **heads})
    except RuntimeError as error:
        raise InputError(
            f"{folder}: does not fit; did both have the same --skip-layers? ({reason_of(error)})", field="warm_start"
        ) from None


def _dict_of(values: Any, kind: type | tuple[type, ...]) -> dict[str, Any] | None:
    """`values`, if it is a dict of names and values of that kind."""
    fits = isinstance(values, dict) and all(isinstance(k, str) and isinstance(v, kind) for k, v in values.items())
    return values if fits else None


def _shape(config: PretrainedConfig) -> dict[str, Any]:
    return json.loads(json.dumps({name: getattr(config, name) for name in SHAPE}))
