"""Files and folders that are whole, and of a kind that is not wanted: archives with code, tokenizers that never end."""

from __future__ import annotations

import json
import os
import pickle
import random
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

from tests.fuzz.mutations import hostile_parts

TRACE = "a stranger's code was here"


class Bomb:
    """Leaves a file where it is unpickled."""

    def __init__(self, place: Path):
        self.place = place

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.place.with_name(TRACE)),)


def other_archive(path: Path, rng: random.Random) -> None:
    """Of what torch.save wrote: TorchScript, a pickle with code, the old form, a packed zip, one member for all."""
    import torch

    content, kind = torch.load(path, weights_only=True), rng.randrange(5)
    if kind == 0:
        torch.jit.save(torch.jit.script(torch.nn.Linear(1, 1)), path)
    elif kind == 1:
        path.write_bytes(pickle.dumps(Bomb(path)))
    elif kind == 2:
        torch.save(content, path, _use_new_zipfile_serialization=False)
    elif kind == 3:
        torch.save({**content, "bomb": Bomb(path)}, path)
    else:
        with ZipFile(path) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        with ZipFile(path, "w", ZIP_DEFLATED) as archive:
            for name, data in members.items():
                archive.writestr(name, data)
            archive.writestr("model/data/999", bytes(2**28))


def hostile_words(path: Path, rng: random.Random) -> None:
    """Of a tokenizer.json: one that panics, backtracks, or grows a text beyond all measure."""
    key, value = hostile_parts(rng)
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), key: value}), "utf-8")


def replace_a_neighbour(path: Path, rng: random.Random) -> None:
    """A file of the same folder is gone, empty, or no file."""
    place = rng.choice([file for file in sorted(path.parent.iterdir()) if file.is_file()])
    place.unlink()
    kind = rng.randrange(6)
    if kind == 0:
        place.write_bytes(b"")
    elif kind == 1:
        place.mkdir()
    elif kind == 2:
        os.mkfifo(place)
    elif kind == 3:
        place.symlink_to(rng.choice(["/dev/zero", "/etc/hostname", "nowhere", place.name]))
