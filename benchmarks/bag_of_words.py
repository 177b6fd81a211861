"""What a bag of n-grams reaches on the sets of the models in this repository, as a Markdown table.

    python benchmarks/bag_of_words.py DATA

TF-IDF of words and pairs of neighbouring words, in Chinese of up to three neighbouring characters, and a logistic
regression, as scikit-learn has them by default. It learns from the labelled training texts alone: it has no teacher, no
other texts and no altered copies. A spiking transformer should beat it, or say that it does not.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from models import MODELS, ROOT, Shipped, workplace
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from spikebert.core.errors import exit_cleanly
from spikebert.data.metrics import ACCURACY, score
from spikebert.data.tasks import Task, load_task


@dataclass(frozen=True)
class Bag:
    """What a bag of n-grams learned, and reaches on the development part, with its 95 % interval."""

    texts: int
    terms: int
    accuracy: float
    low: float
    high: float


def bag_of(model: Shipped, data: Path, place: Path) -> Bag:
    """The bag of a model's set, which may lie there since another table was made."""
    file = place / f"{model.name}-bag.json"
    if not file.exists():
        task = load_task(model.data if model.packaged else str((data / model.data).parent))
        file.write_text(json.dumps(asdict(fitted(model, task))), "utf-8")
    return Bag(**json.loads(file.read_text("utf-8")))


def fitted(model: Shipped, task: Task) -> Bag:
    analyzer, longest = ("word", 2) if model.words else ("char", 3)
    vectorizer = TfidfVectorizer(analyzer=analyzer, ngram_range=(1, longest))
    bag = make_pipeline(vectorizer, LogisticRegression(max_iter=1000))
    bag.fit([row.text for row in task.train], [task.labels.index(row.label) for row in task.train])
    true = np.array([task.labels.index(row.label) for row in task.dev])
    found = score(ACCURACY, bag.predict([row.text for row in task.dev]), true, task.labels)
    return Bag(len(task.train), len(vectorizer.vocabulary_), found.value, found.low, found.high)


def row(model: Shipped, data: Path) -> str:
    with workplace() as place:
        bag = bag_of(model, data, place)
    sizes = f"{bag.texts:,} | {bag.terms:,}"
    return f"| {model.task} | {sizes} | {bag.accuracy:.2%} | {bag.low:.1%} to {bag.high:.1%} |"


def main() -> int:
    def run() -> None:
        rows = [row(model, Path(sys.argv[1])) for model in MODELS if (ROOT / model.file).exists()]
        print("| measured on | training texts | n-grams | accuracy | 95 % interval |\n|---|--:|--:|--:|--:|")
        print("\n".join(rows))

    return exit_cleanly("bag_of_words", run)


if __name__ == "__main__":
    sys.exit(main())
