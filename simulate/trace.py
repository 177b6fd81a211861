"""One text looked at closely: its tokens, every spike, and the membranes of one token. `run/trace.npz`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from export.ir.arithmetic import Array, decided
from export.ir.early_exit import margin_of
from export.ir.graph import NO_MARGIN, Attention, Graph
from export.ir.npz import read_npz, write_npz
from export.runtime.execute import execute_steps
from export.runtime.kernels import Membranes
from simulate.batches import Tokens
from spikebert.core.errors import InputError

FILE = "trace.npz"
QKV = "attention.qkv.lif"  # how the exporter calls them


@dataclass(frozen=True)
class Trace:
    """Of text `number` (from 1): N tokens as text, the spikes (T, N, D) and thresholds (1,) or (D,) of each layer.

    T are the steps that it took.

    membranes: (T, D) of each layer for token `watched`, as they are compared with the threshold: before the reset.
    attended: the layers whose spikes are Q, K and V of an attention, in the order of the graph.
    """

    number: int
    tokens: list[str]
    watched: int
    spikes: dict[str, NDArray[np.uint8]]
    membranes: dict[str, NDArray[np.int32]]
    thresholds: dict[str, NDArray[np.int32]]
    attended: tuple[str, ...]

    def write(self, path: Path) -> None:
        arrays: dict[str, NDArray] = {"number": np.array(self.number), "watched": np.array(self.watched)}
        arrays["tokens"] = _packed(self.tokens)
        arrays["attended"] = _packed(self.attended)
        for part in ("spikes", "membranes", "thresholds"):
            arrays |= {f"{part}/{name}": array for name, array in getattr(self, part).items()}
        write_npz(path, arrays)

    @staticmethod
    def read(path: Path) -> Trace:
        """An InputError where the file is not one that `write` made."""
        arrays = read_npz(path, "trace of spikebert-simulate")
        try:
            parts: dict[str, dict[str, NDArray]] = {"spikes": {}, "membranes": {}, "thresholds": {}}
            for key, array in arrays.items():
                part, _, name = key.partition("/")
                if name:
                    parts[part][name] = array
            # A trace of before 0.2 says of no layer what it is: the exporter's own names told.
            known = "attended" in arrays
            attended = _unpacked(arrays["attended"]) if known else [n for n in parts["spikes"] if n.endswith(QKV)]
            number, watched = int(arrays["number"]), int(arrays["watched"])
            trace = Trace(number, _unpacked(arrays["tokens"]), watched, **parts, attended=tuple(attended))
        except (ValueError, LookupError, TypeError, OverflowError) as error:
            raise InputError(f"{path}: not a trace of spikebert-simulate ({error}); simulate again") from None
        if not trace.fits():
            raise InputError(f"{path}: its layers do not fit its tokens; simulate again")
        return trace

    def fits(self) -> bool:
        """Whether all layers have the tokens, and each the same steps and neurons in all that is told of it."""
        if not self.spikes or not set(self.spikes) == set(self.membranes) == set(self.thresholds):
            return False
        trains = self.spikes.values()
        if any(s.ndim != 3 or s.dtype != np.uint8 or s.shape[1] != len(self.tokens) or not s.size for s in trains):
            return False
        if any(name not in self.spikes or self.spikes[name].shape[2] % 3 for name in self.attended):
            return False
        return 0 <= self.watched < len(self.tokens) and all(
            (self.membranes[name].shape, self.membranes[name].dtype.kind) == ((len(s), s.shape[2]), "i")
            and self.thresholds[name].shape in ((1,), s.shape[2:])
            and self.thresholds[name].dtype.kind == "i"
            and len(s) == len(next(iter(trains)))
            for name, s in self.spikes.items()
        )


def _packed(texts: Sequence[str]) -> NDArray[np.uint8]:
    return np.frombuffer("\0".join(texts).encode(), np.uint8)


def _unpacked(array: NDArray[np.uint8]) -> list[str]:
    return array.tobytes().decode().split("\0") if array.size else []


def steps(graph: Graph, sentences: Sequence[Tokens]) -> Iterator[tuple[dict[str, Array], dict[str, Array]]]:
    """Run texts, M tokens in all, step by step, all at once: at each step what every node put out, (1, M, D), and
    {layer: the membranes (M, D) as they are compared with the threshold, before the reset}. Of the readout (B, labels).
    """
    for values, states in execute_steps(graph, sentences):
        yield values, {name: held.membrane for name, held in states.items() if isinstance(held, Membranes)}


def trace(graph: Graph, tokens: Tokens, number: int) -> Trace:
    """Run one text step by step and keep what its neurons do; the watched token is the one in the middle.

    With an early exit the trace has the steps that the text takes, no more.
    """
    watched, margin = len(tokens) // 2, margin_of(graph)
    spikes: dict[str, list[NDArray]] = {node.name: [] for node in graph.neurons}
    membranes: dict[str, list[NDArray]] = {node.name: [] for node in graph.neurons}
    for values, held in steps(graph, [tokens]):
        for name, membrane in held.items():
            spikes[name].append(values[name][0].astype(np.uint8))
            membranes[name].append(membrane[watched].astype(np.int32))
        if margin != NO_MARGIN and decided(values[graph.nodes[-1].name][0], margin):
            break
    tokenizer = Tokenizer.from_str(graph.tokenizer)
    return Trace(
        number=number,
        tokens=[tokenizer.id_to_token(int(token)) or "?" for token in tokens],
        watched=watched,
        spikes={name: np.stack(train) for name, train in spikes.items()},
        membranes={name: np.stack(held) for name, held in membranes.items()},
        thresholds={node.name: node.threshold for node in graph.neurons},
        attended=tuple(node.inputs[0] for node in graph if isinstance(node, Attention)),
    )
