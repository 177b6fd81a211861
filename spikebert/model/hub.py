"""Trained models on the Hugging Face hub: fetched by their names, `owner/name`, and pushed there. No torch here."""

from __future__ import annotations

import os
import re
from pathlib import Path

from spikebert.core.errors import InputError, reason_of
from spikebert.core.log import say
from spikebert.data.hub import reached

NAME = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
FILES = ("config.json", "model.safetensors", "tokenizer.json", "training.json")  # what a model is read from
CARD, TOKENIZER_CONFIG = "README.md", "tokenizer_config.json"


def local(path: str | os.PathLike[str]) -> Path:
    """A path as it is, and of a name on the hub the folder in the hub's cache, fetched where it is not there.

    What can be a path of this machine is none of the hub's: one that is there, or would stand in a folder that is.

    Raises:
        InputError: the hub has no such model, or is not reached and was not before.
    """
    name, found = os.fspath(path), Path(path)
    if found.exists() or not NAME.fullmatch(name) or found.suffix in (".pt", ".nir") or found.parent.is_dir():
        return found
    from huggingface_hub import snapshot_download

    kept = not reached()
    try:
        return Path(snapshot_download(name, allow_patterns=list(FILES), local_files_only=kept))
    except Exception as error:  # huggingface_hub raises many kinds
        reason = "is not reached from here" if kept else f"does not give it ({reason_of(error)})"
        raise InputError(f"{name}: no such file or folder, and the hub {reason}") from None


def require(name: str) -> None:
    """Look whether a model may be pushed under a name, before it is trained.

    Raises:
        InputError: no name of the hub, a hub that is not reached, or one that does not know the user.
    """
    from huggingface_hub import HfApi

    if not NAME.fullmatch(name):
        raise InputError(f"{name}: must be OWNER/NAME, as the hub has it", field="push_to_hub")
    if not reached():
        raise InputError(f"{name}: the hub is not reached from here", field="push_to_hub")
    try:
        HfApi().whoami()
    except Exception as error:
        why = f"the hub does not know you; log in with `hf auth login`, or set HF_TOKEN ({reason_of(error)})"
        raise InputError(f"{name}: {why}", field="push_to_hub") from None


def push(folder: Path, name: str) -> None:
    """Push a model folder, with its card, to the model `name`, which is made where it is not there.

    Raises:
        InputError: the hub does not take it.
    """
    from huggingface_hub import CommitOperationAdd, HfApi

    page = (folder / CARD).read_text("utf-8").replace('model="model"', f'model="{name}"')
    files: dict[str, bytes | str] = {file: str(folder / file) for file in (*FILES, TOKENIZER_CONFIG)}
    files[CARD] = page.replace("export model -o", f"export {name} -o").encode()
    try:
        api = HfApi()
        api.create_repo(name, exist_ok=True)
        operations = [CommitOperationAdd(file, content) for file, content in files.items()]
        api.create_commit(name, operations, commit_message="A SpikeBERT")
    except Exception as error:
        raise InputError(f"{name}: the hub does not take it ({reason_of(error)})", field="push_to_hub") from None
    say(f"{folder} is on the hub as {name}")
