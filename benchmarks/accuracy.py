"""What trained runs reached on dev, as a Markdown table, in float as they were measured at the end of training.

    python benchmarks/accuracy.py runs/sst2*

Reads the `result.json` of baselines and the `model/training.json` of SpikeBERTs; folders without either are left out.
Where a folder holds `run/`, made by `spikebert-simulate RUN/model.nir --data … --out RUN/run`, the integer model's
accuracy stands beside the float one's, with its firing rate and energy.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from simulate.energy.accountings import compare
from simulate.energy.record import read_run
from spikebert.data.metrics import wilson
from spikebert.model.checkpoint import TRAINING_FILE


def result(folder: Path) -> dict[str, Any] | None:
    for name in ("result.json", f"model/{TRAINING_FILE}"):
        if (folder / name).exists():
            content = json.loads((folder / name).read_text("utf-8"))
            return {**content, **content.get("settings", {}), **_finished(folder)}
    return None


def _finished(folder: Path) -> dict[str, Any]:
    """What the log says of the whole run: its time is in no model, so that equal runs give equal bytes."""
    log = folder / "metrics.jsonl"
    last = json.loads(log.read_text("utf-8").splitlines()[-1]) if log.exists() else {}
    return last if last.get("stage") == "finished" else {}


def row(folder: Path, found: dict[str, Any]) -> str:
    accuracy, texts = found["accuracy"], found["dev_texts"]
    low, high = wilson(round(accuracy * texts), texts)
    seconds = f"{found['seconds'] / 60:.0f}" if "seconds" in found else ""
    kind = found.get("model") if isinstance(found.get("model"), str) else found.get("baseline") or "SpikeBERT"
    cells = [
        folder.name,
        kind,
        f"{accuracy:.2%}",
        f"{low:.1%} to {high:.1%}",
        *spent(folder / "run"),
        f"{found['teacher_accuracy']:.2%}" if "teacher_accuracy" in found else "",
        str(found.get("seed", "")),
        seconds,
    ]
    return f"| {' | '.join(map(str, cells))} |"


def spent(folder: Path) -> list[str]:
    """Accuracy, firing rate and energy of a simulated run; blanks without one."""
    if not (folder / "counts.json").exists():
        return [""] * 4
    run = read_run(folder)
    events = next(each for each in compare(run) if each.spiking.name == "events")
    energy = events.spiking.picojoules / run.samples / 1e6
    return [f"{run.accuracy:.2%}", f"{run.rate:.3f}", f"{energy:.1f}", f"{events.ratio:.1%}"]


COLUMNS = {  # heading: alignment
    "run": "---",
    "network": "---",
    "float": "--:",
    "95 % interval": "---",
    "int8": "--:",
    "firing rate": "--:",
    "µJ a text, events": "--:",
    "of BERT": "--:",
    "teacher": "--:",
    "seed": "--:",
    "minutes": "--:",
}


def main() -> None:
    print(f"| {' | '.join(COLUMNS)} |\n|{'|'.join(COLUMNS.values())}|")
    for folder in map(Path, sys.argv[1:]):
        found = result(folder)
        if found:
            print(row(folder, found))


if __name__ == "__main__":
    main()
