"""The door of a run folder: reads and checks what spikebert-simulate wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from simulate.counts import FORMAT, VERSION
from spikebert.errors import InputError

FIELDS = {
    "": ("model", "run", "samples", "tokens", "lengths", "accuracy", "correct", "majority", "layers", "operations"),
    "model": ("file", "labels", "time_steps", "hidden_size", "blocks", "norm", "reset", "weight_bits"),
    "run": ("backend", "data", "command"),
    "layers": ("name", "width", "neurons", "spikes_per_step", "spikes", "rate"),
    "operations": ("name", "kind"),
}


def read_counts(folder: Path) -> dict[str, Any]:
    """The counts.json of a run folder; an InputError names what is missing or wrong in it."""
    path = folder / "counts.json"
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; make one with spikebert-simulate --out {folder}")
    if not path.is_file():
        raise InputError(f"{folder}: holds no counts.json; give the --out folder of spikebert-simulate")
    try:
        counts = json.loads(path.read_text("utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"{path}: not readable JSON, perhaps truncated ({error}); simulate again") from None
    if not isinstance(counts, dict) or counts.get("format") != FORMAT:
        raise InputError(f"{path}: not the counts of a spikebert-simulate run")
    version = counts.get("version")
    if not isinstance(version, int) or version > VERSION:
        raise InputError(f"{path}: version {version} is newer than this program reads ({VERSION})")
    for part, names in FIELDS.items():
        entries = counts if part == "" else counts[part]
        for entry in entries if isinstance(entries, list) else [entries]:
            missing = [n for n in names if not isinstance(entry, dict) or n not in entry]
            if missing:
                where = f"{part}: " if part else ""
                raise InputError(f"{path}: {where}the field {missing[0]!r} is missing; simulate again")
    return counts
