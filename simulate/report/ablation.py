"""The ablation of the run's model that a report shows: what each part is worth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from simulate import ablation_schema
from simulate.ablation_schema import AblationRecord
from simulate.energy.record import RunRecord
from spikebert.core.errors import InputError
from spikebert.data import metrics
from spikebert.data.metrics import Score


@dataclass(frozen=True)
class Ablation:
    record: AblationRecord
    whole: Score  # of the whole model


def read_ablation(path: Path, run: RunRecord) -> Ablation:
    """From the file that `spikebert-simulate ablate MODEL --data DATA -o FILE.json` writes.

    Raises:
        InputError: it is not there, is no such file, contradicts itself, or is of another model than the run's.
    """
    if not path.is_file():
        raise InputError(
            f"{path}: no such file; spikebert-simulate ablate MODEL --data DATA -o {path}", field="ablation"
        )
    record = ablation_schema.read(path)
    if record.model_sha256 != run.model.sha256:
        raise InputError(f"{path}: is of another model than the run ({run.model.file})")
    try:
        whole = Score(metrics.metric(record.metric, run.model.labels), record.score, *record.interval)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return Ablation(record, whole)
