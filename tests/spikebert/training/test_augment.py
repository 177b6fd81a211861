"""Augmented texts are made of the task's own words, by the rules of Tang et al."""

from textblob.en import tag

from spikebert.training import augment
from spikebert.training.augment import Augmenter

TEXTS = [
    "the film is a moving and charming story of love",
    "a dull , lifeless and tired comedy",
    "this actor shines brightly in every scene",
    "the director never finds a story worth telling",
]


def test_the_same_seed_gives_the_same_texts():
    first, again, other = (Augmenter(TEXTS, "[MASK]", seed).texts(5) for seed in (0, 0, 1))
    assert first == again != other


def test_no_text_stands_twice_or_was_there_before():
    made = Augmenter(TEXTS, "[MASK]", 0).texts(50)
    assert len(made) == len(set(made)) > 50
    assert not set(made) & set(TEXTS)


def test_every_word_is_the_mask_or_one_of_the_tasks():
    words = {word for text in TEXTS for word in text.split()}
    assert {word for text in Augmenter(TEXTS, "[MASK]", 0).texts(20) for word in text.split()} <= words | {"[MASK]"}


def test_a_replaced_word_is_of_the_same_part_of_speech(monkeypatch):
    monkeypatch.setattr(augment, "MASK_SHARE", 0.0)
    monkeypatch.setattr(augment, "REPLACE_SHARE", 1.0)
    monkeypatch.setattr(augment, "NGRAM_SHARE", 0.0)
    parts = {word: part for text in TEXTS for word, part in tag(text, tokenize=False)}
    pattern = [[parts[word] for word in text.split()] for text in TEXTS]
    for text in Augmenter(TEXTS, "[MASK]", 0).texts(3):
        assert [parts[word] for word in text.split()] in pattern


def test_an_n_gram_is_a_run_of_one_to_five_words(monkeypatch):
    monkeypatch.setattr(augment, "MASK_SHARE", 0.0)
    monkeypatch.setattr(augment, "REPLACE_SHARE", 0.0)
    monkeypatch.setattr(augment, "NGRAM_SHARE", 1.0)
    made = Augmenter(TEXTS, "[MASK]", 0).texts(30)
    assert {len(text.split()) for text in made} == {1, 2, 3, 4, 5}
    assert all(any(f" {text} " in f" {whole} " for whole in TEXTS) for text in made)
