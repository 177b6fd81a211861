"""The simulators against torch's float forward, on a model of random weights; all figures come from one run.

    python benchmarks/simulators.py --preset base             fast against torch at N = 128, growth from N = 32 to 256
    python benchmarks/simulators.py --preset base --lava 20   Lava (block) against fast on 20 sentences

Every pair is run in turns and the least time of each is taken, so that other work on the machine disturbs both alike.
"""

from __future__ import annotations

import argparse
import math
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from turns import least

from export.ir import nir
from export.ir.graph import Graph
from export.lower.pipeline import lower
from simulate import lava
from simulate.fast import FastSimulator
from spikebert.model.checkpoint import TrainedModel
from spikebert.model.config import SpikeBertConfig
from spikebert.model.model import SpikeBertForSequenceClassification
from spikebert.training.settings import PRESETS


def random_model(preset: str, norm: str, reset: str) -> TrainedModel:
    torch.manual_seed(0)
    config = SpikeBertConfig(**PRESETS[preset], norm=norm, reset=reset)  # type: ignore[arg-type]
    model = SpikeBertForSequenceClassification(config).eval()
    with torch.no_grad():
        for name, buffer in model.named_buffers():  # as after training: the norms bring currents to unit variance
            if name.endswith("running_var"):
                buffer.fill_(config.initializer_range**2 * config.hidden_size * 0.3)
        model.embeddings.word.weight.normal_(std=1.0)
    return TrainedModel(model, "{}", ["a", "b"], {})


def against_torch(trained: TrainedModel, graph: Graph, tokens: int, batch: int, repeat: int) -> tuple[float, float]:
    """Seconds a sentence of (fast, torch float)."""
    simulator = FastSimulator(graph)
    ids = torch.randint(0, trained.model.config.vocab_size, (batch, tokens))
    sentences = list(ids.numpy())

    def float_forward():
        with torch.inference_mode():
            trained.model(ids)

    fast, floats = least(repeat, lambda: simulator.run(sentences), float_forward)
    return fast / batch, floats / batch


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--preset", choices=list(PRESETS), default="base")
    p.add_argument("--norm", choices=["layer", "batch"], default="layer")
    p.add_argument("--reset", choices=["subtract", "zero"], default="subtract")
    p.add_argument("--batch", type=int, default=4)
    p.add_argument("--repeat", type=int, default=3)
    p.add_argument("--lava", type=int, metavar="SENTENCES", help="compare Lava (block) with fast instead")
    options = p.parse_args()
    trained = random_model(options.preset, options.norm, options.reset)
    print(f"{options.preset}, {options.norm} norm: {sum(p.numel() for p in trained.model.parameters()):,} parameters")
    graph = exported(trained)
    if options.lava:
        compare_lava(graph, options.lava, options.repeat)
    else:
        compare_torch(trained, graph, options.batch, options.repeat)
    print(f"peak memory of this process, torch model included: {peak():.2f} GiB")


def exported(trained: TrainedModel) -> Graph:
    """The graph as a file gives it back; says what the export took."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.nir"
        started = time.perf_counter()
        nir.write(lower(trained), path)
        seconds, size = time.perf_counter() - started, path.stat().st_size / 1e6
        print(f"exported in {seconds:.1f} s to {size:.0f} MB; peak memory, torch model included: {peak():.2f} GiB")
        return nir.read(path)


def peak() -> float:
    """The most memory that this process has had, in GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def compare_torch(trained: TrainedModel, graph: Graph, batch: int, repeat: int) -> None:
    times = {}
    print(f"{'N':>5}{'fast, s a sentence':>20}{'torch float':>14}{'fast / torch':>14}")
    for tokens in (32, 64, 128, 256):
        if tokens <= graph.max_tokens:
            fast, floats = against_torch(trained, graph, tokens, batch, repeat)
            times[tokens] = fast
            print(f"{tokens:>5}{fast:>20.3f}{floats:>14.3f}{fast / floats:>14.2f}")
    first, last = min(times), max(times)
    exponent = math.log(times[last] / times[first]) / math.log(last / first)
    print(f"time grows as N^{exponent:.2f} from N = {first} to {last}")


def compare_lava(graph: Graph, count: int, repeat: int) -> None:
    rng = np.random.default_rng(0)
    most = min(64, graph.max_tokens)
    sentences = [rng.integers(0, graph.nodes[0].word.shape[0], rng.integers(8, most + 1)) for _ in range(count)]  # type: ignore[attr-defined]
    simulator = FastSimulator(graph)
    turns = [(simulator.run(sentences), lava.run(graph, sentences, "block")) for _ in range(repeat)]
    fast, block = (min(results, key=lambda r: r.seconds) for results in zip(*turns, strict=True))
    equal = np.array_equal(fast.logits, block.logits) and all(
        np.array_equal(fast.counts[n], block.counts[n]) for n in fast.counts
    )
    print(f"{count} sentences, {sum(map(len, sentences))} tokens: logits and spike counts equal: {equal}")
    print(f"fast {fast.seconds / count:.3f} s a sentence, lava-block {block.seconds / count:.3f} s", end=" ")
    print(f"(start-up {block.startup_seconds:.1f} s): {block.seconds / fast.seconds:.2f} times fast")


if __name__ == "__main__":
    main()
