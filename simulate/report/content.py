"""What the panels of a report are made of: the run, its accounts and, where recorded, one text seen closely."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from simulate import trace
from simulate.energy import bert
from simulate.energy.account import Account, Comparison
from simulate.energy.accountings import compare
from simulate.energy.bert import BertShape
from simulate.energy.record import RunRecord, read_run
from simulate.energy.span import Span
from simulate.report.ablation import Ablation, read_ablation
from simulate.report.mapping import Mapping, read_mapping
from simulate.trace import Trace
from spikebert.data.metrics import ACCURACY, noted

Total = TypeVar("Total", float, Span)


@dataclass(frozen=True)
class Content:
    """`reference` is the same-shape BERT in float32, `teacher` the one learned from, where known, on the same texts."""

    run: RunRecord
    comparisons: tuple[Comparison, ...]
    reference: Account
    teacher: tuple[BertShape, Account] | None = None
    trace: Trace | None = None
    mapping: Mapping | None = None
    ablation: Ablation | None = None

    def noted_result(self, *keys: str, prefix: str = "") -> str | None:
        """What a network reached on the dev texts of the training, by the metric of the task, in words.

        Args:
            keys, prefix: where the record of the training has it: the names of the part, and what the names of its
                `accuracy` and `score` begin with.
        Returns:
            None where it has none.
        """
        model = self.run.model
        measured = noted(model.noted("training"), model.labels)
        name = "accuracy" if measured == ACCURACY else "score"
        value = model.noted("training", *keys, f"{prefix}{name}")
        if type(value) is not float or not -1 <= value <= 1:
            return None
        return f"{100 * value:.1f} %" if measured == ACCURACY else f"{measured.title} {value:.4f}"

    def per_text(self, total: Total) -> Total:
        return total / self.run.samples

    def microjoules(self, total: Span) -> Span:
        """µJ a text, of pJ of the whole run."""
        return self.run.microjoules(total)


def read_content(
    folder: Path, teacher: Path | None = None, mapping: Path | None = None, ablation: Path | None = None
) -> Content:
    """The content of a report on the run in a folder of spikebert-simulate; an InputError tells what is wrong there.

    Args:
        teacher: the folder of a BERT, or its config.json, to price on the same texts instead of the teacher that the
            exported file notes.
        mapping: mapping.json of spikebert-deploy, or its folder.
        ablation: the .json of spikebert-simulate ablate.
    """
    path = folder / trace.FILE
    return content_of(read_run(folder), Trace.read(path) if path.exists() else None, teacher, mapping, ablation)


def content_of(
    run: RunRecord,
    traced: Trace | None = None,
    teacher: Path | None = None,
    mapping: Path | None = None,
    ablation: Path | None = None,
) -> Content:
    """The content of a report on a run that need not be in a folder; `traced` is one of its texts, seen closely."""
    shape = BertShape.of_teacher(run) if teacher is None else BertShape.read(teacher)
    return Content(
        run,
        compare(run),
        bert.account(run),
        None if shape is None else (shape, bert.account(run, shape)),
        traced,
        None if mapping is None else read_mapping(mapping, run),
        None if ablation is None else read_ablation(ablation, run),
    )
