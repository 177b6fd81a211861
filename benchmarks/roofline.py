"""How near the fast simulator comes to what this processor allows: to its own int8 product, at the layers' shapes.

    python benchmarks/roofline.py examples/sst2/model.nir --tokens 26 --texts 400
    python benchmarks/roofline.py base --tokens 64 --texts 8

A product's rate is that of ONNX Runtime's MatMulInteger on the rows of a batch and a layer's weights, on all cores,
with nothing between the products. Beside it stand float32 products of the same shapes, by torch and by NumPy. All are
run in turns with the simulator, and the least time of each is taken. Multiply-accumulates are those of the Linears,
whatever the spikes. `--parts` tells instead what the time of one thread goes to, by the clock of that thread, which
other work on the machine hardly moves. `--layers` tells the rate of each Linear in a run of one thread beside that of
its product alone.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import get_args

import numpy as np
import torch
from simulators import random_model
from turns import least

from export.ir import nir
from export.ir.graph import Graph
from export.lower.pipeline import lower
from export.runtime.execute import Executor
from export.runtime.kernels import LinearKernel
from simulate.batches import by_length
from simulate.fast import ROWS, FastSimulator, count
from simulate.result import Counting

COUNTINGS: tuple[Counting, ...] = get_args(Counting)
PARTS = {
    "LinearKernel": "products",
    "LIFKernel": "neurons",
    "FirstStepKernel": "neurons",
    "AttentionKernel": "attention",
    "LayerNormKernel": "norms",
}


def graph_of(model: str) -> Graph:
    """Of a file, or of the preset base with random weights."""
    return lower(random_model("base", "layer", "subtract")) if model == "base" else nir.read(model)


def random_texts(graph: Graph, texts: int, tokens: int) -> list[np.ndarray]:
    """Texts of about so many tokens, each of random words."""
    rng = np.random.default_rng(0)
    lengths = np.clip(rng.poisson(tokens, texts), 2, graph.max_tokens)
    return [rng.integers(0, len(graph.nodes[0].word), n) for n in lengths]  # type: ignore[attr-defined]


class Products:
    """The products of all Linears on as many rows as the texts have tokens and steps."""

    def __init__(self, executor: Executor, rows: int, cores: int):
        kernels = executor.kernels.values()
        self.kernels = [k for k in kernels if isinstance(k, LinearKernel) and k.product is not None]
        self.batches = -(-rows // ROWS)
        rng = np.random.default_rng(0)
        self.x = {k.node.weight.shape[1]: rng.integers(0, 2, (ROWS, k.node.weight.shape[1])) for k in self.kernels}
        self.pool = ThreadPoolExecutor(cores)

    @property
    def macs(self) -> int:
        return self.batches * ROWS * sum(k.node.weight.size for k in self.kernels)

    def with_each(self, one: Callable[[LinearKernel], object]) -> None:
        list(self.pool.map(lambda _: [one(k) for k in self.kernels], range(self.batches)))

    def int8(self) -> None:
        x = {width: rows.astype(np.uint8) for width, rows in self.x.items()}
        self.with_each(lambda k: k.product(x[k.node.weight.shape[1]]))  # type: ignore[misc]

    def by_torch(self) -> None:
        x = {width: torch.tensor(rows, dtype=torch.float32) for width, rows in self.x.items()}
        w = {id(k): torch.tensor(k.node.weight, dtype=torch.float32) for k in self.kernels}
        self.with_each(lambda k: torch.nn.functional.linear(x[k.node.weight.shape[1]], w[id(k)]))

    def by_numpy(self) -> None:
        x = {width: rows.astype(np.float32) for width, rows in self.x.items()}
        w = {id(k): k.node.weight.astype(np.float32).T for k in self.kernels}
        self.with_each(lambda k: x[k.node.weight.shape[1]] @ w[id(k)])


def seconds_of(graph: Graph, sentences: list[np.ndarray], repeat: int, names: dict[str, str]) -> Counter[str]:
    """Seconds of one thread by what `names` calls each node, and those of counting: of several runs the least each."""
    executor, runs = FastSimulator(graph).executor, []

    def timed(part: str, work: Callable):
        def call(*arguments):
            started = time.thread_time()
            try:
                return work(*arguments)
            finally:
                runs[-1][part] += time.thread_time() - started

        return call

    executor.kernels = {name: timed(part, executor.kernels[name]) for name, part in names.items()}  # type: ignore
    counting = timed("counting", count)
    for _ in range(repeat):
        runs.append(Counter())
        for group in by_length(sentences, ROWS):
            texts, states = [sentences[i] for i in group], {}
            for visit in executor.visits(texts, states):
                counting(visit, [len(tokens) for tokens in texts], states.pop(visit.node.name))
    return Counter({part: min(run[part] for run in runs) for part in runs[0]})


def parts_of_time(graph: Graph, sentences: list[np.ndarray], repeat: int) -> dict[str, float]:
    """The share of each part of the work in the time of one thread."""
    kernels = FastSimulator(graph).executor.kernels
    names = {node.name: PARTS.get(type(kernels[node.name]).__name__, "other nodes") for node in graph}
    least = seconds_of(graph, sentences, repeat, names)
    return {part: seconds / sum(least.values()) for part, seconds in least.most_common()}


def rates_of_layers(graph: Graph, sentences: list[np.ndarray], repeat: int) -> list[tuple[str, str, float, float]]:
    """(layer, shape, its rate in a run, the rate of its product alone), in multiply-accumulates a second of one thread.

    In a run a layer also shifts its sums and adds its bias.
    """
    seconds = seconds_of(graph, sentences, repeat, {node.name: node.name for node in graph})
    kernels = FastSimulator(graph).executor.kernels
    rows, rng, found = sum(map(len, sentences)) * graph.time_steps, np.random.default_rng(0), []
    for node in graph:
        kernel = kernels[node.name]
        if not isinstance(kernel, LinearKernel) or kernel.product is None:
            continue
        outputs, inputs = kernel.node.weight.shape
        x = rng.integers(0, 2, (ROWS, inputs)).astype(np.uint8)
        (alone,) = least(50 * repeat, partial(kernel.product, x))
        macs = inputs * outputs
        found.append((node.name, f"{inputs} x {outputs}", rows * macs / seconds[node.name], ROWS * macs / alone))
    return found


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("model", help="model.nir, or base: that preset with random weights")
    p.add_argument("--texts", type=int, default=400)
    p.add_argument("--tokens", type=int, default=26, help="of a text, on average")
    p.add_argument("--repeat", type=int, default=5)
    told = p.add_mutually_exclusive_group()
    told.add_argument("--parts", action="store_true", help="tell what the time of one thread goes to, and no rates")
    told.add_argument("--layers", action="store_true", help="tell the rate of each layer in one thread")
    options = p.parse_args()
    graph = graph_of(options.model)
    sentences = random_texts(graph, options.texts, options.tokens)
    if options.parts:
        shares = parts_of_time(graph, sentences, options.repeat)
        print(f"{options.model}: " + ", ".join(f"{part} {100 * share:.0f} %" for part, share in shares.items()))
        return
    if options.layers:
        print(f"{'layer':32}{'inputs x outputs':>18}{'in a run, G/s':>15}{'alone, G/s':>12}{'share':>8}")
        for name, shape, own, alone in rates_of_layers(graph, sentences, options.repeat):
            print(f"{name:32}{shape:>18}{own / 1e9:15.0f}{alone / 1e9:12.0f}{own / alone:8.0%}")
        return
    simulator = FastSimulator(graph)
    torch.set_num_threads(1)  # the batches run beside each other
    rows = sum(map(len, sentences)) * graph.time_steps
    products = Products(simulator.executor, rows, simulator.cores)
    *runs, int8, by_torch, by_numpy = least(
        options.repeat,
        *(partial(simulator.run, sentences, counting=counting) for counting in COUNTINGS),
        products.int8,
        products.by_torch,
        products.by_numpy,
    )
    whole = rows * sum(kernel.node.weight.size for kernel in products.kernels)
    rate = products.macs / int8 / 1e9
    print(f"{options.model}: {len(sentences)} texts, {rows // graph.time_steps} tokens, {simulator.cores} cores")
    print(
        f"the products alone, in G multiply-accumulates a second: int8 {rate:.0f}, "
        f"float32 {products.macs / by_torch / 1e9:.0f} by torch, {products.macs / by_numpy / 1e9:.0f} by NumPy"
    )
    print("the fast simulator:")
    for counting, seconds in zip(COUNTINGS, runs, strict=True):
        own = whole / seconds / 1e9
        print(
            f"  --counts {counting:<6} {len(sentences) / seconds:5.0f} texts a second, "
            f"{own:.0f} G a second: {100 * own / rate:.0f} % of the int8 rate"
        )


if __name__ == "__main__":
    main()
