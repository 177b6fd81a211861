"""The fast simulator: sentences do not disturb one another, however they are batched."""

import numpy as np
import pytest

from simulate import fast
from simulate.batches import batches
from simulate.fast import FastSimulator
from tests.random_graph import random_graph


def some_sentences(count=9, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 50, rng.integers(1, 17)) for _ in range(count)]


@pytest.mark.parametrize("norm", ["layer", "batch"])
def test_a_sentence_alone_gives_the_spikes_that_it_gives_among_others(norm):
    simulator = FastSimulator(random_graph(norm=norm))
    sentences = some_sentences()
    together = simulator.run(sentences, record=True)
    start = 0
    for index, tokens in enumerate(sentences):
        alone = simulator.run([tokens], record=True)
        assert np.array_equal(alone.logits[0], together.logits[index])
        for name, train in alone.spikes.items():
            assert np.array_equal(train, together.spikes[name][:, start : start + len(tokens)]), name
        start += len(tokens)


def test_the_size_of_a_batch_changes_nothing(monkeypatch):
    simulator, sentences = FastSimulator(random_graph()), some_sentences()
    large = simulator.run(sentences, record=True)
    monkeypatch.setattr(fast, "ROWS", 16)
    small = simulator.run(sentences, record=True)
    assert np.array_equal(large.logits, small.logits)
    assert all(np.array_equal(large.counts[n], small.counts[n]) for n in large.counts)
    assert all(np.array_equal(large.spikes[n], small.spikes[n]) for n in large.spikes)


def test_counts_are_the_recorded_spikes_of_each_sentence_and_step():
    sentences = some_sentences()
    result = FastSimulator(random_graph()).run(sentences, record=True)
    ends = np.cumsum([len(s) for s in sentences])
    for name, train in result.spikes.items():
        expected = [part.sum((1, 2), dtype=int) for part in np.split(train, ends[:-1], axis=1)]
        assert np.array_equal(result.counts[name], expected), name


def test_progress_is_told_of_every_sentence():
    seen = []
    FastSimulator(random_graph()).run(some_sentences(), progress=seen.append)
    assert sum(seen) == 9


def test_batches_keep_the_order_and_the_budget():
    sentences = some_sentences(30)
    groups = batches(sentences, 20)
    assert [i for g in groups for i in g] == list(range(30))
    assert all(sum(len(sentences[i]) for i in g) <= 20 for g in groups)
