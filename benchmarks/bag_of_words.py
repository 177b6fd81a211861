"""What a bag of n-grams reaches on the sets of the models in this repository, as a Markdown table of scores
times 100.

    python benchmarks/bag_of_words.py DATA

TF-IDF of words and pairs of neighbouring words, in Chinese of up to three neighbouring characters, and a logistic
regression, as scikit-learn has them by default. Of a pair of texts it sees the products of both texts' values, and how
far these are apart; numbers are predicted by a ridge regression. It learns from the labelled training texts alone: it
has no teacher, no other texts and no altered copies. A spiking transformer should beat it, or say that it does not.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from models import Shipped, percent, shipped, workplace
from numpy.typing import NDArray
from scipy.sparse import hstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline

from spikebert.core.errors import exit_cleanly
from spikebert.data.metrics import TITLES, score, usual
from spikebert.data.rows import Row
from spikebert.data.tasks import Task, load_task


@dataclass(frozen=True)
class Bag:
    """What a bag of n-grams learned, and reaches on the development part, with its 95 % interval."""

    texts: int
    terms: int
    metric: str
    score: float
    low: float
    high: float


def bag_of(model: Shipped, data: Path, place: Path) -> Bag:
    """The bag of a model's set, which may lie there since another table was made."""
    file = place / f"{model.name}-bag.json"
    if not file.exists():
        task = load_task(model.data if model.packaged else str((data / model.data).parent))
        file.write_text(json.dumps(asdict(fitted(model, task))), "utf-8")
    return Bag(**json.loads(file.read_text("utf-8")))


class Pairs(TfidfVectorizer):
    """Of a pair, two texts with a TAB between them: what both have, and what one has alone."""

    def fit_transform(self, raw_documents, y=None):
        self.fit([part for text in raw_documents for part in text.split("\t")])
        return self.transform(raw_documents)

    def transform(self, raw_documents):
        parts = [text.split("\t") for text in raw_documents]
        first, second = (super(Pairs, self).transform([part[side] for part in parts]) for side in (0, 1))
        return hstack([first.multiply(second), abs(first - second)]).tocsr()


def targets(rows: Sequence[Row], task: Task) -> NDArray:
    """(B,): the indices of the labels, or the numbers that they are."""
    return np.array([task.labels.index(row.label) if task.labels else float(row.label) for row in rows])


def fitted(model: Shipped, task: Task) -> Bag:
    analyzer, longest = ("word", 2) if model.words else ("char", 3)
    vectorizer = (Pairs if task.pairs else TfidfVectorizer)(analyzer=analyzer, ngram_range=(1, longest))
    bag = make_pipeline(vectorizer, LogisticRegression(max_iter=1000) if task.labels else Ridge())
    bag.fit([row.text for row in task.train], targets(task.train, task))
    metric = usual(str(Path(model.data).parent), task.labels)
    found = score(metric, bag.predict([row.text for row in task.dev]), targets(task.dev, task), task.labels)
    return Bag(len(task.train), len(vectorizer.vocabulary_), metric.name, found.value, found.low, found.high)


def row(model: Shipped, data: Path) -> str:
    with workplace() as place:
        bag = bag_of(model, data, place)
    ends = f"{percent(bag.low, 1)} to {percent(bag.high, 1)}"
    cells = (model.task, f"{bag.texts:,}", f"{bag.terms:,}", TITLES[bag.metric], percent(bag.score), ends)
    return f"| {' | '.join(cells)} |"


def main() -> int:
    def run() -> None:
        rows = [row(model, Path(sys.argv[1])) for model in shipped()]
        print("| measured on | training texts | n-grams | metric | score | 95 % interval |\n|---|--:|--:|---|--:|--:|")
        print("\n".join(rows))

    return exit_cleanly("bag_of_words", run)


if __name__ == "__main__":
    sys.exit(main())
