"""Tokenizers from files: honest ones give what the library gives, hostile ones end in one line, in time and memory."""

import json

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from spikebert.core.errors import InputError
from spikebert.data import tokenizing
from spikebert.data.tokenizing import cut_at_tokens, of_any_length, require_bearable, require_loadable, token_ids

WORDS = ["[UNK]", "[CLS]", "[SEP]", "good", "bad", "film", "a"]
TEXT = "a good film " + "a" * 64 + "b"


def honest() -> Tokenizer:
    made = Tokenizer(models.WordLevel({w: i for i, w in enumerate(WORDS)}, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.post_processor = processors.BertProcessing(("[SEP]", 2), ("[CLS]", 1))
    return made


def test_ids_are_those_of_the_library_whatever_is_tokenised_at_once(monkeypatch):
    texts = ["a good film", "bad", ("good", "a bad film"), "x " * 40, "a"] * 3
    for together in (2**20, 30):
        monkeypatch.setattr(tokenizing, "TOGETHER", together)
        found = token_ids(honest().to_str(), texts, 100, False, "it")
        for (ids, count), text in zip(found, texts, strict=True):
            expected = honest().encode(*([text] if isinstance(text, str) else text)).ids
            assert ids.dtype == np.int64
            assert (ids.tolist(), count) == (expected, len(expected))


def test_a_tokenizer_loses_its_truncation_and_its_padding_and_nothing_else():
    made = honest()
    assert of_any_length(made.to_str()) == made.to_str()
    made.enable_truncation(3)
    made.enable_padding(length=9)
    free = Tokenizer.from_str(of_any_length(made.to_str()))
    assert free.encode("a good film").ids == honest().encode("a good film").ids
    assert json.loads(free.to_str()) == json.loads(honest().to_str())


def test_a_text_is_cut_as_the_library_cuts_it_or_its_length_is_told():
    (cut,) = token_ids(honest().to_str(), ["a good film"], 4, True, "it")
    assert (cut.ids.tolist(), cut.number) == ([1, 6, 3, 2], 4)
    (kept,) = token_ids(honest().to_str(), ["a good film"], 4, False, "it")
    assert (kept.ids.tolist(), kept.number) == ([1, 6, 3, 5], 5)


def test_a_text_is_parted_where_its_tokens_begin_and_nothing_of_it_is_lost(monkeypatch):
    texts = ["a good film", "", " bad", "x"] * 3
    for together in (2**20, 8):
        monkeypatch.setattr(tokenizing, "TOGETHER", together)
        pieces = cut_at_tokens(honest().to_str(), texts, "it")
        assert pieces == [["a ", "good ", "film"], [""], [" ", "bad"], ["x"]] * 3


def hostile(**changes) -> str:
    return json.dumps({**json.loads(honest().to_str()), **changes})


DOUBLE = {"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}
HOSTILE = {
    "fixedlength0": hostile(pre_tokenizer={"type": "FixedLength", "length": 0}),
    "precompiled_bad": hostile(normalizer={"type": "Precompiled", "precompiled_charsmap": "AAAA"}),
    "regex_catastrophic": hostile(
        pre_tokenizer={
            "type": "Split",
            "pattern": {"Regex": "(a+)+$|(x+x+)+y|(.*a){25}"},
            "behavior": "Isolated",
            "invert": False,
        }
    ),
    "replace_bomb": hostile(normalizer={"type": "Sequence", "normalizers": [DOUBLE] * 40}),
    "wordpiece_nounk": hostile(
        model={
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 0,
            "vocab": {"x": 0},
        }
    ),
    "no_json": "{",
    "null": "null",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_tokenizer_ends_in_one_line(name, capfd, monkeypatch):
    monkeypatch.setattr(tokenizing, "SECONDS", 2)
    with pytest.raises(InputError, match=r"^the tokenizer: ") as error:
        token_ids(HOSTILE[name], [TEXT], 16, True, "the tokenizer")
    assert "\n" not in str(error.value)
    assert capfd.readouterr() == ("", "")


def test_what_cannot_be_loaded_is_told_before_there_is_any_text(capfd):
    require_loadable(honest().to_str(), "it")
    with pytest.raises(InputError, match=r"^it: Precompiled"):
        require_loadable(HOSTILE["precompiled_bad"], "it")
    assert capfd.readouterr().err == ""


def test_a_text_beyond_all_measure_is_refused_before_it_is_tokenised():
    require_bearable("a" * 2**20, "text 1")
    with pytest.raises(InputError, match="text 1: the text has 1,048,577 characters"):
        require_bearable(("a" * 2**20, "b"), "text 1")
