"""The losses of two-stage distillation (paper, section 3.3, eqs 6-8)."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch.nn.functional as F
from torch import Tensor, nn

from spikebert.model.model import SpikeBertOutput
from spikebert.model.precision import TokenLinear
from spikebert.training.loop import NO_LABEL
from spikebert.training.settings import LossWeights


def aligned_layers(blocks: int, teacher_layers: int, skip: int = 0) -> list[int]:
    """For each student block the teacher layer (from 1) that it follows: every ⌈B/M⌉-th, the last with the last.

    The first `skip` blocks follow none ("we can choose to ignore some front layers", section 3.3).
    """
    return [math.ceil((i + 1) * teacher_layers / blocks) for i in range(skip, blocks)]


class Alignment(nn.Module):
    """The trainable maps from the student's space to the teacher's, of its last blocks; used in training only."""

    def __init__(self, student_width: int, teacher_width: int, blocks: int):
        super().__init__()
        self.embedding = _mlp(student_width, teacher_width)
        self.features = nn.ModuleList(
            nn.Sequential(_mlp(student_width, teacher_width), nn.LayerNorm(teacher_width)) for _ in range(blocks)
        )

    def embedding_loss(self, student: SpikeBertOutput, teacher: Tensor) -> Tensor:
        """Eq. 7: `‖E_tm - MLP(E_sm)‖₂`, both (M, D)."""
        return distance(self.embedding(student.embeddings), teacher)

    def feature_loss(self, student: SpikeBertOutput, teacher: list[Tensor]) -> Tensor:
        """Eq. 6: `‖F_tm - LayerNorm(MLP(Σ_t F_sm))‖₂`, the mean over the aligned layers.

        Args:
            teacher: the hidden states (M, D) of the layers that `aligned_layers` names.
        """
        assert student.features is not None
        pairs = zip(self.features, student.features[-len(self.features) :], teacher, strict=True)
        return sum(distance(align(f), target) for align, f, target in pairs) / len(teacher)  # type: ignore[return-value]


def _mlp(inputs: int, outputs: int) -> nn.Module:
    return nn.Sequential(TokenLinear(inputs, outputs), nn.GELU(), TokenLinear(outputs, outputs))


def distance(a: Tensor, b: Tensor) -> Tensor:
    """The L2 distance of each token's vector, over √D so that widths compare, averaged over the tokens."""
    return (a.float() - b.float()).square().mean(-1).add(1e-12).sqrt().mean()


def logits_loss(student: Tensor, teacher: Tensor, spread: float = 1.0) -> Tensor:
    """KL(teacher ‖ student) of the class distributions, the mean over the batch; of one output, a number, the mean
    squared distance in units of `spread`."""
    if student.shape[-1] == 1:
        return ((student.float() - teacher.float()) / spread).square().mean()
    own, target = F.log_softmax(student.float(), -1), F.log_softmax(teacher.float(), -1)
    return F.kl_div(own, target, reduction="batchmean", log_target=True)


def label_loss(logits: Tensor, labels: Tensor, spread: float = 1.0) -> Tensor:
    """The mean over the texts that have a label, 0 where none has: of classes the cross entropy, of numbers the squared
    error in units of `spread`.

    Args:
        logits: (B, labels), (B, 1) of numbers.
        labels: (B,) int64, or float of numbers.
    """
    if labels.is_floating_point():
        known = ~labels.isnan()
        errors = (logits[:, 0].float() - labels.nan_to_num()) / spread * known
        return errors.square().sum() / known.sum().clamp(min=1)
    total = F.cross_entropy(logits, labels, ignore_index=NO_LABEL, reduction="sum")
    return total / (labels != NO_LABEL).sum().clamp(min=1)


def firing_rate(spikes: Iterable[Tensor]) -> Tensor:
    """Spikes a neuron and step over layers (T, M, D), every neuron counting alike."""
    trains = list(spikes)
    return sum(train.sum() for train in trains) / sum(train.numel() for train in trains)  # type: ignore[return-value]


def weighted(terms: dict[str, Tensor], weights: LossWeights) -> dict[str, Tensor]:
    """The terms by their names, and before them their weighted sum, "loss"."""
    total = sum(getattr(weights, name) * term for name, term in terms.items())
    return {"loss": total, **terms}  # type: ignore[dict-item]
