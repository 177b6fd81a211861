"""Two-stage distillation of a BERT teacher into SpikeBERT (paper, section 3.3)."""

from __future__ import annotations

from contextlib import nullcontext

import torch
from torch import Tensor, nn

from spikebert.core.errors import InputError
from spikebert.core.log import say
from spikebert.data.tasks import Task
from spikebert.model.model import SpikeBertForSequenceClassification
from spikebert.model.operations import record_operations
from spikebert.model.recording import record_spikes
from spikebert.training.loop import Batch
from spikebert.training.losses import Alignment, aligned_layers, firing_rate, label_loss, logits_loss, weighted
from spikebert.training.settings import LossWeights
from spikebert.training.targets import Source
from spikebert.training.teacher import Teacher

MARKED = 8  # two in so many features begin as marks of words that both texts of a pair have
MARK = 2.0  # how strong, in standard deviations of the word table


class Student(nn.Module):
    """The student with its alignment maps: what a stage trains and a checkpoint holds.

    skip: how many blocks from the front are not aligned.
    spread: of the numbers that it is to predict, by which their errors are measured; of classes 1.
    """

    def __init__(
        self, model: SpikeBertForSequenceClassification, teacher_width: int, skip: int = 0, spread: float = 1.0
    ):
        super().__init__()
        self.model, self.skip, self.spread = model, skip, spread
        self.alignment = Alignment(model.config.hidden_size, teacher_width, model.config.num_hidden_layers - skip)

    def layers(self, teacher_layers: int) -> list[int]:
        """The teacher's layers (from 1) that the blocks follow."""
        return aligned_layers(self.model.config.num_hidden_layers, teacher_layers, self.skip)


def stage_one(student: Student, teacher: Source, batch: Batch) -> dict[str, Tensor]:
    """Stage 1, on text without labels: embeddings and features are aligned with a general teacher's."""
    output = student.model(batch.tokens, batch.mask, features=True)
    target = teacher.targets(batch, student.layers(teacher.layers))
    feature = student.alignment.feature_loss(output, target.features)
    embedding = student.alignment.embedding_loss(output, target.embeddings)
    return {"loss": feature + embedding, "feature": feature, "embedding": embedding}


def stage_two(
    student: Student, teacher: Source, batch: Batch, weights: LossWeights, operations_target: float | None = None
) -> dict[str, Tensor]:
    """Stage 2 (eq. 8): a fine-tuned teacher's features, embeddings and logits, the labels, and the price of spikes.

    operations_target: synaptic operations per multiply-accumulate of a BERT that cost nothing; None prices none.
    """
    with (
        record_spikes(student.model, attached=True) if weights.spikes else nullcontext({}) as spikes,
        nullcontext() if operations_target is None else record_operations(student.model) as operations,
    ):
        output = student.model(batch.tokens, batch.mask, features=True)
    target = teacher.targets(batch, student.layers(teacher.layers))
    terms = {
        "feature": student.alignment.feature_loss(output, target.features),
        "embedding": student.alignment.embedding_loss(output, target.embeddings),
        "logits": logits_loss(output.logits, target.logits, student.spread),
        "cross_entropy": label_loss(output.logits, batch.labels, student.spread),
    }
    if spikes:
        terms["spikes"] = firing_rate(spikes.values())
    if operations is not None and operations_target is not None:
        per_mac = operations.per_mac(student.model, batch.mask)
        terms["operations"] = (per_mac - operations_target).clamp(min=0).float()
    return weighted(terms, weights)


@torch.no_grad()
def initialise_head(head: nn.Linear, task: Task) -> None:
    """A head that is to predict a number begins at the mean of the training labels."""
    if task.regression:
        head.bias.fill_(task.mean)


@torch.no_grad()
def initialise_embeddings(model: SpikeBertForSequenceClassification, teacher: Teacher) -> None:
    """Start from the teacher's word and position tables: copied, or their principal components where narrower.

    A wider student begins at random, and a line tells so. The table of neighbours begins at zero: a teacher has none.
    """
    if model.embeddings.neighbour is not None:
        model.embeddings.neighbour.weight.zero_()
    embeddings = teacher.model.bert.embeddings
    word = embeddings.word_embeddings.weight
    types = embeddings.token_type_embeddings.weight
    position, second = embeddings.position_embeddings.weight + types[0], types[-1] - types[0]
    width = model.config.hidden_size
    if width > word.shape[1]:
        say(f"the student is wider than its teacher ({width}, {word.shape[1]}): its embeddings begin at random")
        return
    if width < word.shape[1]:
        centred = word - word.mean(0)
        axes = torch.linalg.eigh(centred.T @ centred).eigenvectors[:, -width:]  # eigenvalues ascend
        word, position, second = centred @ axes, (position + word.mean(0)) @ axes, second @ axes
    rows = min(len(word), model.config.vocab_size)
    model.embeddings.word.weight[:rows] = word[:rows]
    if model.embeddings.position is not None:
        longest = model.config.max_tokens
        rows = min(len(position), longest)
        model.embeddings.position.weight[:rows] = position[:rows]
        if model.config.separator is not None:
            model.embeddings.position.weight[longest : longest + rows] = position[:rows] + second
        if model.config.shared_words:
            _mark_shared_words(model.embeddings.position.weight, 2 * longest, word.std())


def _mark_shared_words(table: Tensor, rows: int, unit: Tensor) -> None:
    """Make the rows for words of both texts from those for words of one: neurons that see nothing but this begin as
    many that fire there, and as many that fire elsewhere. A teacher has no such rows."""
    table[rows:] = table[:rows]
    table[rows:, ::MARKED] += MARK * unit
    table[rows:, MARKED // 2 :: MARKED] -= MARK * unit


@torch.no_grad()
def initialise_blocks(model: SpikeBertForSequenceClassification, teacher: Teacher) -> None:
    """Start each block from the teacher's layer that it is to follow: the products' weights and biases.

    Raises:
        InputError: the two are not of one width, or of one width inside of their MLPs, where the student has any.
    """
    for field in ("hidden_size",) if model.config.attention_only else ("hidden_size", "intermediate_size"):
        own, theirs = getattr(model.config, field), getattr(teacher.model.config, field)
        if own != theirs:
            raise InputError(f"blocks: the student's {field} must be its teacher's, {theirs}, not {own}", field="init")
    for block, number in zip(model.blocks, aligned_layers(len(model.blocks), teacher.layers), strict=True):
        layer = teacher.model.bert.encoder.layer[number - 1]
        attention = layer.attention.self
        pairs = [
            (block.attention.qkv, (attention.query, attention.key, attention.value)),
            (block.attention.output, (layer.attention.output.dense,)),
        ]
        if block.mlp is not None:
            pairs += [(block.mlp.up, (layer.intermediate.dense,)), (block.mlp.down, (layer.output.dense,))]
        for own, theirs in pairs:
            own.linear.weight.copy_(torch.cat([linear.weight for linear in theirs]))
            own.linear.bias.copy_(torch.cat([linear.bias for linear in theirs]))
