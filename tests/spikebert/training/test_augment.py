"""Augmented texts are made of the task's own words, by the rules of Tang et al."""

import re

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


CHINESE = ["味道很好吃,送餐很快", "送餐太慢 not good太贵", "非常满意"]


def pairs_of(runs):
    return [[run[i : i + 2] for i in range(0, len(run), 2)] for run in runs]


def test_a_script_without_spaces_is_altered_piece_by_piece(monkeypatch):
    monkeypatch.setattr(augment, "NGRAM_SHARE", 0.0)
    made = Augmenter(CHINESE, "[MASK]", 0, cut=pairs_of).texts(40)
    assert len(made) > 40
    known = {"味道", "很好", "吃", ",", "送餐", "很快", "太慢", "not", "good", "太贵", "非常", "满意", "[MASK]"}
    pattern = "|".join(sorted(map(re.escape, known), key=len, reverse=True))
    assert all(re.fullmatch(rf"({pattern}| )+", text) for text in made)
    mixed = [text for text in made if "not" in text]
    assert mixed and all(" not " in text for text in mixed)  # spaces stay where they stood, and none is added
    assert all(" " not in text for text in made if "味道" in text and "not" not in text)


def test_an_n_gram_of_a_script_without_spaces_is_a_run_of_pieces(monkeypatch):
    for share, value in (("MASK_SHARE", 0.0), ("REPLACE_SHARE", 0.0), ("NGRAM_SHARE", 1.0)):
        monkeypatch.setattr(augment, share, value)
    made = Augmenter(CHINESE, "[MASK]", 0, cut=pairs_of).texts(30)
    assert "送餐" in made and "味道很好吃" in made
    assert all(any(text in whole for whole in CHINESE) for text in made)


def test_a_text_of_any_script_stays_whole_without_a_cut():
    made = Augmenter(CHINESE, "[MASK]", 0).texts(10)
    assert {word for text in made for word in text.split()} <= {*" ".join(CHINESE).split(), "[MASK]"}
