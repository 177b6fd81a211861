"""The reference: an ordinary BERT on the same texts, in multiply-accumulates.

For each of the blocks, over all texts of n real tokens each:

    projections  Σ n · 4 D²        Q, K, V and output
    attention    Σ n² · 2 D        Q Kᵀ and its product with V
    MLP          Σ n · 2 D · I     up and down

The terms carry the names of the spiking network's nodes that do the same work. Softmax, GELU, the embedding look-up,
pooler and classifier are left out: a little in BERT's favour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulate.energy.account import FLOAT32, Account, Term
from simulate.energy.costs import Cost, costs
from simulate.energy.record import RunRecord
from spikebert.core import strict_json
from spikebert.core.errors import InputError

MOST_BLOCKS, WIDEST = 1000, 2**24  # far beyond any BERT; each block is a few terms of an account


@dataclass(frozen=True)
class BertShape:
    name: str
    blocks: int
    hidden: int  # D
    intermediate: int  # I

    @staticmethod
    def of(run: RunRecord) -> BertShape:
        """The shape of the spiking model itself. Where that has no MLP, the BERT has the usual one: I = 4 D."""
        hidden = run.model.hidden_size
        return BertShape("same-shape BERT", run.model.blocks, hidden, run.model.intermediate_size or 4 * hidden)

    @staticmethod
    def read(path: Path) -> BertShape:
        """From the `config.json` of a Hugging Face BERT, or its folder."""
        path = path / "config.json" if path.is_dir() else path
        if not path.exists():
            raise InputError(f"{path}: no such file; give the folder or the config.json of a BERT", field="teacher")
        try:
            config = strict_json.loads(path.read_bytes())
            sizes = [config[key] for key in ("num_hidden_layers", "hidden_size", "intermediate_size")]
        except (OSError, ValueError, KeyError, TypeError) as error:
            reason = f"{type(error).__name__}: {error}"
            raise InputError(f"{path}: not the config.json of a BERT ({reason})") from None
        if not _are_sizes(sizes):
            raise InputError(
                f"{path}: num_hidden_layers, hidden_size, intermediate_size must be whole numbers from 1, up to "
                f"{MOST_BLOCKS} and {WIDEST:,}"
            )
        return BertShape(f"teacher {path.resolve().parent.name}", *sizes)

    @staticmethod
    def of_teacher(run: RunRecord) -> BertShape | None:
        """The BERT that the model was distilled from, as its file notes it; None where an older file does not."""
        noted = run.model.noted("training", "teacher_shape")
        if not isinstance(noted, dict):
            return None
        sizes: list[Any] = [noted.get(key) for key in ("blocks", "hidden_size", "intermediate_size")]
        if not _are_sizes(sizes):
            return None
        return BertShape(f"teacher {run.model.metadata['training'].get('teacher', '')}".strip(), *sizes)

    @property
    def size(self) -> str:
        return f"{self.blocks} block{'s' * (self.blocks != 1)} × {self.hidden}"

    @property
    def weights(self) -> int:
        """Of all blocks."""
        return self.blocks * (4 * self.hidden**2 + 2 * self.hidden * self.intermediate)


def _are_sizes(sizes: list[Any]) -> bool:
    """Whether these are the blocks, the hidden and the intermediate size of a BERT that can be priced."""
    limits = (MOST_BLOCKS, WIDEST, WIDEST)
    return all(type(size) is int and 1 <= size <= most for size, most in zip(sizes, limits, strict=True))


def terms(shape: BertShape, lengths: Sequence[int], cost: Cost) -> list[Term]:
    """The multiply-accumulates of all blocks on texts of these lengths."""
    n, squares = sum(lengths), sum(length**2 for length in lengths)
    d, hidden = shape.hidden, shape.intermediate
    found = []
    for i in range(shape.blocks):
        found += [
            Term(f"blocks.{i}.attention.qkv.linear", "projections", n * 3 * d * d, cost),
            Term(f"blocks.{i}.attention.coincidences", "attention", squares * 2 * d, cost),
            Term(f"blocks.{i}.attention.output.linear", "projections", n * d * d, cost),
            Term(f"blocks.{i}.mlp.up.linear", "MLP", n * d * hidden, cost),
            Term(f"blocks.{i}.mlp.down.linear", "MLP", n * d * hidden, cost),
        ]
    return found


def macs(shape: BertShape, lengths: Sequence[int]) -> int:
    """Multiply-accumulates of all blocks on texts of these lengths."""
    return sum(int(term.operations) for term in terms(shape, lengths, costs()["E_MAC"]))


def maps(run: RunRecord) -> int:
    """Elements of a block's attention maps, over all texts."""
    return run.model.heads * sum(length**2 for length in run.lengths)


def account(run: RunRecord, shape: BertShape | None = None) -> Account:
    """In float32; of the same shape as the spiking model unless another is given."""
    return Account(
        name="bert",
        title="BERT, float32",
        formula="E = E_MAC · blocks · Σ over texts of (n · 4 D² + n² · 2 D + n · 2 D · I)",
        includes="The multiply-accumulates of all blocks of a BERT with the same D, I, blocks and token counts n, in "
        "float32. Where the model has no MLP, I is 4 D.",
        excludes="Embedding, softmax, GELU, normalisation, pooler, classifier; all reading and moving of data.",
        prices=FLOAT32,
        terms=tuple(terms(shape or BertShape.of(run), run.lengths, costs()["E_MAC"])),
    )
