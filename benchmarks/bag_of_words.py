"""What a bag of n-grams reaches on the sets of the models in this repository, as a Markdown table.

    python benchmarks/bag_of_words.py DATA

TF-IDF of words and pairs of neighbouring words, in Chinese of up to three neighbouring characters, and a logistic
regression, as scikit-learn has them by default. It learns from the labelled training texts alone: it has no teacher, no
other texts and no altered copies. A spiking transformer should beat it, or say that it does not.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from models import MODELS, ROOT, Shipped
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline

from spikebert.core.errors import exit_cleanly
from spikebert.data.metrics import ACCURACY, Score, score
from spikebert.data.tasks import Task, load_task


def task_of(model: Shipped, data: Path) -> Task:
    return load_task(model.data if model.packaged else str((data / model.data).parent))


def fitted(model: Shipped, task: Task) -> Pipeline:
    analyzer, longest = ("word", 2) if model.words else ("char", 3)
    vectorizer = TfidfVectorizer(analyzer=analyzer, ngram_range=(1, longest))
    bag = make_pipeline(vectorizer, LogisticRegression(max_iter=1000))
    return bag.fit([row.text for row in task.train], [task.labels.index(row.label) for row in task.train])


def measured(bag: Pipeline, task: Task) -> Score:
    true = np.array([task.labels.index(row.label) for row in task.dev])
    return score(ACCURACY, bag.predict([row.text for row in task.dev]), true, task.labels)


def score_of(model: Shipped, data: Path) -> Score:
    """On the development part of the model's set."""
    task = task_of(model, data)
    return measured(fitted(model, task), task)


def row(model: Shipped, data: Path) -> str:
    task = task_of(model, data)
    bag = fitted(model, task)
    found = measured(bag, task)
    sizes = f"{len(task.train):,} | {len(bag[0].vocabulary_):,}"
    return f"| {model.task} | {sizes} | {found.value:.2%} | {found.low:.1%} to {found.high:.1%} |"


def main() -> int:
    def run() -> None:
        rows = [row(model, Path(sys.argv[1])) for model in MODELS if (ROOT / model.file).exists()]
        print("| measured on | training texts | n-grams | accuracy | 95 % interval |\n|---|--:|--:|--:|--:|")
        print("\n".join(rows))

    return exit_cleanly("bag_of_words", run)


if __name__ == "__main__":
    sys.exit(main())
