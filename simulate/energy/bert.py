"""The reference: an ordinary BERT of the same shape on the same texts, in float32 multiply-accumulates.

For each of the blocks, over all texts of n real tokens each:

    projections  Σ n · 4 D²        Q, K, V and output
    attention    Σ n² · 2 D        Q Kᵀ and its product with V
    MLP          Σ n · 2 D · I     up and down

The terms carry the names of the spiking network's nodes that do the same work. Softmax, GELU, normalisation, the
embedding look-up, pooler and classifier are left out: a little in BERT's favour.
"""

from __future__ import annotations

from simulate.energy.account import Account, Term
from simulate.energy.costs import costs
from simulate.energy.record import RunRecord


def account(run: RunRecord) -> Account:
    n, squares, cost = run.tokens, sum(length**2 for length in run.lengths), costs()["E_MAC"]
    d, hidden = run.model.hidden_size, run.model.intermediate_size
    terms = []
    for i in range(run.model.blocks):
        terms += [
            Term(f"blocks.{i}.attention.qkv.linear", "projections", n * 3 * d * d, cost),
            Term(f"blocks.{i}.attention.coincidences", "attention", squares * 2 * d, cost),
            Term(f"blocks.{i}.attention.output.linear", "projections", n * d * d, cost),
            Term(f"blocks.{i}.mlp.up.linear", "MLP", n * d * hidden, cost),
            Term(f"blocks.{i}.mlp.down.linear", "MLP", n * d * hidden, cost),
        ]
    return Account(
        name="bert",
        title="Same-shape BERT",
        formula="E = E_MAC · blocks · Σ over texts of (n · 4 D² + n² · 2 D + n · 2 D · I)",
        includes="The multiply-accumulates of all blocks of a BERT with the same D, I, blocks and token counts n, in "
        "float32.",
        excludes="Embedding, softmax, GELU, normalisation, pooler, classifier; all reading and moving of data.",
        terms=tuple(terms),
    )
