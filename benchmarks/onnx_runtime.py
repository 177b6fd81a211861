"""Both ONNX exports of a trained model under ONNX Runtime, as a Markdown table: `docs/onnx.md` holds it.

    python benchmarks/onnx_runtime.py --data tweets --limit 200 runs/*/model.pt

The float one against torch, the integer one against the fast simulator, on the same real texts.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import helper

from export.formats import onnx_integer
from export.lower import onnx_float
from export.lower.pipeline import lower
from simulate.batches import Tokens
from simulate.fast import FastSimulator
from simulate.text import encode
from spikebert.core.errors import exit_cleanly
from spikebert.data.tasks import load_task
from spikebert.model.checkpoint import load_model
from spikebert.model.recording import record_spikes

Outcome = tuple[np.ndarray, dict[str, np.ndarray]]  # logits (1, labels), spikes {layer: (T, N, D)}


def session_of(path: Path, layers: Sequence[str]) -> onnxruntime.InferenceSession:
    """A session whose outputs are the logits and the spikes of layers."""
    model = onnx.load(path)
    model.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in layers)
    return onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


def run(session: onnxruntime.InferenceSession, layers: Sequence[str], tokens: Tokens) -> Outcome:
    feeds = {"input_ids": tokens[None], "attention_mask": np.ones((1, len(tokens)), np.int64)}
    logits, *spikes = session.run(None, feeds)
    return logits, {name: train[:, 0] for name, train in zip(layers, spikes, strict=True)}  # type: ignore[index]


def torch_run(model, tokens: Tokens) -> Outcome:
    with torch.no_grad(), record_spikes(model) as spikes:
        logits = model(torch.from_numpy(tokens)[None]).logits.numpy()
    return logits, {name: train.numpy() for name, train in spikes.items()}


def fast_run(simulator: FastSimulator, tokens: Tokens) -> Outcome:
    result = simulator.run([tokens], record=True)
    return result.logits, result.spikes or {}


def compare(ours: Sequence[Outcome], theirs: Sequence[Outcome]) -> tuple[str, str]:
    """How many predictions differ, and how many spikes."""
    labels = sum(int(a.argmax() != b.argmax()) for (a, _), (b, _) in zip(ours, theirs, strict=True))
    wrong = total = 0
    for (_, mine), (_, other) in zip(ours, theirs, strict=True):
        wrong += sum(int((mine[name] != other[name]).sum()) for name in mine)
        total += sum(train.size for train in mine.values())
    return f"{labels} of {len(ours)}", f"{wrong:,} of {total:,}"


def rows(path: Path, data: str, limit: int):
    """The two rows of one model."""
    trained = load_model(path)
    graph = lower(trained)
    texts = [row.text for row in load_task(data).dev[:limit]]
    sentences = encode(graph, texts, f"{data}: text", truncate=True)
    layers = [node.name for node in graph.neurons]
    simulator, model = FastSimulator(graph), trained.model.eval()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.onnx"
        for kind, write, source, reference in (
            ("float", onnx_float.write, trained, lambda tokens: torch_run(model, tokens)),
            ("integer", onnx_integer.write, graph, lambda tokens: fast_run(simulator, tokens)),
        ):
            write(source, file)
            session = session_of(file, layers)
            differ = compare([reference(t) for t in sentences], [run(session, layers, t) for t in sentences])
            yield path.parent.name, kind, *differ, f"{file.stat().st_size / 1e6:.1f} MB"


def main() -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("models", nargs="+", type=Path)
    p.add_argument("--data", required=True)
    p.add_argument("--limit", type=int, default=100, help="texts (default: %(default)s)")
    options = p.parse_args()

    def table() -> None:
        print("| model | ONNX | predictions that differ | spikes that differ | file |\n|---|---|---|---|---|")
        for model in options.models:
            for row in rows(model, options.data, options.limit):
                print(f"| {' | '.join(row)} |", flush=True)

    return exit_cleanly("onnx_runtime", table)


if __name__ == "__main__":
    sys.exit(main())
