"""Which tools give our spikes for each stage of stock NIR, bit by bit, as a Markdown table: `docs/interop.md` holds it.

    python benchmarks/interop.py MODEL.nir --data tweets --limit 32

The tools run in `.venv-interop` (`make interop`) on spikes recorded from real texts; files are all that is exchanged.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.formats import stages
from export.ir import nir
from simulate.fast import FastSimulator
from simulate.text import encode
from spikebert.core.errors import InputError, exit_cleanly
from spikebert.data.tasks import load_task

ROOT = Path(__file__).parents[1]
BIN = ROOT / ".venv-interop" / "bin"
TOOLS = ("snntorch", "norse", "spikingjelly")


def run(tool: str, stage: Path, source: Path, target: Path) -> NDArray[np.uint8] | str:
    """The tool's spikes (T, M, D), or the last line of why it did not run."""
    command = [BIN / "python", ROOT / "interop" / "run_stage.py", tool, stage, source, target]
    done = subprocess.run(command, capture_output=True, text=True)
    return np.load(target)["spikes"] if done.returncode == 0 else done.stderr.strip().splitlines()[-1]


def verdict(theirs: NDArray[np.uint8] | str, ours: NDArray[np.uint8]) -> str:
    if isinstance(theirs, str):
        return f"does not run: {theirs}"
    wrong = theirs != ours
    if not wrong.any():
        return "exact"
    step, token, neuron = np.argwhere(wrong)[0]
    return f"{wrong.sum()} of {wrong.size:,} differ, first at step {step}, token {token}, neuron {neuron}"


def checked(stage: Path) -> str:
    """What `snn-mlir check` says."""
    done = subprocess.run([BIN / "snn-mlir", "check", stage], capture_output=True, text=True)
    return "accepted" if done.returncode == 0 else (done.stderr or done.stdout).strip().splitlines()[-1]


def comparisons(path: str, data: str, limit: int):
    """For each stage of a model: its entry in the manifest, the tools' verdicts, and snn-mlir's."""
    graph = nir.read(path)
    texts = [row.text for row in load_task(data, None).dev[:limit]]
    sentences = encode(graph, texts, f"{data}: text", truncate=True)
    spikes: dict[str, Any] = dict(FastSimulator(graph).run(sentences, record=True).spikes or {})
    with tempfile.TemporaryDirectory() as folder:
        out, source, target = Path(folder) / "stages", Path(folder) / "in.npz", Path(folder) / "out.npz"
        stages.write(graph, out)
        for step in json.loads((out / stages.FILE).read_text("utf-8"))["steps"]:
            if step.get("type") == "Add":
                spikes[step["node"]] = sum(spikes[name] for name in step["inputs"])
            if "stage" in step:
                np.savez(source, spikes=spikes[step["input"]])
                stage, ours = out / step["stage"], spikes[step["output"]]
                verdicts = {tool: verdict(run(tool, stage, source, target), ours) for tool in TOOLS}
                yield step, verdicts, checked(stage)


def main() -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("model")
    p.add_argument("--data", required=True)
    p.add_argument("--limit", type=int, default=32, help="texts (default: %(default)s)")
    options = p.parse_args()

    def table() -> None:
        if not BIN.exists():
            raise InputError("no .venv-interop here; `make interop` builds it")
        print(f"| stage | rounds | may saturate | {' | '.join(TOOLS)} | snn-mlir check |")
        print("|---" * (len(TOOLS) + 4) + "|")
        for step, verdicts, accepted in comparisons(options.model, options.data, options.limit):
            flags = ["yes" if any(x[f] for x in step["layers"]) else "no" for f in ("rounds", "may_saturate")]
            names = " → ".join(layer["neurons"] for layer in step["layers"])
            print(f"| {' | '.join([names, *flags, *verdicts.values(), accepted])} |", flush=True)

    return exit_cleanly("interop", table)


if __name__ == "__main__":
    sys.exit(main())
