"""The table of `spikebert-simulate ablate`, read and checked: what each part of the run's model is worth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from simulate.ablate import FORMAT, VERSION
from simulate.energy.record import RunRecord
from simulate.fields import Share, Size, record_of
from spikebert.core.errors import InputError
from spikebert.core.files import read_json


@dataclass(frozen=True)
class Worth:
    """A part, its share of the synaptic operations, and the accuracy without it; None where a way has no meaning."""

    part: str
    kind: str
    operations: Share
    silenced: Share | None
    majority: Share | None
    permuted: Share | None


@dataclass(frozen=True)
class Head:
    """The fields of the file beside its parts."""

    model_sha256: str
    data: str
    texts: Size
    accuracy: Share


@dataclass(frozen=True)
class Ablation:
    head: Head
    parts: tuple[Worth, ...]


def read_ablation(path: Path, run: RunRecord) -> Ablation:
    """From the file that `spikebert-simulate ablate MODEL --data DATA -o FILE.json` writes.

    Raises:
        InputError: it is not there, is no such file, contradicts itself, or is of another model than the run's.
    """
    if not path.is_file():
        raise InputError(
            f"{path}: no such file; spikebert-simulate ablate MODEL --data DATA -o {path}", field="ablation"
        )
    data = read_json(path, "ablation")
    if data.get("format") != FORMAT or data.get("version") != VERSION:
        raise InputError(f"{path}: is not a {FORMAT} file of version {VERSION}; spikebert-simulate ablate writes it")
    try:
        parts = data.get("parts")
        if not isinstance(parts, list):
            raise InputError("parts must be a list")
        found = Ablation(
            record_of(Head, data, ""), tuple(record_of(Worth, part, f"parts[{i}].") for i, part in enumerate(parts))
        )
        if found.head.model_sha256 != run.model.sha256:
            raise InputError(f"is of another model than the run ({run.model.file})")
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return found
