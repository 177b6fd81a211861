"""A teacher's tokenizer comes from anywhere: honest ones give the library's tokens, hostile ones end in one line."""

import pytest

from spikebert.core.errors import InputError
from spikebert.data import tokenizing
from spikebert.training import teacher
from spikebert.training.examples import tokenise
from tests.fuzz.originals import write_teacher
from tests.spikebert.data.test_tokenizing import HOSTILE


@pytest.fixture
def folder(tmp_path):
    write_teacher(tmp_path / "teacher")
    return tmp_path / "teacher"


def test_tokens_are_those_of_transformers_and_long_texts_are_cut_as_it_cuts_them(folder, told):
    _, tokenizer, _ = teacher.load(str(folder), ["a", "b"])
    texts = ["a good film", "bad", "a very very very bad film", "unknown words"]
    assert tokenise(texts, tokenizer, 4) == tokenizer(texts, truncation=True, max_length=4)["input_ids"]
    assert "1 of 4 texts are longer than 4 tokens" in told.text
    assert tokenise(texts, tokenizer, 99) == tokenizer(texts)["input_ids"]


@pytest.mark.parametrize("name", ["regex_catastrophic", "precompiled_bad", "fixedlength0", "replace_bomb"])
def test_a_teacher_with_a_hostile_tokenizer_ends_in_one_line(folder, name, monkeypatch, capfd):
    monkeypatch.setattr(tokenizing, "SECONDS", 2)
    (folder / "tokenizer.json").write_text(HOSTILE[name], "utf-8")
    with pytest.raises(InputError, match="tokenizer") as error:
        _, tokenizer, _ = teacher.load(str(folder), ["a", "b"])
        tokenise(["a" * 64 + "b", "a good film"], tokenizer, 16)
    assert "\n" not in str(error.value)
    assert "panicked" not in capfd.readouterr().err
