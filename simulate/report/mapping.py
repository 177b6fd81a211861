"""The mapping of the run's model that a report shows: what the model asks of a chip, and the picture of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from simulate import mapping_schema
from simulate.energy.record import RunRecord
from simulate.mapping_schema import FILE, MappingRecord
from spikebert.core.errors import InputError

PICTURE = "floorplan.svg"  # beside the file


@dataclass(frozen=True)
class Mapping:
    path: Path  # as it was given
    record: MappingRecord
    floorplan: bytes | None  # an SVG picture, where it lies beside the file


def read_mapping(path: Path, run: RunRecord) -> Mapping:
    """From `mapping.json` or its folder.

    Raises:
        InputError: it is not there, is no mapping, contradicts itself, or maps another model than the run's.
    """
    file = path / FILE if path.is_dir() else path
    if not file.is_file():
        raise InputError(f"{path}: no such file; spikebert-deploy map MODEL --counts COUNTS writes it", field="mapping")
    record = mapping_schema.read(file)
    if (record.model_sha256, record.time_steps) != (run.model.sha256, run.model.time_steps):
        raise InputError(f"{file}: maps another model than that of the run ({run.model.file})")
    return Mapping(path, record, _picture(file))


def _picture(file: Path) -> bytes | None:
    path = file.with_name(PICTURE)
    if not path.is_file():
        return None
    content = path.read_bytes()
    if not content.startswith(b"<svg "):
        raise InputError(f"{file}: {PICTURE} beside it is no SVG picture; map the model again")
    return content
