"""The card of a trained model, `README.md` as the Hugging Face hub reads it, from the record of its training."""

from __future__ import annotations

import json
from typing import Any

from spikebert.data.metrics import ACCURACY, Score, noted
from spikebert.data.taught import teachers_in_words

CARD = """\
---
library_name: transformers
pipeline_tag: text-classification
tags:
- spikebert
- spiking-neural-network
- neuromorphic
{metadata}---

# {title}

A SpikeBERT (Lv et al., [arXiv 2308.15122](https://arxiv.org/abs/2308.15122)): a spiking transformer for text
classification, distilled from a BERT. {blocks} block{plural}{alone} × {width}, T = {steps}, {norm} norm, {reset} reset,
{residual} residual, up to {tokens} tokens{beside}.

{labels}

{results}

## Use

    import spikebert                                                  # enters the model into transformers
    from transformers import pipeline
    pipeline("text-classification", model="{folder}")("a text")

    spikebert export {folder} -o model.nir                            # exact integers for a neuromorphic chip

## How it was trained

{training}

## Limits

It knows the texts that it was trained on, and its mistakes are theirs, too. Nothing here was run on neuromorphic
hardware.
"""
HUB = {"matthews": "matthews_correlation", "pearson": "pearsonr", "spearman": "spearmanr"}  # as the hub calls them
TOLD = {  # of the record of a training
    "task": "task",
    "teacher": "teacher",
    "more_teachers": "more teachers",
    "preset": "preset",
    "train_texts": "training texts",
    "epochs": "epochs",
    "stage1_epochs": "epochs of stage 1",
    "learning_rate": "learning rate",
    "batch_size": "batch size",
    "seed": "seed",
}


def card(config: Any, labels: list[str], training: dict[str, Any], folder: str = "model") -> str:
    """The page of a model of this configuration; what its training did not record is left out."""
    task = str(training.get("task", "")) or "text classification"
    return CARD.format(
        metadata=_metadata(task, labels, training),
        title=f"SpikeBERT for {' '.join(task.split())}",
        folder=folder,
        blocks=config.num_hidden_layers,
        plural="s" * (config.num_hidden_layers != 1),
        alone=" of attention alone" if config.attention_only else "",
        width=config.hidden_size,
        steps=config.time_steps,
        norm=config.norm,
        reset=config.reset,
        residual=config.residual,
        tokens=config.max_tokens,
        beside=", each told of those beside it" if config.neighbours else "",
        labels=f"Labels: {', '.join(' '.join(label.split()) for label in labels)}."
        if labels
        else "It predicts a number, in the unit of the labels that it was trained on.",
        results=_results(labels, training),
        training="\n".join(
            f"- {title}: {_told(training[name])}" for name, title in TOLD.items() if training.get(name, []) != []
        )
        or "Not recorded.",
    )


def _metadata(task: str, labels: list[str], training: dict[str, Any]) -> str:
    """The results as the hub lists them: YAML, whose quoted texts are JSON's."""
    accuracy, score = training.get("accuracy"), _score(labels, training)
    if not isinstance(accuracy, float) and score is None:
        return ""
    name = json.dumps(task, ensure_ascii=True)
    values = {} if score is None else {HUB.get(score.metric.name, score.metric.name): score.value}
    values |= {"accuracy": accuracy} if isinstance(accuracy, float) else {}
    measured = "".join(f"    - type: {metric}\n      value: {value:.4f}\n" for metric, value in values.items())
    return (
        f"model-index:\n- name: spikebert\n  results:\n  - task:\n      type: text-classification\n"
        f"    dataset:\n      name: {name}\n      type: {name}\n"
        f"    metrics:\n{measured}"
    )


def _score(labels: list[str], training: dict[str, Any]) -> Score | None:
    """What the metric of the task gave, if that is not the accuracy."""
    metric, value, interval = noted(training, labels), training.get("score"), training.get("interval")
    ends = [end for end in interval if isinstance(end, float)] if isinstance(interval, list) else []
    if metric == ACCURACY or not isinstance(value, float) or len(ends) != 2:
        return None
    return Score(metric, value, *ends)


def _told(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _results(labels: list[str], training: dict[str, Any]) -> str:
    score, texts = _score(labels, training), f"on {training.get('dev_texts', 'its')} dev texts"
    who = teachers_in_words(training.get("more_teachers"))
    if not labels and score is not None:
        taught = training.get("teacher_score")
        return f"{score.sentence} {texts}" + (f"; {who} {taught:.4f}." if isinstance(taught, float) else ".")
    if not isinstance(training.get("accuracy"), float):
        return "Its accuracy was not recorded."
    parts = [f"Accuracy {training['accuracy']:.4f} {texts}"]
    if score is not None:
        parts.insert(0, score.sentence)
    for name, title in (("teacher_accuracy", who), ("majority", "the most frequent label")):
        if isinstance(training.get(name), float):
            parts.append(f"{title} {training[name]:.4f}")
    return "; ".join(parts) + "."
