"""The file of `spikebert-simulate ablate -o`, field by field, for who writes it and who reads it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from spikebert.core.errors import InputError
from spikebert.core.files import read_json
from spikebert.core.records import Correlation, Count, Interval, Share, Size, record_of
from spikebert.data.metrics import ACCURACY, wilson

FORMAT, VERSION = "spikebert-ablation", 2


@dataclass(frozen=True)
class Part:
    """A part, and the score without it; None where a way of leaving it out has no meaning.

    Attributes:
        part: its name.
        kind: "block", "attention", "MLP" or "neurons".
        operations: its share of the synaptic operations.
        silenced: where it puts out nothing.
        majority: where each neuron puts out what it puts out most often.
        permuted: where its outputs are mixed up among the tokens of each text.
    """

    part: str
    kind: str
    operations: Share
    silenced: Correlation | None
    majority: Correlation | None
    permuted: Correlation | None


@dataclass(frozen=True, kw_only=True)
class AblationRecord:
    """What each part of a model is worth.

    Attributes:
        model_sha256: the digest of the model's file.
        data: where the texts are from.
        seed: of the permutations.
        texts: how many.
        metric: what the score is measured by.
        score: of the whole model.
        interval: the ends of its 95 % interval.
        parts: blocks, branches, layers of neurons.
    """

    model_sha256: str
    data: str
    seed: Count = 0
    texts: Size
    metric: str
    score: Correlation
    interval: Interval
    parts: list[Part]

    @property
    def text(self) -> str:
        """The content of the file."""
        return json.dumps({"format": FORMAT, "version": VERSION, **asdict(self)}, indent=1, ensure_ascii=False)


@dataclass(frozen=True)
class Accuracy:
    """What a file of version 1 has in place of a score."""

    texts: Size
    accuracy: Share


def read(path: Path) -> AblationRecord:
    """The record in a file; an InputError where it is none."""
    data = read_json(path, "ablation")
    if data.get("format") != FORMAT or data.get("version") not in (1, VERSION):
        raise InputError(f"{path}: is not a {FORMAT} file of version {VERSION}; spikebert-simulate ablate writes it")
    try:
        return record_of(AblationRecord, _with_metric(data) if data["version"] == 1 else data, "")
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _with_metric(data: dict[str, Any]) -> dict[str, Any]:
    """A file of version 1, which knew accuracy alone, as one of today's."""
    known = record_of(Accuracy, data, "")
    hits = round(known.accuracy * known.texts)
    return {**data, "metric": str(ACCURACY), "score": known.accuracy, "interval": [*wilson(hits, known.texts)]}
