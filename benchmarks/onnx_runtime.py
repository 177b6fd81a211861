"""Exported ONNX models in ONNX Runtime against what they were made of, as a Markdown table: `docs/onnx.md` holds it.

    python benchmarks/onnx_runtime.py --data tweets --limit 100 runs/*/model.pt

The integer graph is compared with the fast simulator, the float model with torch: in float32, as it is written, and in
float64, where rounding decides nothing. The last row, torch with itself in these two, tells what rounding alone does.
"""

from __future__ import annotations

import argparse
import copy
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray

from export import onnx_float, onnx_integer
from export.lower.pipeline import lower
from export.onnx_builder import IDS, LOGITS, MASK
from simulate.fast import FastSimulator
from simulate.text import encode
from spikebert.checkpoint import TrainedModel, load_model
from spikebert.data import load_task, read_labelled
from spikebert.errors import exit_cleanly
from spikebert.packaged import TASKS
from spikebert.recording import record_spikes

BATCH = 20  # sentences
Sentences = Sequence[NDArray[np.int64]]
Result = tuple[NDArray, dict[str, NDArray]]  # logits (B, labels) and {layer: spikes (T, M, D)}
Runner = Callable[[Sentences], Result]
HEADER = (
    "| model | norm | reset | compared | equal predictions | logits, largest difference | spikes that differ | of | "
    "first in |\n|---|---|---|---|---|---|---|---|---|"
)


def padded(sentences: Sentences, extra: int = 0) -> dict[str, NDArray[np.int64]]:
    """The inputs of the ONNX models: sentences as rows, padded to the longest and by `extra` tokens."""
    shape = len(sentences), max(map(len, sentences)) + extra
    ids, mask = np.ones(shape, np.int64), np.zeros(shape, np.int64)  # what stands on padding must not matter
    for row, sentence in enumerate(sentences):
        ids[row, : len(sentence)], mask[row, : len(sentence)] = sentence, 1
    return {IDS: ids, MASK: mask}


def onnx_runner(model: onnx.ModelProto, extra: int = 0) -> Runner:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]

    def run(sentences: Sentences) -> Result:
        feeds = padded(sentences, extra)
        values = dict(zip(names, session.run(names, feeds), strict=True))
        kept = feeds[MASK].astype(bool)
        return values.pop(LOGITS), {name: train[:, kept] for name, train in values.items()}  # type: ignore[index]

    return run


def torch_runner(trained: TrainedModel, dtype: torch.dtype) -> Runner:
    model = copy.deepcopy(trained.model).to(dtype)

    def run(sentences: Sentences) -> Result:
        feeds = {name: torch.from_numpy(value) for name, value in padded(sentences).items()}
        with torch.inference_mode(), record_spikes(model) as spikes:
            logits = model(**feeds).logits
        return logits.numpy(), {name: train.numpy() for name, train in spikes.items()}

    return run


def fast_runner(simulator: FastSimulator) -> Runner:
    def run(sentences: Sentences) -> Result:
        result = simulator.run(sentences, record=True)
        return result.logits, result.spikes or {}

    return run


def compare(one: Runner, other: Runner, sentences: Sentences) -> list[str]:
    """The cells that tell how far two runners agree."""
    same, largest, elements, differing = 0, 0.0, 0, dict[str, int]()
    for start in range(0, len(sentences), BATCH):
        part = sentences[start : start + BATCH]
        (expected, spikes), (found, trains) = one(part), other(part)
        same += int((expected.argmax(1) == found.argmax(1)).sum())
        largest = max(largest, float(np.abs(expected - found).max()))
        for name, train in spikes.items():
            differing[name] = differing.get(name, 0) + int((train != trains[name]).sum())
            elements += train.size
    first = next((name for name, count in differing.items() if count), "")
    return [f"{same} of {len(sentences)}", f"{largest:.2g}", f"{sum(differing.values()):,}", f"{elements:,}", first]


def rows(path: Path, data: Sequence[str]) -> list[str]:
    """The table's rows of one model."""
    trained = load_model(path)
    graph = lower(trained)
    sentences = encode(graph, data, "text", truncate=True)
    float32, float64 = (torch_runner(trained, dtype) for dtype in (torch.float32, torch.float64))
    pairs = {
        "integer: simulator, ONNX": (fast_runner(FastSimulator(graph)), onnx_runner(onnx_integer.build(graph))),
        "float32: torch, ONNX": (float32, onnx_runner(onnx_float.build(trained))),
        "float64: torch, ONNX": (float64, onnx_runner(onnx_float.build(trained, np.float64))),
        "torch: float32, float64": (float32, float64),
    }
    config = trained.model.config
    start = [path.parent.name, config.norm, config.reset]
    return [f"| {' | '.join([*start, what, *compare(*pair, sentences)])} |" for what, pair in pairs.items()]


def main() -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("models", nargs="+", type=Path)
    p.add_argument("--data", default="tweets")
    p.add_argument("--limit", type=int, default=100, help="texts (default: %(default)s)")
    options = p.parse_args()

    def run() -> None:
        data = load_task(options.data).dev if options.data in TASKS else read_labelled(options.data)
        texts = [row.text for row in data[: options.limit]]
        print(HEADER)
        for model in options.models:
            print("\n".join(rows(model, texts)), flush=True)

    return exit_cleanly("onnx_runtime", run)


if __name__ == "__main__":
    sys.exit(main())
