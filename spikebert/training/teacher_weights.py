"""A teacher's weights against its config: before either takes memory, and before anything learns from them."""

from __future__ import annotations

import re
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor, nn
from transformers import BertConfig

from spikebert.core.errors import InputError, reason_of
from spikebert.model.torch_file import read_tensors
from spikebert.training.teacher_folder import PICKLED, WEIGHTS, has_safetensors

LAYER = re.compile(r"encoder\.layer\.(\d+)\.")


def require_size(name: str, folder: Path, config: BertConfig) -> None:
    """The config is of these weights: before it takes memory for what it says."""
    try:
        shapes = shapes_of(folder)
    except InputError as error:
        raise InputError(f"{name}: {error}", field="teacher") from None
    except Exception as error:
        raise InputError(f"{name}: its weights cannot be read ({reason_of(error)})", field="teacher") from None
    layers = {found[1] for key in shapes if (found := LAYER.search(key))}
    if isinstance(config.num_hidden_layers, int) and config.num_hidden_layers > len(layers):
        raise InputError(
            f"{name}: its config.json says {config.num_hidden_layers} layers, its weights have {len(layers)}",
            field="teacher",
        )
    wanted = {
        "embeddings.word_embeddings.weight": (config.vocab_size, config.hidden_size),
        "embeddings.position_embeddings.weight": (config.max_position_embeddings, config.hidden_size),
        "embeddings.token_type_embeddings.weight": (config.type_vocab_size, config.hidden_size),
        "encoder.layer.0.intermediate.dense.weight": (config.intermediate_size, config.hidden_size),
    }
    for suffix, shape in wanted.items():
        found = next((found for key, found in shapes.items() if key.endswith(suffix)), shape)
        if tuple(found) != shape:
            raise InputError(
                f"{name}: {suffix} is {' × '.join(map(str, found))}, its config.json says "
                f"{' × '.join(map(str, shape))}; the two are of different models",
                field="teacher",
            )


def shapes_of(folder: Path) -> dict[str, tuple[int, ...]]:
    """Of all weights in the folder, by their names."""
    if not has_safetensors(folder):
        weights = read_tensors(folder / PICKLED, "file of weights")
        return {key: tuple(value.shape) for key, value in weights.items() if isinstance(value, Tensor)}
    shapes: dict[str, tuple[int, ...]] = {}
    whole = folder / WEIGHTS
    for file in [whole] if whole.is_file() else sorted(folder.glob("model-*.safetensors")):
        with safe_open(file, framework="pt") as opened:
            shapes |= {key: tuple(opened.get_slice(key).get_shape()) for key in opened.keys()}  # noqa: SIM118
    return shapes


def require_finite(name: str, model: nn.Module) -> None:
    for key, value in model.state_dict().items():
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise InputError(
                f"{name}: {key} holds values that are not finite; its training failed or the file is "
                "damaged, so fetch or train it again",
                field="teacher",
            )
