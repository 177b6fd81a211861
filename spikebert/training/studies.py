"""Studies of SpikeBERT (paper, Table 3 and Figure 3): each point an ordinary distillation, over several seeds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import mean, stdev
from typing import TYPE_CHECKING, Any

from transformers import BertConfig

from spikebert.core.errors import InputError, all_printable
from spikebert.core.figures import plain
from spikebert.core.files import Kind, claim, has_fields, read_json, write_atomically
from spikebert.core.log import say
from spikebert.model.checkpoint import TRAINING_FILE
from spikebert.training import teacher as teachers
from spikebert.training.pipeline import distil, fine_tune, teacher_settings
from spikebert.training.preparation import named_task, prepare
from spikebert.training.run import unlike
from spikebert.training.settings import LossWeights, Settings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FIELDS = {"steps": "time_steps", "depth": "blocks", "decay": "beta"}
STUDY = Kind(
    "a study of spikebert-train",
    ("study.json", "results.json", "table.md", "plot.svg"),
    has_fields("study", "task", "seed"),
)
AXES = {"steps": "time steps T", "depth": "blocks", "decay": "decay beta"}


@dataclass(frozen=True)
class Point:
    """One row: what it is called, and what it changes in the settings."""

    name: str
    changes: dict[str, Any]

    @property
    def folder(self) -> str:
        return self.name.replace(" ", "-")


def ablation(settings: Settings) -> list[Point]:
    """The whole method, then without each of its parts that these settings use.

    "Without stage 2" learns from the labels alone after stage 1.
    """
    points = [Point("whole", {})]
    if settings.stage1_epochs or settings.warm_start:
        points.append(Point("without stage 1", {"stage1_epochs": 0, "warm_start": None}))
    labels_alone = LossWeights(feature=0.0, embedding=0.0, logits=0.0, cross_entropy=1.0)
    points.append(Point("without stage 2", {"weights": labels_alone, "augment": 0, "unlabelled": 0}))
    if settings.augment:
        points.append(Point("without augmentation", {"augment": 0}))
    priced = settings.operations_target is not None
    for term, weight in asdict(settings.weights).items():
        if weight and (term != "operations" or priced):
            name = f"without {term.replace('_', ' ')} loss"
            points.append(Point(name, {"weights": replace(settings.weights, **{term: 0.0})}))
    return points


def sweep(kind: str, values: Sequence[float]) -> list[Point]:
    """A point for each value of the field that `kind` varies."""
    number = float if kind == "decay" else int
    return [Point(f"{kind} {value:g}", {FIELDS[kind]: number(value)}) for value in values]


def study(kind: str, settings: Settings, seeds: int, values: Sequence[float]) -> Path:
    """Run what is missing, and write results.json, table.md and, for a sweep, plot.svg into `settings.out`.

    Args:
        kind: "ablation", or one of FIELDS, whose points are `values`, each of which stands there once.
        settings: those of every point, but for what the point changes.
        seeds: how many, from `settings.seed` on.
    Returns:
        the folder. The files are written anew after each run, so that a long study can be watched.
    """
    settings.check()
    if not settings.epochs:
        raise InputError("0: a study needs stage 2", field="epochs")
    points = ablation(settings) if kind == "ablation" else sweep(kind, values)
    for point in points:
        replace(settings, **point.changes).check()
    fitted, teacher = _fitted(settings)
    folder = Path(settings.out)
    _claim(folder, kind, settings)
    for seed in range(settings.seed, settings.seed + seeds):
        home = folder / f"seed-{seed}"
        seeded = replace(settings, seed=seed, out=str(home))
        task = prepare(seeded)
        if not fitted:
            fine_tune(teacher_settings(seeded, teacher), task)
        for point in points:
            out = home / point.folder
            if not fitted:
                _share_teacher(out)
            say(f"{kind}, {point.name}, seed {seed}")
            distil(replace(seeded, out=str(out), **point.changes), task)
            write(kind, folder, points)
    say((folder / "table.md").read_text("utf-8").rstrip("\n"))
    return folder


def _claim(folder: Path, kind: str, settings: Settings) -> None:
    """A folder holds one study; more seeds and more points may be added to it."""
    chosen = {k: v for k, v in asdict(settings).items() if k not in ("out", FIELDS.get(kind))}
    wanted = all_printable({"study": kind, **chosen})
    claim(folder, STUDY)
    record = folder / STUDY.files[0]
    names = unlike(read_json(record, "record of settings"), wanted, settings) if record.exists() else []
    if names:
        others = ", ".join(names)
        raise InputError(f"{folder}: holds a study with other settings ({others}); choose another folder", field="out")
    write_atomically(record, lambda path: path.write_text(json.dumps(wanted, indent=1), "utf-8"))


def _fitted(settings: Settings) -> tuple[bool, BertConfig]:
    """(whether the teacher comes fine-tuned for the task, so that no run needs to do it; its shape)."""
    labels = named_task(settings).labels
    if not labels:
        raise InputError(f"{settings.task}: a study compares accuracies, and numbers have none", field="task")
    model, _, fitted = teachers.load(settings.teacher, labels)
    return fitted, model.config


def _share_teacher(run: Path) -> None:
    """All points of a seed learn from one teacher: the run finds it, finished, in the place where it would make it."""
    run.mkdir(parents=True, exist_ok=True)
    place = run / "teacher"
    if not place.is_symlink():
        place.symlink_to(Path("..", "teacher"), target_is_directory=True)


def accuracies(folder: Path, points: Sequence[Point]) -> dict[str, dict[int, float]]:
    """{point: {seed: accuracy on dev}} of the runs that are finished."""
    found: dict[str, dict[int, float]] = {point.name: {} for point in points}
    seeds = [name for home in folder.glob("seed-*") if (name := home.name.removeprefix("seed-")).isdecimal()]
    for home in (folder / f"seed-{seed}" for seed in sorted(seeds, key=int)):
        for point in points:
            if (home / point.folder / "model.pt").exists():
                notes = json.loads((home / point.folder / "model" / TRAINING_FILE).read_text("utf-8"))
                found[point.name][notes["seed"]] = notes["accuracy"]
    return found


def write(kind: str, folder: Path, points: Sequence[Point]) -> None:
    """results.json, table.md and plot.svg of what is finished."""
    rows = []
    for point, runs in zip(points, accuracies(folder, points).values(), strict=True):
        spread = stdev(runs.values()) if len(runs) > 1 else None
        changes = {k: asdict(v) if isinstance(v, LossWeights) else v for k, v in point.changes.items()}
        average = mean(runs.values()) if runs else None
        rows.append({"point": point.name, "changes": changes, "mean": average, "spread": spread, "runs": runs})
    text = json.dumps({"study": kind, "points": rows}, indent=1)
    write_atomically(folder / "results.json", lambda path: path.write_text(text, "utf-8"))
    write_atomically(folder / "table.md", lambda path: path.write_text(table(kind, rows), "utf-8"))
    if kind != "ablation":
        write_atomically(folder / "plot.svg", lambda path: draw(kind, rows, path))


def table(kind: str, rows: Sequence[dict[str, Any]]) -> str:
    """Markdown: accuracy in %, its standard deviation over the seeds, and for an ablation what leaving out costs.

    That difference is the mean over the seeds that both rows have.
    """
    head = ["", "accuracy", "spread", "seeds"] + (["difference"] if kind == "ablation" else [])
    lines = [" | ".join(head), " | ".join(["---", *["---:"] * (len(head) - 1)])]
    for row in rows:
        cells = [row["point"], _percent(row["mean"]), _percent(row["spread"]), str(len(row["runs"]))]
        if kind == "ablation":
            whole = rows[0]["runs"]
            differences = [value - whole[seed] for seed, value in row["runs"].items() if seed in whole]
            cells.append(f"{100 * mean(differences):+.2f}" if differences and row is not rows[0] else "")
        lines.append(" | ".join(cells))
    return "".join(f"| {line} |\n" for line in lines)


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.2f}"


def draw(kind: str, rows: Sequence[dict[str, Any]], path: Path) -> None:
    """The mean over the seeds with its standard deviation, and each run as a dot, against the value that varies."""
    # The same results give the same bytes.
    with plain({"svg.hashsalt": "spikebert"}):
        _draw(kind, rows).savefig(path, format="svg", metadata={"Date": None})


def _draw(kind: str, rows: Sequence[dict[str, Any]]) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.5, 3.0), layout="constrained")
    axes = figure.subplots()
    finished = sorted((row["changes"][FIELDS[kind]], row) for row in rows if row["runs"])
    x = [value for value, _ in finished]
    means = [100 * row["mean"] for _, row in finished]
    spreads = [100 * (row["spread"] or 0.0) for _, row in finished]
    axes.errorbar(x, means, yerr=spreads, marker="o", capsize=3, color="#0072b2")
    for value, row in finished:
        axes.plot([value] * len(row["runs"]), [100 * a for a in row["runs"].values()], ".", color="#8a929b", zorder=0)
    axes.set_xlabel(AXES[kind])
    axes.set_ylabel("accuracy on dev, %")
    axes.set_xticks(x)
    return figure
