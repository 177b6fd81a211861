"""Labelled and unlabelled text from files. No torch here: the simulator reads its texts through this door too."""

from __future__ import annotations

import csv
import gzip
import io
import random
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from spikebert.errors import InputError
from spikebert.files import require_file

LABEL_COLUMNS = ("label", "sentiment")
TEXT_COLUMNS = ("text", "sentence", "review")
PAIR_COLUMNS = (
    ("sentence1", "sentence2"),
    ("text_a", "text_b"),
    ("premise", "hypothesis"),
    ("question1", "question2"),
    ("question", "sentence"),
)


@dataclass(frozen=True)
class Row:
    """One labelled text."""

    label: str
    text: str


@dataclass(frozen=True)
class Task:
    """A classification task: what is trained on, and what is never looked at until the end."""

    name: str
    train: list[Row]
    dev: list[Row]
    labels: list[str]
    note: str = ""  # what was dropped or cut while reading, for the user

    @property
    def pairs(self) -> bool:
        """Whether each text is two, with a TAB between them."""
        return all("\t" in row.text for row in self.train)


def halves(text: str) -> str | tuple[str, str]:
    """What the tokenizers libraries take for a pair of texts: two, where a TAB parts them."""
    first, tab, second = text.partition("\t")
    return (first, second) if tab else text


def read_labelled(path: str | Path) -> list[Row]:
    """The rows of a file, `.gz` or plain: `label<TAB>text` lines, or a .csv with a header that names both columns.

    Sentence pairs are `label<TAB>text<TAB>text`, or a .csv with two columns of PAIR_COLUMNS; a TAB parts them in a Row.

    Raises:
        InputError: naming the file and the line, for a missing or truncated file, text that is not UTF-8, a line
            without a tab, an empty label or text, or a file without rows.
    """
    path = require_file(path, "data")
    is_csv = path.name.removesuffix(".gz").endswith(".csv")
    rows = list(_csv_rows(path) if is_csv else _tsv_rows(path))
    if not rows:
        raise InputError(f"{path}: holds no rows")
    return rows


def _tsv_rows(path: Path) -> Iterator[Row]:
    for number, line in read_lines(path):
        label, tab, text = line.partition("\t")
        if not tab:
            raise InputError(f"{path}, line {number}: no tab; each line is label<TAB>text")
        yield _row(path, number, label, text)


def _csv_rows(path: Path) -> Iterator[Row]:
    lines = [line for _, line in read_lines(path)]
    reader = csv.DictReader(io.StringIO("\n".join(lines)))
    try:
        label, text = _csv_columns(path, reader.fieldnames or [])
        for fields in reader:
            yield _row(path, reader.line_num, fields[label] or "", joined([fields[name] or "" for name in text]))
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num + 1}: not CSV ({error})") from None


def _csv_columns(path: Path, header: Sequence[str]) -> tuple[str, list[str]]:
    """The names of the label's column and of the text's, or of the two of a pair."""
    columns = {name.strip().lower(): name for name in header}
    label = next((columns[c] for c in LABEL_COLUMNS if c in columns), None)
    text = text_columns(columns)
    if label is None or not text:
        pairs = " or ".join(map(" and ".join, PAIR_COLUMNS))
        raise InputError(
            f"{path}, line 1: the header must name a label column ({' or '.join(LABEL_COLUMNS)}) "
            f"and a text column ({' or '.join(TEXT_COLUMNS)}), or the two of a pair ({pairs})"
        )
    return label, [columns[name] for name in text]


def text_columns(columns: Iterable[str]) -> tuple[str, ...]:
    """The columns that hold a row's text, one or the two of a pair; none where there are none."""
    columns = set(columns)
    pair = next((names for names in PAIR_COLUMNS if columns >= set(names)), ())
    return pair or next(((name,) for name in TEXT_COLUMNS if name in columns), ())


def joined(texts: Sequence[str]) -> str:
    """One text, or the two of a pair with a TAB between them."""
    return texts[0] if len(texts) == 1 else "\t".join(" ".join(text.split()) for text in texts)


def _row(path: Path, number: int, label: str, text: str) -> Row:
    if not label.strip():
        raise InputError(f"{path}, line {number}: the label is empty")
    if not text.strip():
        raise InputError(f"{path}, line {number}: the text is empty")
    return Row(label.strip(), text.strip())


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """(line number, line) of a UTF-8 file, gzipped or not, streamed; an InputError names a line that is not UTF-8."""
    for number, line in byte_lines(path):
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError:
            raise InputError(f"{path}, line {number}: not UTF-8; convert the file to UTF-8") from None
        yield number, text.rstrip("\r\n")


def byte_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """(line number, line with its end) of a file in any encoding, gzipped or not, streamed."""
    number = 0
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            for number, line in enumerate(file, 1):
                yield number, line
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{path}: truncated or not gzip, after line {number} ({error}); copy it again") from None


def load_task(name: str, dev: str | None = None) -> Task:
    """A task by the name of a packaged one, by file, by a folder with train.tsv[.gz] and dev.tsv[.gz], or from the hub.

    Where no dev part is given, a tenth of the rows is cut off as dev, by a fixed seed.
    """
    train, dev_rows, note = _rows_of(name)
    if dev:
        dev_rows = read_labelled(dev)
    if dev_rows is None:
        train, dev_rows = split(train, 0.1, seed=0)
    for part, rows in (("training", train), ("dev", dev_rows)):
        if not rows:
            raise InputError(f"--task {name}: no {part} rows; give more texts, or a dev part with --dev")
    labels = sorted({row.label for row in train})
    if len(labels) < 2:
        raise InputError(f"--task {name}: every row has the label {labels[0]!r}; a task needs at least two labels")
    for number, row in enumerate(dev_rows, 1):
        if row.label not in labels:
            raise InputError(f"--task {name}: dev row {number} has the label {row.label!r}, which no training row has")
    return Task(_called(name), train, dev_rows, labels, note)


def _called(name: str) -> str:
    from spikebert import packaged

    return name if name in packaged.TASKS else Path(name).stem


def _rows_of(name: str) -> tuple[list[Row], list[Row] | None, str]:
    """(the rows to train on, those of a dev part or None where there is none, what the user is to know)."""
    from spikebert import hub, packaged

    path = Path(name)
    if name in packaged.TASKS:
        rows, note = packaged.TASKS[name]()
        return rows, None, note
    if path.exists():
        train_file, dev_file = _parts(path) if path.is_dir() else (path, None)
        return read_labelled(train_file), read_labelled(dev_file) if dev_file else None, ""
    if hub.is_name(name):
        return *hub.labelled(name), ""
    raise InputError(
        f"--task {name}: no such file or folder, not a packaged task ({', '.join(packaged.TASKS)}), and not a name on "
        "the hub (owner/name or name:configuration)"
    )


def _parts(folder: Path) -> tuple[Path, Path | None]:
    def find(part: str) -> Path | None:
        names = (f"{part}{ending}" for ending in (".tsv", ".tsv.gz", ".csv", ".csv.gz"))
        return next((folder / n for n in names if (folder / n).is_file()), None)

    train = find("train")
    if train is None:
        raise InputError(f"{folder}: holds no train.tsv, train.csv or either with .gz")
    return train, find("dev")


def split(rows: Sequence[Row], share: float, seed: int) -> tuple[list[Row], list[Row]]:
    """(the larger part, `share` of the rows): shuffled by `seed`, each text on one side only."""
    texts = sorted({row.text for row in rows})
    random.Random(seed).shuffle(texts)
    held_out = set(texts[: max(1, round(share * len(texts)))])
    return [r for r in rows if r.text not in held_out], [r for r in rows if r.text in held_out]


def read_corpus(name: str, count: int, seed: int) -> list[str]:
    """`count` texts without labels, drawn by the seed: lines of the whole file, or of a data set of the hub.

    Raises:
        InputError: neither is there, or it holds no text.
    """
    from spikebert import hub

    if not Path(name).exists() and hub.is_name(name):
        return hub.lines(name, count, seed)
    path = require_file(name, "corpus")
    lines = sample((line for _, line in read_lines(path) if line.strip()), count, seed)
    if not lines:
        raise InputError(f"--corpus {path}: holds no text")
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
