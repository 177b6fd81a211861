"""A whole report, ready to be written down: its cards, its panels, and the commands that repeat it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from simulate.energy.bert import BertShape
from simulate.report.content import Content, read_content
from simulate.report.panel import Card, Panel
from simulate.report.panels import CARDS, PANELS
from spikebert.core.errors import InputError, printable

PROGRAM = "spikebert-report"


@dataclass(frozen=True, repr=False)
class Report:
    """A report on a run.

    Attributes:
        content: the run, with the mapping, the teacher and the ablation where they were given.
        cards: the figures at its head.
        panels: its tables and figures.
        options: of the command that makes it.
    """

    content: Content
    cards: tuple[Card, ...]
    panels: tuple[Panel, ...]
    options: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Report({self.title}: {len(self.panels)} panels)"

    @property
    def title(self) -> str:
        """Its heading."""
        return f"SpikeBERT on {Path(self.content.run.origin.data).name}"

    @property
    def subtitle(self) -> str:
        """The model and the run in one line."""
        run, model = self.content.run, self.content.run.model
        taken = f" (early exit after {sum(run.steps) / run.samples:.2f} steps on average)"
        early = "" if model.exit_margin is None else taken
        texts = "1 text" if run.samples == 1 else f"{run.samples:,} texts"
        return (
            f"{model.file}: {BertShape.of(run).size}, T = {model.time_steps}{early}, "
            f"{model.norm} norm, {model.reset} reset, {model.weight_bits}-bit weights; {texts}, {run.tokens:,} tokens, "
            f"simulated on {run.origin.backend}"
        )

    def command(self, panel: Panel | None = None) -> str:
        """The command that makes this page anew, or the figure of one panel alone."""
        arguments = ["-o", "report.html"] if panel is None else ["--figure", panel.key, "-o", f"{panel.key}.svg"]
        return printable(shlex.join([PROGRAM, str(self.content.run.folder), *self.options, *arguments]))

    def figure(self, key: str) -> Panel:
        """The panel whose figure has this name."""
        panels = {panel.key: panel for panel in self.panels if panel.plot}
        if key not in panels:
            raise InputError(f"{key}: this run has the figures {', '.join(panels)}", field="figure")
        return panels[key]


def read_report(
    folder: Path, teacher: Path | None = None, mapping: Path | None = None, ablation: Path | None = None
) -> Report:
    """The report on the run in a folder of spikebert-simulate; see `read_content`."""
    return report_on(read_content(folder, teacher, mapping, ablation), teacher, mapping, ablation)


def report_on(
    content: Content, teacher: Path | None = None, mapping: Path | None = None, ablation: Path | None = None
) -> Report:
    """The report on a content that was made with this teacher, this mapping and this table of ablations."""
    options = [("--teacher", teacher), ("--mapping", mapping), ("--ablation", ablation)]
    return Report(
        content,
        cards=tuple(make(content) for make in CARDS),
        panels=tuple(panel for panel in (make(content) for make in PANELS) if panel),
        options=tuple(part for flag, path in options if path is not None for part in (flag, str(path))),
    )
