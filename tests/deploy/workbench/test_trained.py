"""The float model in Python: it takes what the exported one takes, and refuses the same in the same words."""

from dataclasses import replace

import numpy as np
import pytest
from tokenizers import Tokenizer
from tokenizers.pre_tokenizers import WhitespaceSplit

import spikebert
from deploy.workbench.trained import Trained
from tests.export.lower.test_lower import TOKENIZER, model_with_character


@pytest.fixture(scope="module")
def model():
    return Trained(model_with_character())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m.predict("bad"), "texts must be a list of texts"),
        (lambda m: m.predict([None]), "texts must be a list of texts"),
        (lambda m: m.predict_proba(text for text in ["bad"]), "texts must be a list of texts"),
        (lambda m: m.predict(["bad", " "]), "texts: text 2: the text is empty"),
        (lambda m: m.predict(["a\ud800"]), "texts: text 1: not UTF-8"),
        (lambda m: m.predict(["a" * 2**21]), "texts: text 1: the text has 2,097,152 characters"),
        (lambda m: m.export(chip="loihi3"), "chip loihi3: must be one of loihi2, loihi1"),
        (lambda m: m.export(bits=2.5), "bits 2.5: weights have 2 to 8 bits"),
        (lambda m: m.save("nowhere/model.pt"), "nowhere/model.pt: its folder does not exist"),
    ],
)
def test_a_wrong_argument_is_one_line(model, call, message):
    with pytest.raises(spikebert.InputError, match=message):
        call(model)


def test_a_text_is_cut_only_where_that_is_asked_for():
    tokenizer = Tokenizer.from_str(TOKENIZER)
    tokenizer.pre_tokenizer = WhitespaceSplit()
    model = Trained(replace(model_with_character(), tokenizer=tokenizer.to_str()))
    long = " ".join(["w1"] * 33)
    assert np.array_equal(model.predict_proba([long]), model.predict_proba([" ".join(["w1"] * 32)]))
    with pytest.raises(spikebert.InputError, match="texts: text 2: 33 tokens, but the model takes at most 32; shorten"):
        model.predict_proba(["w1", long], truncate=False)
    pipe = spikebert.pipeline(model)
    assert pipe(long, truncation=True)
    with pytest.raises(spikebert.InputError, match="text 1: 33 tokens"):
        pipe(long)


def test_half_of_a_pair_is_refused():
    model = Trained(model_with_character(separator=3, shared_words=True))
    assert model.predict(["w1\tw2"])
    with pytest.raises(spikebert.InputError, match="texts: text 1: one of its two texts is empty; fill it"):
        model.predict(["w1\t "])


def test_an_array_of_texts_is_a_list_of_texts(model):
    texts = ["w1 w2", "w3"]
    assert model.predict(np.array(texts)) == model.predict(texts)
    assert model.predict([]) == [] and model.predict_proba([]).shape == (0, len(model.labels))
