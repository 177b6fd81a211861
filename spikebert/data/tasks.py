"""Tasks and corpora: what is trained on, and what is measured on. No torch here.

Where the rows come from: `labelled` reads files, `packaged` and `hub` have tasks by name.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean, pstdev
from typing import Literal

from spikebert.core.errors import InputError
from spikebert.core.files import require_file, write_atomically
from spikebert.data import hub, packaged
from spikebert.data.columns import PAIR_COLUMNS, USUAL, Columns
from spikebert.data.labelled import SUFFIXES, read_labelled, read_table
from spikebert.data.lines import read_lines
from spikebert.data.metrics import number_of
from spikebert.data.rows import Row

TRAIN_PARTS = ("train", "training")
DEV_PARTS = ("dev", "validation", "valid", "val")
SHARE = 0.1  # of the rows that are held out as dev where no dev part is given
Problem = Literal["auto", "classes", "numbers"]
FEWEST = 10  # texts of a class that are to have one of them in dev


@dataclass(frozen=True)
class Task:
    """A task: what is trained on, and what is never looked at until the end.

    labels: of the classes; none of a regression, whose rows have numbers for labels.
    """

    name: str
    train: list[Row]
    dev: list[Row]
    labels: list[str]
    notes: list[str] = field(default_factory=list)  # what was dropped or cut while reading, for the user
    cut: bool = False  # whether dev was held out of the training rows by a seed, and no file holds it

    @property
    def pairs(self) -> bool:
        """Whether each text is two, with a TAB between them."""
        return are_pairs(self.train)

    @property
    def regression(self) -> bool:
        """Whether a number is to be predicted, and no class."""
        return not self.labels

    @property
    def majority(self) -> float | None:
        """The share of the most frequent label of dev; None of a regression."""
        return None if self.regression else majority_share(self.dev)

    @property
    def mean(self) -> float:
        """Of the training rows' numbers."""
        return fmean(numbers_of(self.train))

    @property
    def spread(self) -> float:
        """The standard deviation of the training rows' numbers, by which errors are measured; of classes 1."""
        return (pstdev(numbers_of(self.train)) or 1.0) if self.regression else 1.0


def with_labels(task: Task, names: Mapping[str, str]) -> Task:
    """The task whose labels are called otherwise: {label of the data: its name}; the order of the classes stays.

    Raises:
        InputError: a label that the data do not have, or one name for two of them.
    """
    if names and task.regression:
        raise InputError("names classes, and the labels of the data are numbers that are predicted", field="labels")
    unknown = next((label for label in names if label not in task.labels), None)
    if unknown is not None:
        raise InputError(f"{unknown}: no label of the data, which are {', '.join(task.labels)}", field="labels")
    labels = [names.get(label, label) for label in task.labels]
    if len(set(labels)) < len(labels):
        raise InputError(f"{', '.join(labels)}: one name for two labels", field="labels")
    train, dev = (
        [replace(row, label=names.get(row.label, row.label)) for row in part] for part in (task.train, task.dev)
    )
    return replace(task, train=train, dev=dev, labels=labels)


def are_pairs(rows: Sequence[Row]) -> bool:
    return all("\t" in row.text for row in rows)


def numbers_of(rows: Sequence[Row]) -> list[float]:
    """The labels of a regression."""
    return [float(row.label) for row in rows]


def are_numbers(rows: Sequence[Row]) -> bool:
    """Whether the labels are measured and not named: all are numbers, and one at least has a part behind the point.

    Whole numbers, 0.0 and 1.0 too, are as a rule the names of classes.
    """
    values = [number_of(row.label) for row in rows]
    return None not in values and any(value % 1 for value in values if value is not None)


def halves(text: str) -> str | tuple[str, str]:
    """What the tokenizers libraries take for a pair of texts: two, where a TAB parts them."""
    first, tab, second = text.partition("\t")
    return (first, second) if tab else text


def load_task(name: str, dev: str | None = None, columns: Columns = USUAL, problem: str = "auto") -> Task:
    """A task by the name of a packaged one, by file, by a folder with a file of train and one of dev, or from the hub.

    Where no dev part is given, a tenth of the rows is cut off as dev, by a fixed seed.

    Args:
        problem: "classes", "numbers", or "auto", which goes by `are_numbers`.
    Raises:
        InputError: whatever the files hold that cannot be read for sure, parts that do not fit each other, or too few
            rows or labels.
    """
    train, dev_rows, notes = _rows_of(name, columns)
    if dev:
        table = read_table(dev, columns)
        dev_rows, notes = table.rows, notes + [f"{Path(dev).name}: {note}" for note in table.notes]
    numbers = problem == "numbers" or (problem == "auto" and are_numbers(train))
    if problem != "numbers":
        _require_classes(name, train)
    cut = dev_rows is None
    if dev_rows is None:
        train, dev_rows = split(train, SHARE, seed=0, classes=not numbers)
    for part, rows in (("training", train), ("dev", dev_rows)):
        if not rows:
            raise InputError(f"{name}: no {part} rows; give more texts, or a dev part with --dev", field="task")
    labels = [] if numbers else sorted({row.label for row in train})
    source, field = (dev, "dev") if dev else (name, "task")  # of the dev part
    if numbers:
        _require_numbers(name, train, "task", "training")
        _require_numbers(source, dev_rows, field, "dev")
        _require_several(name, train)
    elif len(labels) < 2:
        raise InputError(
            f"{name}: every row has the label {labels[0]!r}; a task needs at least two labels", field="task"
        )
    for number, row in enumerate(dev_rows, 1):
        if not numbers and row.label not in labels:
            raise InputError(
                f"{source}: dev row {number} has the label {row.label!r}, which no training row has", field=field
            )
    texts = 2 if are_pairs(train) else 1
    for number, row in enumerate(dev_rows, 1):
        if row.text.count("\t") + 1 != texts:
            has, have = ("one text", "two") if texts == 2 else ("two texts", "one")
            raise InputError(f"{source}: dev row {number} has {has}, where those of train have {have}", field=field)
    return Task(_called(name), train, dev_rows, labels, notes, cut)


def _called(name: str) -> str:
    return name if name in packaged.TASKS else Path(name).absolute().stem  # of ".", too


def _require_numbers(source: str, rows: Sequence[Row], field: str, part: str) -> None:
    for number, row in enumerate(rows, 1):
        if number_of(row.label) is None:
            raise InputError(
                f"{source}: {part} row {number} has the label {row.label[:40]!r}, where the task is to predict "
                "numbers; mend it, or give --problem classes",
                field=field,
            )


def _require_several(name: str, train: Sequence[Row]) -> None:
    if len({float(row.label) for row in train}) < 2:
        raise InputError(f"{name}: every training row has the label {train[0].label}; nothing is learnt", field="task")


def _require_classes(name: str, rows: Sequence[Row]) -> None:
    """Labels are few beside their rows; what is not is another column."""
    labels = {row.label for row in rows}
    if len(rows) >= 10 and 2 * len(labels) > len(rows):
        raise InputError(
            f"{name}: has {len(labels)} labels in {len(rows)} rows, {sorted(labels)[0][:40]!r} among them; say "
            "with --label-column which column holds the label, or --problem numbers where numbers are to be predicted",
            field="task",
        )


def measured(name: str, columns: Columns = USUAL, limit: int | None = None) -> list[Row]:
    """The rows that a finished model is measured on: of a file, or of the dev part of a packaged task; the first
    `limit` of them, and no more is read."""
    return load_task(name).dev[:limit] if name in packaged.TASKS else read_labelled(name, columns, limit)


def _rows_of(name: str, columns: Columns) -> tuple[list[Row], list[Row] | None, list[str]]:
    """(the rows to train on, those of a dev part or None where there is none, what the user is to know)."""
    path = Path(name)
    if name in packaged.TASKS:
        rows, note = packaged.TASKS[name]()
        return rows, None, [note]
    if path.exists():
        files = _parts(path) if path.is_dir() else (path, None)
        tables = [read_table(file, columns) if file else None for file in files]
        notes = [
            f"{file.name}: {note}"
            for file, table in zip(files, tables, strict=True)
            if file and table
            for note in table.notes
        ]
        train, dev = tables
        return train.rows if train else [], dev.rows if dev else None, notes
    if hub.is_name(name):
        return hub.labelled(name, columns)
    raise InputError(
        f"{name}: no such file or folder, not a packaged task ({', '.join(packaged.TASKS)}), and not a name on "
        "the hub (owner/name or name:configuration)",
        field="task",
    )


def _parts(folder: Path) -> tuple[Path, Path | None]:
    """The file of train, and that of dev or None."""
    train = _part(folder, TRAIN_PARTS)
    if train is None:
        raise InputError(f"{folder}: holds no train.tsv, train.csv or train.jsonl, nor any with .gz")
    return train, _part(folder, DEV_PARTS)


def _part(folder: Path, names: Sequence[str]) -> Path | None:
    """The one file of these names, whatever the case; one of a kind that is not read is refused, not passed over."""
    named = [file for file in sorted(folder.iterdir()) if file.is_file() and file.name.lower().split(".")[0] in names]
    found = [file for file in named if file.name.lower().removesuffix(".gz").endswith(SUFFIXES)]
    if len(found) > 1:
        raise InputError(f"{folder}: holds {' and '.join(file.name for file in found)}; keep one, or name it")
    strange = [file for file in named if file.suffix.lower() in TABLES]
    if not found and strange:
        raise InputError(f"{strange[0]}: is of a kind that is not read; write it as .tsv, .csv or .jsonl")
    return found[0] if found else None


TABLES = (".parquet", ".arrow", ".feather", ".xlsx", ".xls", ".ods", ".zip", ".bz2", ".xz", ".zst", ".pkl", ".txt")


def split(rows: Sequence[Row], share: float, seed: int, classes: bool = True) -> tuple[list[Row], list[Row]]:
    """(the larger part, `share` of the rows): shuffled by `seed`, each text on one side only.

    Where labels are `classes`, none of these is left without a text in the larger part, nor one of FEWEST texts without
    any in the other.
    """
    texts = sorted({row.text for row in rows})
    random.Random(seed).shuffle(texts)
    held_out = set(texts[: max(1, round(share * len(texts)))])
    if classes and len(held_out) < len(texts):
        _stratify(rows, texts, held_out)
    return [r for r in rows if r.text not in held_out], [r for r in rows if r.text in held_out]


def _stratify(rows: Sequence[Row], texts: Sequence[str], held_out: set[str]) -> None:
    """Move the texts, in their order, that a class lacks on one side."""
    labels: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        labels[row.text].add(row.label)
    classes: dict[str, list[str]] = defaultdict(list)
    for text in texts:
        for label in sorted(labels[text]):
            classes[label].append(text)
    for _, own in sorted(classes.items()):
        if len(own) >= FEWEST and not held_out & set(own):
            held_out.add(own[0])
    for _, own in sorted(classes.items()):
        if held_out >= set(own):
            held_out.discard(own[0])


def read_corpus(name: str, count: int, seed: int) -> list[str]:
    """`count` texts without labels, drawn by the seed: lines of the whole file, or of a data set of the hub.

    Raises:
        InputError: neither is there, or it holds no text.
    """
    if not Path(name).exists() and hub.is_name(name):
        return hub.lines(name, count, seed)
    path = require_file(name, "corpus")
    lines = sample((line for _, line in read_lines(path) if line.strip()), count, seed)
    if not lines:
        raise InputError(f"{path}: holds no text", field="corpus")
    return lines


def sample(lines: Iterable[str], count: int, seed: int) -> list[str]:
    """`count` of the lines, each as likely as any other, in one pass that holds no more than those (algorithm R)."""
    draw, kept = random.Random(seed), []
    for number, line in enumerate(lines):
        if number < count:
            kept.append(line)
        elif (place := draw.randrange(number + 1)) < count:
            kept[place] = line
    return kept


def majority_share(rows: Sequence[Row]) -> float:
    """The accuracy of always answering the most frequent label."""
    return Counter(row.label for row in rows).most_common(1)[0][1] / len(rows)


def digest_of(values: object) -> str:
    """Of texts, in lists and dicts perhaps: equal where these are."""
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()


def save_rows(rows: Sequence[Row], pairs: bool, path: Path) -> None:
    """Write the rows as JSON lines, which hold every text as it is."""

    def line(row: Row) -> str:
        texts = dict(zip(PAIR_COLUMNS[0], row.text.split("\t", 1), strict=True)) if pairs else {"text": row.text}
        return json.dumps({"label": row.label, **texts}, ensure_ascii=False) + "\n"

    write_atomically(path, lambda file: file.write_text("".join(map(line, rows)), "utf-8"))
