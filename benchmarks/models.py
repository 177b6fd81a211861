"""The models of this repository, measured anew, as a Markdown table: accuracy beside what it is bought with.

    python benchmarks/models.py DATA
    python benchmarks/models.py --sets      # the folders that DATA must hold

DATA holds the public sets, each a folder with `dev.tsv.gz` of `label<TAB>text` lines, such as `glue/sst2/dev.tsv.gz`.
Each row comes from its model file alone, measured by the metric of its task, times 100. The BERT of the same shape is
the one that the energy report compares with.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.chips.resources import resources
from export.ir import nir
from simulate.energy import dataflow
from simulate.energy.account import Comparison
from simulate.energy.accountings import compare
from simulate.energy.record import RunRecord, read_run
from simulate.energy.traffic import ONCE
from simulate.report.forms import shares
from spikebert.core.errors import RunError, exit_cleanly
from spikebert.data.metrics import TITLES, Metric, metric

ROOT = Path(__file__).parents[1]
COLUMNS = (
    "model",
    "measured on",
    "texts",
    "metric",
    "int8",
    "95 % interval",
    "float",
    "teacher",
    "operations a MAC",
    "`events`",
    "`matched`",
    "`memory`",
    "memory alike",
    "synapses",
    "MB",
)


@dataclass(frozen=True)
class Shipped:
    file: str
    task: str
    data: str  # below DATA, or the name of a packaged set
    words: bool = True  # whether spaces stand between the words of its language

    @property
    def name(self) -> str:
        return Path(self.file).parent.name

    @property
    def packaged(self) -> bool:
        return "/" not in self.data

    def options(self, data: Path) -> list[str]:
        return ["--data", self.data if self.packaged else str(data / self.data), "--truncate"]


MODELS = (
    Shipped("examples/sst2/model.nir", "GLUE SST-2, dev", "glue/sst2/dev.tsv.gz"),
    Shipped("examples/subj/model.nir", "Subj, dev", "subj/dev.tsv.gz"),
    Shipped("examples/mr/model.nir", "MR, dev", "mr/dev.tsv.gz"),
    Shipped("examples/chnsenti/model.nir", "ChnSenti, dev", "chnsenti/dev.tsv.gz", words=False),
    Shipped("examples/waimai/model.nir", "Waimai, dev", "waimai/dev.tsv.gz", words=False),
    Shipped("examples/sst5/model.nir", "SST-5, dev", "sst5/dev.tsv.gz"),
    Shipped("examples/mrpc/model.nir", "GLUE MRPC, dev", "glue/mrpc/dev.tsv.gz"),
    Shipped("examples/rte/model.nir", "GLUE RTE, dev", "glue/rte/dev.tsv.gz"),
    Shipped("examples/cola/model.nir", "GLUE CoLA, dev", "glue/cola/dev.tsv.gz"),
    Shipped("examples/stsb/model.nir", "GLUE STS-B, dev", "glue/stsb/dev.tsv.gz"),
    Shipped("examples/tweets/model.nir", "tweets, dev", "tweets"),
)


def shipped() -> list[Shipped]:
    """The models whose files are here."""
    return [model for model in MODELS if (ROOT / model.file).exists()]


@contextmanager
def workplace() -> Iterator[Path]:
    """The folder that the tables of a page share, see fill.py, or a temporary one."""
    if "FILL_SHARED" in os.environ:
        yield Path(os.environ["FILL_SHARED"])
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def simulated(model: Shipped, data: Path, place: Path) -> RunRecord:
    """The run of a model, which may lie there since another table was made."""
    folder = place / f"{model.name}-run"
    if folder.exists():
        return read_run(folder)
    command = ["spikebert-simulate", model.file, *model.options(data), "--out", str(folder)]
    print(f"$ {' '.join(command)}", file=sys.stderr, flush=True)
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    if done.returncode:
        raise RunError(f"exit code {done.returncode} of: {' '.join(command)}")
    return read_run(folder)


def measured_by(run: RunRecord) -> Metric:
    assert run.metric is not None
    return metric(run.metric, run.model.labels)


def percent(value: float, decimals: int = 2) -> str:
    """A share or a correlation, as tables of results have them: times 100."""
    return f"{100 * value:.{decimals}f}"


def interval(run: RunRecord) -> str:
    assert run.interval is not None
    return " to ".join(percent(end, 1) for end in run.interval)


def share(each: Comparison) -> str:
    """Of BERT, over the range of the prices."""
    return shares([each.ratio_span])[0]


def row(model: Shipped, data: Path) -> str:
    with workplace() as place:
        run = simulated(model, data, place)
    graph = nir.read(ROOT / model.file)
    training = graph.metadata["training"]
    assert run.score is not None
    accounts = {each.spiking.name: each for each in compare(run)}
    events = accounts["events"]
    alike = next(each for each in dataflow.comparisons(run) if each.spiking.name == each.reference.name == ONCE.name)
    synapses = sum(need.synapses for need in resources(graph))
    cells = (
        f"[`{model.file}`](../{Path(model.file).parent}/README.md)",
        model.task,
        f"{run.samples:,}",
        TITLES[measured_by(run).name],
        f"**{percent(run.score)}**",
        interval(run),
        *(percent(training.get(f"{who}score") or training[f"{who}accuracy"]) for who in ("", "teacher_")),
        f"{events.spiking.operations / events.reference.operations:.3f}",
        *(share(each) for each in (events, accounts["matched"], accounts["memory"], alike)),
        f"{synapses / 1e6:.1f} M",
        f"{(ROOT / model.file).stat().st_size / 1e6:.1f}",
    )
    return f"| {' | '.join(cells)} |"


def main() -> int:
    def run() -> None:
        if sys.argv[1:] == ["--sets"]:
            print(", ".join(f"`{Path(model.data).parent}`" for model in shipped() if not model.packaged))
            return
        data = Path(sys.argv[1])
        rows = [row(model, data) for model in shipped()]
        print(f"| {' | '.join(COLUMNS)} |\n|---|---|--:|---|{'--:|' * (len(COLUMNS) - 4)}")
        print("\n".join(rows))

    return exit_cleanly("models", run)


if __name__ == "__main__":
    sys.exit(main())
