"""What stage 1 made, on disk: it knows no task, so that one stage 1 serves many."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from spikebert.checkpoint import load_tensors
from spikebert.config import SpikeBertConfig
from spikebert.distill import Student
from spikebert.errors import InputError
from spikebert.files import write_atomically

FILE = "stage1.pt"
HEAD = "model.readout.head."  # belongs to a task
SHAPE = (  # not the time steps: no weight depends on them
    "vocab_size",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "max_tokens",
    "norm",
    "reset",
    "beta",
    "threshold",
    "attention_threshold",
    "attention_scale",
    "position_embeddings",
    "separator",
)


def save(student: Student, folder: Path) -> None:
    """Write `stage1.pt`: the student with its alignment maps, without the head."""
    content = {
        "shape": _shape(student.model.config),
        "student": {k: v.cpu().contiguous() for k, v in student.state_dict().items() if not k.startswith(HEAD)},
    }
    write_atomically(folder / FILE, lambda temporary: torch.save(content, temporary))


def load(student: Student, folder: str) -> None:
    """Put the weights of another run's stage 1 into `student`, in place.

    Raises:
        InputError: the folder holds no stage 1, or one of a student of another shape, which is named.
    """
    path = Path(folder) / FILE
    if not path.is_file():
        raise InputError(f"--stage1-from {folder}: holds no {FILE}; give the folder of a run that did stage 1")
    content = load_tensors(path, "stage 1")
    shape, wanted = content.get("shape", {}), _shape(student.model.config)
    for name, value in wanted.items():
        if shape.get(name) != value:
            raise InputError(
                f"--stage1-from {folder}: its student has {name} = {shape.get(name)}, this one {value}; both must have "
                "the same shape and tokenizer"
            )
    state: dict[str, Any] = student.state_dict()
    found = content.get("student", {})
    state.update({k: v for k, v in found.items() if k in state and not k.startswith(HEAD)})
    lacking = [k for k in state if k not in found and not k.startswith(HEAD)]
    if lacking:
        raise InputError(f"--stage1-from {folder}: {lacking[0]} is missing; both runs need the same --skip-layers")
    try:
        student.load_state_dict(state)
    except RuntimeError as error:
        raise InputError(f"--stage1-from {folder}: {' '.join(str(error).split())[:160]}") from None


def _shape(config: SpikeBertConfig) -> dict[str, Any]:
    return json.loads(json.dumps({name: getattr(config, name) for name in SHAPE}))
