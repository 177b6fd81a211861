"""The Hugging Face hub: whether it is there, and its corpora and tasks by name: `owner/name`, `name:configuration` or
`owner/name:configuration`.

The data are read by the library `datasets`. A machine that does not reach the hub gets one line after a few seconds.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from spikebert.core.errors import InputError, reason_of
from spikebert.data.columns import LABEL_COLUMNS, PAIR_COLUMNS, TEXT_COLUMNS, USUAL, Columns, text_columns
from spikebert.data.rows import Row, checked, joined

TIMEOUT = 5  # seconds
RETRIES = 3  # of a stream that stops; a second apart
WINDOW = 10_000  # rows of a stream that one is drawn from at a time
DEV_SPLITS = ("validation", "validation_matched", "dev")
NO_LABEL = -1  # the hub's mark of a row whose label is withheld
NAME = re.compile(r"[\w-][\w.-]*(/[\w.-]+(:[\w.-]+)?|:[\w.-]+)")
FILE = re.compile(r"\.(txt|tsv|csv|jsonl?|gz)$")


def is_name(name: str) -> bool:
    """Whether this can be a name on the hub: it has an owner or a configuration, and no ending of a file."""
    return NAME.fullmatch(name) is not None and not FILE.search(name)


def lines(name: str, count: int, seed: int) -> list[str]:
    """`count` lines of the texts of a data set's part "train", streamed: no more is fetched than is read.

    Rows are drawn by the seed from a window of WINDOW that moves over the stream, and every line of a row is a text,
    unless it is empty.

    Raises:
        InputError: the library is missing, the hub is not reached or has no such data set, or it holds no text.
    """
    with _answering("corpus", name):
        rows = _load(name, "train", streaming=True).shuffle(seed=seed, buffer_size=WINDOW)
        columns = _text_columns("corpus", name, rows)
        texts = (line.strip() for row in rows for column in columns for line in (row[column] or "").splitlines())
        found = list(islice((text for text in texts if text), count))
    if not found:
        raise InputError(f"{name}: holds no text", field="corpus")
    return found


def labelled(name: str, columns: Columns = USUAL) -> tuple[list[Row], list[Row] | None, list[str]]:
    """(the rows of a task's part "train", those of its validation part or None where it has none with labels, notes of
    how many were left out and why).

    Raises:
        InputError: as `lines` does, and where there is no column of labels.
    """
    with _answering("task", name):
        import datasets

        splits = datasets.get_dataset_split_names(*_parts(name))
        dev = next((split for split in DEV_SPLITS if split in splits), None)
        train, notes = _rows(name, _load(name, "train"), columns)
        if dev is None:
            return train, None, notes
        rows, more = _rows(name, _load(name, dev), columns)
        return train, rows or None, notes + more


def _rows(name: str, data: Any, columns: Columns = USUAL) -> tuple[list[Row], list[str]]:
    """(the rows of a part, what is to be said of those that were left out)."""
    texts_in = columns.text or _text_columns("task", name, data)
    wanted = [columns.label] if columns.label else list(LABEL_COLUMNS)
    label = next((c for c in wanted if c in data.column_names), None)
    absent = next((c for c in texts_in if c not in data.column_names), None if label else " or ".join(wanted))
    if label is None or absent:
        raise InputError(f"{name}: no column {absent} among {', '.join(data.column_names)}", field="task")
    names = getattr(data.features[label], "names", None)  # of a ClassLabel
    rows: list[Row] = []
    dropped: Counter[str] = Counter()
    for number, row in enumerate(data, 1):
        value = row[label]
        texts = [" ".join((row[column] or "").split()) for column in texts_in]
        if value is None or value == NO_LABEL:
            dropped["without a label"] += 1
        elif not all(texts):
            dropped["without a text"] += 1
        else:
            rows.append(checked(Path(name), number, names[value] if names else str(value), joined(texts)))
    return rows, [f"{number} rows {why} left out" for why, number in dropped.items()]


def _text_columns(field: str, name: str, data: Any) -> tuple[str, ...]:
    """The columns of the usual names, two for pairs, or the only one of strings."""
    columns = list(data.column_names or next(iter(data)))
    features = data.features or {}
    strings = [c for c in columns if getattr(features.get(c), "dtype", "") in ("string", "large_string")]
    found = text_columns(columns) or (tuple(strings) if len(strings) == 1 else ())
    if not found:
        known = " or ".join([*TEXT_COLUMNS, *map(" and ".join, PAIR_COLUMNS)])
        raise InputError(f"{name}: no column {known} among {', '.join(columns)}", field=field)
    return found


def _load(name: str, split: str, streaming: bool = False) -> Any:
    import datasets

    return datasets.load_dataset(*_parts(name), split=split, streaming=streaming)  # type: ignore[call-overload]


def _parts(name: str) -> tuple[str, str | None]:
    path, _, configuration = name.partition(":")
    return path, configuration or None


def reached() -> bool:
    """Whether the hub answers, within TIMEOUT seconds; not where it is switched off (HF_HUB_OFFLINE)."""
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return False
    try:
        with urlopen(Request(constants.ENDPOINT, method="HEAD"), timeout=TIMEOUT):
            return True
    except HTTPError:
        return True  # it answers
    except (OSError, ValueError):
        return False


@contextmanager
def _answering(field: str, name: str) -> Iterator[None]:
    """The hub is asked once whether it is there, which `datasets` alone would take long to notice, and what the
    libraries raise becomes one line.

    Where the hub is switched off (HF_HUB_OFFLINE) it is not asked: `datasets` then has what it has kept.
    """
    try:
        import datasets
    except ImportError:
        raise InputError(
            f"{name}: no such file or folder; data sets of the hub need: pip install 'spikebert[hub]'", field=field
        ) from None
    from datasets import config

    for what in ("READ", "OPEN"):
        setattr(config, f"STREAMING_{what}_MAX_RETRIES", RETRIES)
        setattr(config, f"STREAMING_{what}_RETRY_INTERVAL", 1)
    datasets.utils.logging.set_verbosity_error()
    if not config.HF_HUB_OFFLINE and not reached():
        raise InputError(f"{name}: no such file or folder, and the hub is not reached from here", field=field)
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # huggingface_hub, fsspec and datasets each raise their own kinds
        raise InputError(
            f"{name}: no such file or folder, and the hub does not give it ({reason_of(error)})", field=field
        ) from None
