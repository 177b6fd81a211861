"""The table of `spikebert-simulate ablate`, read and checked: what each part of the run's model is worth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulate.ablate import FORMAT, VERSION
from simulate.energy.record import RunRecord
from simulate.fields import Correlation, Interval, Share, Size, record_of
from spikebert.core.errors import InputError
from spikebert.core.files import read_json
from spikebert.data import metrics
from spikebert.data.metrics import ACCURACY, Score, wilson


@dataclass(frozen=True)
class Worth:
    """A part, its share of the synaptic operations, and the score without it; None where a way has no meaning."""

    part: str
    kind: str
    operations: Share
    silenced: Correlation | None
    majority: Correlation | None
    permuted: Correlation | None


@dataclass(frozen=True)
class Head:
    """The fields of the file beside its parts."""

    model_sha256: str
    data: str
    texts: Size
    metric: str
    score: Correlation
    interval: Interval


@dataclass(frozen=True)
class Accuracy:
    """What a file of version 1 has in place of a score."""

    texts: Size
    accuracy: Share


@dataclass(frozen=True)
class Ablation:
    head: Head
    whole: Score
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
    if data.get("format") != FORMAT or data.get("version") not in (1, VERSION):
        raise InputError(f"{path}: is not a {FORMAT} file of version {VERSION}; spikebert-simulate ablate writes it")
    try:
        if data["version"] == 1:
            data = _with_metric(data)
        parts = data.get("parts")
        if not isinstance(parts, list):
            raise InputError("parts must be a list")
        head = record_of(Head, data, "")
        worths = tuple(record_of(Worth, part, f"parts[{i}].") for i, part in enumerate(parts))
        if head.model_sha256 != run.model.sha256:
            raise InputError(f"is of another model than the run ({run.model.file})")
        whole = Score(metrics.metric(head.metric, run.model.labels), head.score, *head.interval)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return Ablation(head, whole, worths)


def _with_metric(data: dict[str, Any]) -> dict[str, Any]:
    """A file of version 1, which knew accuracy alone, as one of today's."""
    known = record_of(Accuracy, data, "")
    hits = round(known.accuracy * known.texts)
    return {**data, "metric": str(ACCURACY), "score": known.accuracy, "interval": [*wilson(hits, known.texts)]}
