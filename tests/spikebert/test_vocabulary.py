"""A smaller vocabulary: the same pieces and logits for the texts that it was made from, and no text is lost."""

import json

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from spikebert.checkpoint import TrainedModel
from spikebert.errors import InputError
from spikebert.vocabulary import prune
from tests.spikebert.test_model import TOKENIZER, small_model

WORDS = ["good", "film", "bad", "great", "##est", "un", "##good", "é"]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def wordpiece():
    letters = "abcdefghijklmnopqrstuvwxyz"
    pieces = [*SPECIAL, *letters, *(f"##{c}" for c in letters), *WORDS]
    tokenizer = Tokenizer(models.WordPiece({p: i for i, p in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.add_special_tokens(SPECIAL)
    cls, sep = (("[CLS]", 2), ("[SEP]", 3))
    tokenizer.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", "[CLS] $A [SEP] $B [SEP]", [cls, sep])
    return tokenizer


def trained(**values):
    tokenizer = wordpiece()
    return TrainedModel(
        small_model(vocab_size=tokenizer.get_vocab_size(), **values), tokenizer.to_str(), ["a", "b"], {}
    )


def logits(model, text):
    ids = Tokenizer.from_str(model.tokenizer).encode(*text.split("\t")).ids
    with torch.no_grad():
        return model.model(torch.tensor([ids])).logits


def test_texts_that_it_was_made_from_have_the_same_pieces_and_logits():
    whole = trained()
    small = prune(whole, ["good films", "bad film"])
    before, after = Tokenizer.from_str(whole.tokenizer), Tokenizer.from_str(small.tokenizer)
    for text in ("good films", "bad film", "bad films"):
        assert before.encode(text).tokens == after.encode(text).tokens
        assert torch.equal(logits(whole, text), logits(small, text))
    assert small.model.config.vocab_size == after.get_vocab_size() == len(small.model.embeddings.word.weight)


def test_a_word_whose_piece_is_gone_is_cut_into_pieces_that_are_there():
    small = prune(trained(), ["good films"])
    assert Tokenizer.from_str(small.tokenizer).encode("great").tokens[1:-1] == ["g", "##r", "##e", "##a", "##t"]
    assert small.training["vocabulary"] == {"kept": 59, "of": 65}


def test_pairs_keep_their_separator():
    small = prune(trained(separator=3), ["good\tfilms"])
    assert Tokenizer.from_str(small.tokenizer).id_to_token(small.model.config.separator) == "[SEP]"
    assert torch.isfinite(logits(small, "good\tfilms")).all()


def test_another_kind_of_tokenizer_is_refused_by_its_kind():
    assert json.loads(TOKENIZER)["model"]["type"] == "WordLevel"
    with pytest.raises(InputError, match="is a WordLevel: only the vocabulary of a WordPiece"):
        prune(TrainedModel(small_model(), TOKENIZER, ["a", "b"], {}), ["a"])
