"""What a person is told of a task before it is trained on, and of a result that cannot be right. No torch here."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from statistics import fmean, pstdev

from spikebert.core.log import say, warn
from spikebert.data.rows import Row
from spikebert.data.tasks import Task, majority_share, numbers_of

MOST = 12  # classes that are listed
FAR = 0.1  # of accuracy, by which no student is above its teacher
WARNING = "warning: "


def announce(task: Task) -> None:
    """Tell of the task: rows, classes with counts, what was left out and why, what stands there twice, the longest."""
    for note in task.notes:
        say(note)
    texts = "pairs of texts" if task.pairs else "texts"
    labels = "labels are numbers, which are predicted" if task.regression else f"labels {', '.join(task.labels)}"
    say(f"{task.name}: {len(task.train)} training and {len(task.dev)} dev {texts}, {labels}")
    for part, rows in (("training", task.train), ("dev", task.dev)):
        listed = _range(rows) if task.regression else _classes(rows)
        say(f"{part}: {listed}; {_repeated(rows)}longest text {max(len(r.text) for r in rows)} characters")
    for doubt in doubts(task):
        warn(WARNING + doubt)


def _classes(rows: Sequence[Row]) -> str:
    counts = Counter(row.label for row in rows).most_common()
    listed = ", ".join(f"{label} {count}" for label, count in counts[:MOST])
    return f"{listed} and {len(counts) - MOST} more labels" if len(counts) > MOST else listed


def _range(rows: Sequence[Row]) -> str:
    values = numbers_of(rows)
    return f"{min(values):g} to {max(values):g}, mean {fmean(values):.4g}, standard deviation {pstdev(values):.4g}"


def _repeated(rows: Sequence[Row]) -> str:
    repeated = len(rows) - len({row.text for row in rows})
    return f"{repeated} texts repeated; " if repeated else ""


def doubts(task: Task) -> Iterator[str]:
    """What makes a task's measures mean less than they seem."""
    known = {row.text for row in task.train}
    shared = sum(row.text in known for row in task.dev)
    if shared:
        what = "score" if task.regression else "accuracy"
        yield f"{shared} of {len(task.dev)} dev texts are training texts, too; the {what} tells little of new ones"
    labels = defaultdict(set)
    for row in task.train:
        labels[row.text].add(float(row.label) if task.regression else row.label)
    torn = [text for text, own in labels.items() if len(own) > 1]
    if torn:
        yield f"{len(torn)} training texts have more than one label, such as {torn[0][:60]!r}"
    if not task.regression:
        yield from _class_doubts(task)


def _class_doubts(task: Task) -> Iterator[str]:
    counts = Counter(row.label for row in task.train)
    lost = [label for label in task.labels if not counts[label]]
    if lost:
        yield f"no training text that was drawn has the label {_listed(lost)}; give a higher --limit"
    single = [label for label in task.labels if counts[label] == 1]
    if single:
        yield f"one training text alone has the label {_listed(single)}"
    absent = sorted(set(task.labels) - {row.label for row in task.dev})
    if absent:
        yield f"no dev text has the label {_listed(absent)}; its accuracy is not measured"
    for alike in look_alikes(task.labels):
        yield f"the labels {_listed(alike)} look alike and count as different ones"


def _listed(labels: Sequence[str]) -> str:
    return ", ".join(map(repr, labels[:MOST])) + (f" and {len(labels) - MOST} more" if len(labels) > MOST else "")


def look_alikes(labels: Sequence[str]) -> list[list[str]]:
    """Groups of labels that differ in case, in spaces, in how a number is written or in invisible letters alone."""
    groups: dict[object, list[str]] = defaultdict(list)
    for label in labels:
        groups[_plain(label)].append(label)
    return [group for group in groups.values() if len(group) > 1]


def _plain(label: str) -> object:
    try:
        return float(label)
    except ValueError:
        kept = (c for c in unicodedata.normalize("NFKC", label) if unicodedata.category(c) != "Cf")
        return " ".join("".join(kept).split()).casefold()


def warn_of(what: str, accuracy: float | None, rows: Sequence[Row], teacher: float | None = None) -> None:
    """Warn of an accuracy on `rows` that is below the majority class, or far above the teacher's; a regression has
    none."""
    if accuracy is None:
        return
    majority = majority_share(rows)
    if accuracy < majority:
        warn(
            f"{WARNING}{what} is right less often ({accuracy:.4f}) than the most frequent label ({majority:.4f}); "
            "train longer, or look whether texts and labels belong together"
        )
    if teacher is not None and accuracy > teacher + FAR:
        warn(
            f"{WARNING}{what} is far above its teacher ({accuracy:.4f}, {teacher:.4f}); look at the teacher's labels, "
            "and whether dev texts are training texts"
        )
