"""Training throughput of SpikeBERT against the same network built plainly of snnTorch's and SpikingJelly's neurons.

    pip install --no-deps --target FOLDER spikingjelly==0.0.0.0.14     (the last one that works with torch 2.3)
    PYTHONPATH=.:FOLDER python benchmarks/training.py --preset mini

"Plainly" is as the tutorials of those libraries have it: a Python loop over T that calls every layer for each step, one
Linear each for Q, K and V, an N x N attention map, batches in random order padded to their longest text. All networks
have the same weights, layer norm, and the reset to zero, the one that means the same everywhere; that they compute the
same is checked first. Ours with its products in bfloat16 (`--precision bf16`) stands beside them: the plain networks
would then have their membranes in bfloat16, too, which counts no further than 256. A step is forward, backward and an
AdamW update. What is counted is sentences a second over the same texts, for ours packed, by length, and with the
allocator set, as `spikebert-train` does it. Besides: the plain networks on batches by length, so that this part of the
gain is seen apart; and SpikingJelly's multi-step mode, which is one call for all T steps.

`--parts` tells what a training step of ours goes to, by PyTorch's profiler. `--device cuda` measures on a GPU: the
batches lie there before, and a step ends when the GPU has done it.

`--ways` measures ours in the ways that PyTorch offers: its products in bfloat16, and compiled by `torch.compile`, each
beside the plain way. Compiling falls into the first round, so that the least time of a batch leaves it out.

With `--forward` nothing is trained: a step is a forward pass. The integers of the same network then run beside the
float networks, on the fast simulator, without counting.

Each network is a process of its own; they take turns, batch by batch, and the least time of each batch counts, so that
other work on the machine disturbs all alike. On a busy machine the processor's seconds tell more than the wall's;
a figure to be quoted is measured on an idle one.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

import snntorch
import torch
import torch.nn.functional as F
from snntorch import surrogate, utils
from torch import Tensor, nn

from export.lower.pipeline import lower
from simulate.fast import FastSimulator
from spikebert.data.tasks import load_task
from spikebert.model import neuron, packing
from spikebert.model.checkpoint import TrainedModel
from spikebert.model.config import SpikeBertConfig
from spikebert.model.model import SpikeBertForSequenceClassification, SpikeBertOutput
from spikebert.model.precision import products
from spikebert.training import teacher
from spikebert.training.allocator import keep_freed_memory
from spikebert.training.device import choose
from spikebert.training.examples import examples_of
from spikebert.training.loop import BUCKET, Batch, Example, Schedule
from spikebert.training.settings import PRESETS


@dataclass(frozen=True)
class Library:
    """Where a plain network's neurons come from."""

    neuron: Callable[[SpikeBertConfig, float], nn.Module]
    reset: Callable[[nn.Module], object]  # forgets the membranes of a network
    multi_step: bool = False  # its neurons take (T, ...) at once


def snntorch_library() -> Library:
    def neuron(config: SpikeBertConfig, threshold: float) -> nn.Module:
        fire = surrogate.atan(config.surrogate_alpha)
        return snntorch.Leaky(
            beta=config.beta, threshold=threshold, spike_grad=fire, init_hidden=True, reset_mechanism="zero"
        )

    return Library(neuron, utils.reset)


def spikingjelly_library(multi_step: bool) -> Library:
    from spikingjelly.activation_based import functional, surrogate
    from spikingjelly.activation_based.neuron import LIFNode

    def neuron(config: SpikeBertConfig, threshold: float) -> nn.Module:
        return LIFNode(
            tau=1 / (1 - config.beta),
            decay_input=False,
            v_threshold=threshold,
            v_reset=0.0,
            surrogate_function=surrogate.ATan(config.surrogate_alpha),
            detach_reset=True,
            step_mode="m" if multi_step else "s",
        )

    return Library(neuron, functional.reset_net, multi_step)


OURS, FAST = "SpikeBERT", "its integers, fast simulator"
BF16, COMPILED = f"{OURS}, bf16", f"{OURS}, compiled"
LIBRARIES: dict[str, Callable[[], Library]] = {
    "snnTorch Leaky": snntorch_library,
    "SpikingJelly LIFNode": partial(spikingjelly_library, multi_step=False),
    "SpikingJelly LIFNode, multi-step": partial(spikingjelly_library, multi_step=True),
}


class PlainLinear(nn.Module):
    """Linear → LayerNorm → neuron."""

    def __init__(self, config: SpikeBertConfig, library: Library, inputs: int, outputs: int):
        super().__init__()
        self.linear, self.norm = nn.Linear(inputs, outputs), nn.LayerNorm(outputs)
        self.lif = library.neuron(config, config.threshold)

    def forward(self, x: Tensor) -> Tensor:
        return self.lif(self.norm(self.linear(x)))


class PlainBlock(nn.Module):
    """A block on (..., B, N, D), where ... is nothing, or T in multi-step mode."""

    def __init__(self, config: SpikeBertConfig, library: Library):
        super().__init__()
        d, self.heads, self.scale = config.hidden_size, config.num_attention_heads, config.attention_scale
        self.q, self.k, self.v, self.output = (PlainLinear(config, library, d, d) for _ in range(4))
        self.lif = library.neuron(config, config.attention_threshold)
        self.up = PlainLinear(config, library, d, config.intermediate_size)
        self.down = PlainLinear(config, library, config.intermediate_size, d)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        spikes = self.q(x), self.k(x) * mask, self.v(x) * mask
        q, k, v = (s.unflatten(-1, (self.heads, -1)).transpose(-2, -3) for s in spikes)  # (..., B, H, N, D/H)
        counts = (q @ k.transpose(-1, -2)) @ v
        x = x + self.output(self.lif(counts.transpose(-2, -3).flatten(-2) * self.scale))
        return x + self.down(self.up(x))


class PlainSpikeBert(nn.Module):
    """The network of SpikeBertForSequenceClassification with layer norm."""

    def __init__(self, config: SpikeBertConfig, library: Library):
        super().__init__()
        self.library, self.time_steps = library, config.time_steps
        self.word = nn.Embedding(config.vocab_size, config.hidden_size)
        self.position = nn.Embedding(config.max_tokens, config.hidden_size)
        self.norm, self.lif = nn.LayerNorm(config.hidden_size), library.neuron(config, config.threshold)
        self.blocks = nn.ModuleList(PlainBlock(config, library) for _ in range(config.num_hidden_layers))
        self.readout, self.head = nn.LayerNorm(config.hidden_size), nn.Linear(config.hidden_size, config.num_labels)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """(B, N) ids and mask → logits (B, labels)."""
        self.library.reset(self)
        weight = mask.unsqueeze(-1).float()  # (B, N, 1)
        current = self.norm(self.word(tokens) + self.position.weight[: tokens.shape[1]])
        if self.library.multi_step:
            return self._step(current.expand(self.time_steps, *current.shape), weight).mean(0)
        return torch.stack([self._step(current, weight) for _ in range(self.time_steps)]).mean(0)

    def _step(self, current: Tensor, weight: Tensor) -> Tensor:
        x = self.lif(current)
        for block in self.blocks:
            x = block(x, weight)
        return self.head((self.readout(x) * weight).sum(-2) / weight.sum(-2))

    @torch.no_grad()
    def copy_weights(self, model: SpikeBertForSequenceClassification) -> None:
        """Take the weights of ours, so that both compute the same and spend the same."""
        theirs = {name: value for name, value in model.state_dict().items()}
        renamed: dict[str, Tensor] = {}
        for name, value in theirs.items():
            name = name.removeprefix("embeddings.").replace("readout.norm", "readout").replace("readout.head", "head")
            name = name.replace("attention.output", "output").replace("mlp.", "")
            if "attention.qkv" in name:
                for part, third in zip("qkv", value.chunk(3), strict=True):
                    renamed[name.replace("attention.qkv", part)] = third
            else:
                renamed[name] = value
        missing, unexpected = self.load_state_dict(renamed, strict=False)
        assert not unexpected and all(".lif." in f".{name}" for name in missing), (missing, unexpected)


def check_equal(library: Library) -> None:
    """Both networks give the same logits, on a network so small that no membrane is within rounding of its threshold.

    The attention's threshold is moved off the grid of its counts: at it ours and SpikingJelly's neurons fire, and
    snnTorch's do not.
    """
    shape = dict(vocab_size=40, hidden_size=24, num_hidden_layers=2, num_attention_heads=2, max_tokens=32)
    config = SpikeBertConfig(**shape, reset="zero", attention_threshold=0.2437)  # type: ignore[arg-type]
    ours, plain = SpikeBertForSequenceClassification(config), PlainSpikeBert(config, library)
    plain.copy_weights(ours)
    batch = Batch.of([Example([i % 40 for i in range(length)], 0) for length in (12, 5, 1)])
    with torch.no_grad():
        assert torch.allclose(ours(batch.tokens, batch.mask).logits, plain(batch.tokens, batch.mask), atol=1e-5)


def make_batches(options: argparse.Namespace, config: SpikeBertConfig) -> tuple[list[Batch], list[Batch]]:
    """(in random order; the same texts by length within a bucket, as ours are), of a task's own lengths."""
    task, (_, tokenizer, _) = load_task(options.task), teacher.load("minilm", ["0", "1"])
    rows = random.Random(0).sample(task.train, min(BUCKET * options.batch_size, len(task.train)))
    examples = examples_of(rows, task.labels, tokenizer, config.max_tokens)
    order = Schedule(1, options.batch_size, 1.0, seed=0).order(examples, 0)[: options.batches]
    chosen = [i for batch in order for i in batch]
    shuffled = random.Random(0).sample(chosen, len(chosen))
    size = options.batch_size
    by_length = [Batch.of([examples[i] for i in batch]) for batch in order]
    at_random = [Batch.of([examples[i] for i in shuffled[s : s + size]]) for s in range(0, len(shuffled), size)]
    return at_random, by_length


def config_of(options: argparse.Namespace) -> SpikeBertConfig:
    values: dict[str, Any] = dict(PRESETS[options.preset])
    return SpikeBertConfig(**values, time_steps=options.time_steps, reset="zero")


def serve(name: str, options: argparse.Namespace, connection: Connection) -> None:
    """A process with one network: for each (sorted, index) that comes, takes that step and sends its seconds."""
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    config = config_of(options)
    model = ours = SpikeBertForSequenceClassification(config)
    if name in (OURS, BF16, COMPILED, FAST):
        keep_freed_memory()  # as `spikebert.training.loop.train` does
    else:
        library = LIBRARIES[name]()
        check_equal(library)
        model = PlainSpikeBert(config, library)
        model.copy_weights(ours)
    device = torch.device("cpu") if name == FAST else choose(options.device)
    model.to(device)
    compute = answer(name, ours, model) if options.forward else training_step(name, model, device)
    batches = [[batch.to(device) for batch in one] for one in make_batches(options, config)]
    connection.send([[len(batch.labels) for batch in one] for one in batches])
    for by_length, index in iter(connection.recv, None):
        batch = batches[by_length][index]
        wall, cpu = time.perf_counter(), time.process_time()
        compute(batch)
        if device.type == "cuda":
            torch.cuda.synchronize()
        connection.send((time.perf_counter() - wall, time.process_time() - cpu))


def training_step(name: str, model: nn.Module, device: torch.device) -> Callable[[Batch], object]:
    optimizer = torch.optim.AdamW(model.train().parameters(), lr=1e-6)
    forward = compiled(model) if name == COMPILED else model
    precision = "bf16" if name == BF16 else "float32"

    def step(batch: Batch) -> None:
        with products(device, precision):
            output = forward(batch.tokens, batch.mask)
        logits = output.logits if isinstance(output, SpikeBertOutput) else output
        optimizer.zero_grad(set_to_none=True)
        F.cross_entropy(logits.float(), batch.labels).backward()
        optimizer.step()

    return step


def compiled(model: nn.Module) -> Callable[..., Any]:
    """All but the packing of texts and the neurons, whose backward pass is written by hand: Dynamo fails on both."""
    packing.Packing.from_mask = torch.compiler.disable(packing.Packing.from_mask)
    neuron.lif = torch.compiler.disable(neuron.lif)
    return torch.compile(model, dynamic=True)


def answer(name: str, ours: SpikeBertForSequenceClassification, model: nn.Module) -> Callable[[Batch], object]:
    """The forward pass of a float network, or of the integers of ours."""
    if name == FAST:
        simulator = FastSimulator(lower(TrainedModel(ours.eval(), "{}", ["a", "b"], {})))

        def run(batch: Batch) -> object:
            lengths = batch.mask.sum(1).tolist()
            texts = [row[:length].numpy() for row, length in zip(batch.tokens, lengths, strict=True)]
            return simulator.run(texts, counting="none")

        return run
    model.eval()
    return torch.inference_mode()(lambda batch: model(batch.tokens, batch.mask))


PARTS = {  # of a training step, and what marks them: names of PyTorch's operators, or of what these belong to
    "AdamW": ("Optimizer.step",),
    "neurons": ("_MultiStepLIF",),
    "products": ("aten::addmm", "aten::mm", "aten::bmm", "aten::matmul"),
    "norms": ("layer_norm", "LayerNorm"),
    "embedding": ("embedding", "Embedding"),
}


def parts_of_step(options: argparse.Namespace) -> dict[str, float]:
    """The share of each part in the time of training steps of ours."""
    torch.set_num_threads(options.threads)
    keep_freed_memory()
    config = config_of(options)
    step = training_step(OURS, SpikeBertForSequenceClassification(config), torch.device("cpu"))
    _, batches = make_batches(options, config)
    step(batches[0])
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        for batch in batches:
            step(batch)
    spent = dict.fromkeys([*PARTS, "other"], 0.0)
    for event in profile.events() or []:
        spent[_part_of(event)] += event.self_cpu_time_total
    return {part: value / sum(spent.values()) for part, value in spent.items()}


def _part_of(event: Any) -> str:
    while event is not None:
        for part, marks in PARTS.items():
            if any(mark in event.name for mark in marks):
                return part
        event = event.cpu_parent
    return "other"


class Contender:
    """A network in a process of its own, and the least seconds of each of its batches."""

    def __init__(self, name: str, options: argparse.Namespace):
        context = multiprocessing.get_context("spawn")
        self.name, (self.connection, theirs) = name, context.Pipe()
        self.process = context.Process(target=serve, args=(name, options, theirs))
        self.process.start()
        theirs.close()  # so that the process's end is seen here
        self.sizes: list[list[int]] = self.connection.recv()
        self.least = [[(math.inf, math.inf) for _ in sizes] for sizes in self.sizes]

    def step(self, by_length: bool, index: int) -> None:
        self.connection.send((by_length, index))
        pairs = zip(self.least[by_length][index], self.connection.recv(), strict=True)
        self.least[by_length][index] = tuple(min(pair) for pair in pairs)  # type: ignore[assignment]

    def rate(self, by_length: bool, clock: int) -> float:
        """Sentences a second of the wall's clock (0) or the processor's (1)."""
        return sum(self.sizes[by_length]) / sum(seconds[clock] for seconds in self.least[by_length])


def names_of(options: argparse.Namespace) -> tuple[str, ...]:
    if options.ways:
        return OURS, BF16, COMPILED
    return (FAST, OURS, *LIBRARIES) if options.forward else (OURS, BF16, *LIBRARIES)


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--task", default="tweets", help="whose texts give the lengths (default: %(default)s)")
    p.add_argument("--preset", choices=list(PRESETS), default="mini")
    p.add_argument("--time-steps", type=int, default=4)
    p.add_argument("--batch-size", type=int, default=32)
    p.add_argument("--batches", type=int, default=8, help="how many are timed (default: %(default)s)")
    p.add_argument("--repeat", type=int, default=5, help="rounds, of which the least counts (default: %(default)s)")
    p.add_argument("--threads", type=int, default=torch.get_num_threads(), help="(default: %(default)s)")
    p.add_argument("--forward", action="store_true", help="time forward passes, the integer model's among them")
    p.add_argument("--ways", action="store_true", help="ours in float32, in bfloat16 and compiled, no other library")
    p.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where to train (default: %(default)s)")
    p.add_argument("--parts", action="store_true", help="tell what a training step of ours goes to, and no rates")
    options = p.parse_args()
    if options.parts:
        shares = sorted(parts_of_step(options).items(), key=lambda item: -item[1])
        told = ", ".join(f"{part} {share:.0%}" for part, share in shares)
        print(f"a training step of {options.preset}, T = {options.time_steps}: {told}")
        return
    contenders = [Contender(name, options) for name in names_of(options)]
    turns = [(c, by_length) for c in contenders for by_length in (False, True) if by_length or c.name in LIBRARIES]
    for _ in range(options.repeat):
        for index in range(options.batches):
            for contender, by_length in turns:
                contender.step(by_length, index)
    print(f"{options.preset}, T = {options.time_steps}, batches of {options.batch_size}, {options.threads} threads")
    print(f"{'':46}{'wall':>12}{'':>9}{'processor':>12}\n{'network':46}" + f"{'sentences/s':>12}{'ours is':>9}" * 2)
    for contender, by_length in turns:
        line = f"{contender.name + (', by length' if by_length else ', at random'):46}"
        for clock in (0, 1):
            rate = contender.rate(by_length, clock)
            line += f"{rate:12.1f}{contenders[0].rate(True, clock) / rate:8.2f}x"
        print(line)
    for contender in contenders:
        contender.connection.send(None)
        contender.process.join()


if __name__ == "__main__":
    main()
