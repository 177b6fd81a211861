"""Which tools give our spikes, bit by bit, for each stock stage: `python -m benchmarks.interop MODEL TEXTS`.

The tools run in `.venv-interop` (`make interop`); files and spike arrays are all that is exchanged. Prints Markdown.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from export import nir, stages
from export.cli import is_hdf5
from export.graph import Graph
from simulate.fast import FastSimulator

ROOT = Path(__file__).parent.parent
BIN = ROOT / ".venv-interop" / "bin"
TOOLS = ("snntorch", "norse", "spikingjelly")


def activity(graph: Graph, spikes: dict, name: str) -> np.ndarray:
    """(T, M, D): what leaves a LIF or an Add."""
    return spikes[name] if name in spikes else sum(activity(graph, spikes, s) for s in graph[name].inputs)


def run(tool: str, stage: Path, source: Path, target: Path) -> np.ndarray | str:
    """The tool's spikes, or the last line of why it did not run."""
    command = [BIN / "python", ROOT / "interop" / "run_stage.py", tool, stage, source, target]
    done = subprocess.run(command, capture_output=True, text=True)
    return np.load(target)["spikes"] if done.returncode == 0 else done.stderr.strip().splitlines()[-1]


def verdict(theirs: np.ndarray | str, ours: np.ndarray) -> str:
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


def table(graph: Graph, texts: list[str]) -> str:
    tokenizer = Tokenizer.from_str(graph.tokenizer)
    sentences = [np.array(tokenizer.encode(t).ids[: graph.max_tokens]) for t in texts]
    spikes = FastSimulator(graph).run(sentences, record=True).spikes
    lines = [f"| stage | rounds | {' | '.join(TOOLS)} | snn-mlir check |", "|---" * (len(TOOLS) + 3) + "|"]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "stages"
        stages.write(graph, out)
        for entry in json.loads((out / stages.MANIFEST).read_text())["stages"]:
            source = Path(folder) / "in.npz"
            np.savez(source, spikes=activity(graph, spikes, entry["input"]))
            results = [
                verdict(run(tool, out / entry["file"], source, Path(folder) / "out.npz"), spikes[entry["output"]])
                for tool in TOOLS
            ]
            rounds = "no" if all(layer["exact"] for layer in entry["layers"]) else "yes"
            cells = [entry["file"], rounds, *results, checked(out / entry["file"])]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main(model: str, texts: str) -> None:
    if is_hdf5(model):
        graph = nir.read(model)
    else:
        from export.lower.pipeline import lower
        from spikebert.checkpoint import load_model

        graph = lower(load_model(model), 8, False, "loihi2")
    print(table(graph, Path(texts).read_text("utf-8").splitlines()))


if __name__ == "__main__":
    main(*sys.argv[1:])
