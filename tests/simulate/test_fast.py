"""The fast simulator: sentences do not disturb one another, however they are batched."""

import numpy as np
import pytest

from export.ir.early_exit import with_margin
from simulate import fast
from simulate.batches import batches, by_length
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


def test_a_result_stands_at_the_place_of_its_sentence_whatever_was_computed_with_it():
    sentences, simulator = some_sentences(30), FastSimulator(random_graph(steps=1))
    together = simulator.run(sentences, record=True)
    starts = np.cumsum([0, *map(len, sentences)])
    for i, sentence in enumerate(sentences):
        alone = simulator.run([sentence], record=True)
        assert np.array_equal(together.logits[i], alone.logits[0])
        assert all(np.array_equal(together.counts[name][i], rows[0]) for name, rows in alone.counts.items())
        part = slice(starts[i], starts[i + 1])
        assert all(np.array_equal(together.spikes[name][:, part], train) for name, train in alone.spikes.items())


@pytest.mark.parametrize("margin", ["never", "0.01"])
def test_a_run_that_does_not_count_gives_the_same_logits_and_spikes(margin):
    simulator = FastSimulator(with_margin(random_graph(), margin))
    counted = simulator.run(some_sentences(), record=True)
    plain = simulator.run(some_sentences(), record=True, counting="none")
    assert np.array_equal(plain.logits, counted.logits)
    assert all(np.array_equal(plain.spikes[name], train) for name, train in counted.spikes.items())
    assert (plain.counts, plain.neurons) == ({}, None)


@pytest.mark.parametrize("margin", ["never", "0.01"])
def test_a_run_that_counts_its_layers_counts_nothing_else_and_the_same(margin):
    simulator = FastSimulator(with_margin(random_graph(), margin))
    whole = simulator.run(some_sentences())
    layers = simulator.run(some_sentences(), counting="layers")
    assert list(layers.counts) == [node.name for node in simulator.graph.neurons]
    assert all(np.array_equal(whole.counts[name], rows) for name, rows in layers.counts.items())
    assert layers.neurons.keys() == whole.neurons.keys()
    assert all(np.array_equal(whole.neurons[name], fired) for name, fired in layers.neurons.items())


def test_batches_by_length_hold_sentences_of_about_one_length():
    sentences = some_sentences(30)
    groups = by_length(sentences, 20)
    assert sorted(i for g in groups for i in g) == list(range(30))
    lengths = [len(sentences[i]) for g in groups for i in g]
    assert lengths == sorted(lengths)


def test_batches_keep_the_order_and_the_budget():
    sentences = some_sentences(30)
    groups = batches(sentences, 20)
    assert [i for g in groups for i in g] == list(range(30))
    assert all(sum(len(sentences[i]) for i in g) <= 20 for g in groups)
