"""What trained runs reached on dev, as a Markdown table, in float as they were measured at the end of training.

    python benchmarks/accuracy.py runs/sst2-*

Reads the `result.json` of baselines and the `model/training.json` of SpikeBERTs; folders without either are left out.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from simulate.report.panels.accuracy import wilson
from spikebert.checkpoint import TRAINING_FILE


def result(folder: Path) -> dict[str, Any] | None:
    for name in ("result.json", f"model/{TRAINING_FILE}"):
        if (folder / name).exists():
            content = json.loads((folder / name).read_text("utf-8"))
            return {**content, **content.get("settings", {})}
    return None


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
        f"{found['teacher_accuracy']:.2%}" if "teacher_accuracy" in found else "",
        str(found.get("seed", "")),
        seconds,
    ]
    return f"| {' | '.join(map(str, cells))} |"


def main() -> None:
    print("| run | network | accuracy | 95 % interval | teacher | seed | minutes |\n|---|---|--:|---|--:|--:|--:|")
    for folder in map(Path, sys.argv[1:]):
        found = result(folder)
        if found:
            print(row(folder, found))


if __name__ == "__main__":
    main()
