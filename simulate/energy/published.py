"""What the SpikeBERT paper (arXiv 2308.15122, energy tables) states, and what follows from its own inputs.

Per sample: operations in 10^9 (multiply-accumulates of BERT, synaptic operations of SpikeBERT), energies in mJ.
"""

from __future__ import annotations

from dataclasses import dataclass

from simulate.energy.bert import BertShape
from simulate.energy.costs import costs

LENGTH = 256  # tokens, to which the paper pads
SHORT = 128  # tokens, to which later papers pad


@dataclass(frozen=True)
class Row:
    """A dataset: BERT's and SpikeBERT's stated operations and energies."""

    dataset: str
    bert_operations: float
    bert_energy: float
    spiking_operations: float
    spiking_energy: float


ROWS = (
    Row("ChnSenti", 22.46, 103.38, 28.47, 30.51),
    Row("Waimai", 22.46, 103.38, 27.81, 29.90),
    Row("MR", 22.23, 102.24, 26.94, 28.03),
    Row("SST-2", 22.23, 102.24, 27.46, 28.54),
    Row("Subj", 22.23, 102.24, 25.92, 26.96),
    Row("SST-5", 22.23, 102.24, 26.01, 27.33),
)

# (shape, tokens, stated operations, stated energy). The DistilBERT of the paper has 52.2 M parameters, which are 4
# blocks; later papers state an energy for BERT-base that is one of 128 tokens.
NETWORKS: tuple[tuple[BertShape, int, float | None, float], ...] = (
    (BertShape("BERT-base, Chinese sets", 12, 768, 3072), LENGTH, 22.46, 103.38),
    (BertShape("BERT-base, English sets", 12, 768, 3072), LENGTH, 22.23, 102.24),
    (BertShape("TinyBERT (6 blocks)", 6, 768, 3072), LENGTH, 11.30, 52.01),
    (BertShape("DistilBERT (4 blocks)", 4, 768, 3072), LENGTH, 7.60, 34.98),
    (BertShape("BERT-base, later papers", 12, 768, 3072), SHORT, None, 51.41),
)


def price_of_bert(row: Row) -> float:
    """mJ from the stated operations."""
    return row.bert_operations * costs()["E_MAC"].picojoules


def price_of_spikes(row: Row) -> float:
    """mJ of the stated synaptic operations: eq. 19 without its embedding term."""
    return row.spiking_operations * costs()["E_AC"].picojoules


def embedding_operations(row: Row) -> float:
    """10^9 multiply-accumulates that the embedding term must have held for the stated total."""
    return (row.spiking_energy - price_of_spikes(row)) / costs()["E_MAC"].picojoules


def mean_share() -> float:
    """SpikeBERT's energy over BERT's, averaged over the datasets."""
    return sum(row.spiking_energy / row.bert_energy for row in ROWS) / len(ROWS)
