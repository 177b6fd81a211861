"""What a teacher's folder holds and lacks, told before torch is loaded. No torch here."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from spikebert.core.errors import InputError
from spikebert.core.files import read_json, sha256
from spikebert.data import packaged

NAMES = {"minilm": packaged.minilm}
CONFIG, WEIGHTS, PICKLED = "config.json", "model.safetensors", "pytorch_model.bin"
NGRAMS = "spikebert-ngrams"  # model_type of a teacher that `spikebert-train ngram-teacher` wrote
TOKENIZERS = ("tokenizer.json", "vocab.txt")
OTHERS = {  # weights of other frameworks, what they are and how transformers is told of them
    "tf_model.h5": ("TensorFlow", "from_tf=True"),
    "flax_model.msgpack": ("Flax", "from_flax=True"),
}
CONVERT = (
    'python -c "from transformers import BertForSequenceClassification as B; '
    "B.from_pretrained('{folder}'{how}).save_pretrained('{folder}')\""
)


def locate(name: str) -> str:
    """A folder, or the name of a hub model where the hub may be asked."""
    if name in NAMES:
        return str(NAMES[name]())
    path = Path(name)
    if path.is_dir():
        if not (path / CONFIG).is_file():
            raise InputError(f"{name}: the folder holds no config.json; it is not a model directory", field="teacher")
        return name
    if path.exists():
        raise InputError(
            f"{name}: is a file; give the folder of a BERT model (config.json, weights, tokenizer)", field="teacher"
        )
    if not name or name.startswith((".", "/")) or name.count("/") > 1:
        raise InputError(f"{name}: no such folder", field="teacher")
    return name


def require(name: str) -> str:
    """`locate`, and an InputError for a folder that is no BERT, or lacks its weights or its tokenizer."""
    source = locate(name)
    folder = Path(source)
    if not folder.is_dir():
        return source
    require_bert(name, read_json(folder / CONFIG, "config"))
    _require_weights(name, folder)
    if not any((folder / file).is_file() for file in TOKENIZERS):
        raise InputError(
            f"{name}: the folder holds no tokenizer ({' or '.join(TOKENIZERS)}); copy it from the model that "
            "this one was made of",
            field="teacher",
        )
    return source


def require_more(name: str) -> str:
    """`require` of a teacher that stands beside another: a BERT, or one of n-grams."""
    with of_more_teachers():
        return name if of_ngrams(name) else require(name)


@contextmanager
def of_more_teachers() -> Iterator[None]:
    """Within, an error of a teacher names the option of those that stand beside the first."""
    try:
        yield
    except InputError as error:
        if error.field != "teacher":
            raise
        raise InputError(error.args[0], field="more_teachers") from None


def of_ngrams(name: str) -> bool:
    """Whether a folder holds a teacher of n-grams."""
    config = Path(name, CONFIG)
    return config.is_file() and read_json(config, "config").get("model_type") == NGRAMS


def require_bert(name: str, config: dict[str, Any]) -> None:
    """By the config's model type, or where it tells none by its architecture."""
    kind = config.get("model_type")
    if kind == NGRAMS:
        raise InputError(f"{name}: weighs n-grams, and has no layers; give it as --more-teachers", field="teacher")
    if kind is None:
        architectures = config.get("architectures")
        known = [a for a in architectures if is_bert(a)] if isinstance(architectures, list) else []
        if not known:
            raise InputError(
                f'{name}: its config.json tells no model_type; if it is a BERT, add "model_type": "bert"',
                field="teacher",
            )
    elif kind != "bert":
        raise InputError(f"{name}: is a {kind} model; the teacher must be of the BERT architecture", field="teacher")


def is_bert(architecture: Any) -> bool:
    """Whether a class of that name, of transformers or ours, is a BERT."""
    return isinstance(architecture, str) and (
        architecture in ("BertModel", "BertLMHeadModel", "BertOfMeans") or architecture.startswith("BertFor")
    )


def _require_weights(name: str, folder: Path) -> None:
    if has_safetensors(folder) or (folder / PICKLED).is_file():
        return
    if (folder / f"{PICKLED}.index.json").is_file():
        raise InputError(
            f"{name}: its weights are {PICKLED} in several parts, which are not read; write them as "
            f"{WEIGHTS}: {CONVERT.format(folder=name, how='')}",
            field="teacher",
        )
    for file, (framework, how) in OTHERS.items():
        if (folder / file).is_file():
            raise InputError(
                f"{name}: holds {framework} weights alone ({file}); write them as {WEIGHTS}, where "
                f"{framework} is installed: {CONVERT.format(folder=name, how=f', {how}')}",
                field="teacher",
            )
    if checkpoint := next(iter(sorted(folder.glob("*.ckpt*"))), None):
        raise InputError(
            f"{name}: holds a TensorFlow checkpoint alone ({checkpoint.name}); transformers-cli convert "
            f"--model_type bert writes PyTorch weights of it",
            field="teacher",
        )
    raise InputError(
        f"{name}: the folder holds no weights ({WEIGHTS}); copy them beside its config.json", field="teacher"
    )


def has_safetensors(folder: Path) -> bool:
    return (folder / WEIGHTS).is_file() or (folder / f"{WEIGHTS}.index.json").is_file()


def digest(name: str) -> str | None:
    """Of a folder's config, weights and tokenizer; None for a model of the hub."""
    folder = Path(locate(name))
    if not folder.is_dir():
        return None
    whole = (CONFIG, PICKLED, *TOKENIZERS)
    files = sorted(f for f in folder.iterdir() if f.name in whole or f.suffix == ".safetensors")
    return hashlib.sha256(" ".join(map(sha256, files)).encode()).hexdigest()
