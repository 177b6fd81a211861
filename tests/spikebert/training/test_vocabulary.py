"""A smaller vocabulary: the same pieces and logits for the texts that it was made from, and no text is lost."""

import json
from dataclasses import replace

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

from spikebert.cli import main
from spikebert.core.errors import InputError
from spikebert.model.checkpoint import TrainedModel, load_model
from spikebert.training.vocabulary import prune
from tests.spikebert.model.test_model import TOKENIZER, small_model

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


@pytest.mark.parametrize("neighbours", [False, True])
def test_texts_that_it_was_made_from_have_the_same_pieces_and_logits(neighbours):
    whole = trained(neighbours=neighbours)
    small = prune(whole, ["good films", "bad film"])
    before, after = Tokenizer.from_str(whole.tokenizer), Tokenizer.from_str(small.tokenizer)
    for text in ("good films", "bad film", "bad films"):
        assert before.encode(text).tokens == after.encode(text).tokens
        assert torch.equal(logits(whole, text), logits(small, text))
    assert small.model.config.vocab_size == after.get_vocab_size() == len(small.model.embeddings.word.weight)


def test_a_word_whose_piece_is_gone_is_cut_into_pieces_that_are_there():
    small = prune(trained(), ["good films"])
    assert Tokenizer.from_str(small.tokenizer).encode("great").tokens[1:-1] == ["g", "##r", "##e", "##a", "##t"]
    assert small.training["word_pieces"] == {"kept": 59, "of": 65}


def test_a_number_keeps_the_pieces_that_are_used_most_often():
    texts = ["good film good", "good film", "bad bad films"]
    small = prune(trained(), texts, most=59)  # 57 characters and special tokens
    pieces = Tokenizer.from_str(small.tokenizer).get_vocab()
    assert len(pieces) == small.model.config.vocab_size == 59
    assert {"good", "film"} <= pieces.keys()
    assert "bad" not in pieces
    with pytest.raises(InputError, match="vocabulary 56: single characters and special tokens are 57 pieces already"):
        prune(trained(), texts, most=56)


def test_pairs_keep_their_separator():
    small = prune(trained(separator=3), ["good\tfilms"])
    assert Tokenizer.from_str(small.tokenizer).id_to_token(small.model.config.separator) == "[SEP]"
    assert torch.isfinite(logits(small, "good\tfilms")).all()


def test_marks_that_a_sequence_puts_around_texts_are_kept_and_numbered_anew():
    whole = trained()
    content = json.loads(whole.tokenizer)
    content["added_tokens"] = []  # the marks are words as any other
    content["post_processor"] = {"type": "Sequence", "processors": [content["post_processor"]]}
    whole = replace(whole, tokenizer=json.dumps(content))
    small = prune(whole, ["good film"])
    tokens = [Tokenizer.from_str(model.tokenizer).encode("good film").tokens for model in (whole, small)]
    assert tokens[0] == ["[CLS]", "good", "film", "[SEP]"]
    assert tokens[1][0] == "[CLS]" and tokens[1][-1] == "[SEP]"
    ids = Tokenizer.from_str(small.tokenizer).encode("good film").ids
    assert max(ids) < small.model.config.vocab_size == 57


def test_another_kind_of_tokenizer_is_refused_by_its_kind():
    assert json.loads(TOKENIZER)["model"]["type"] == "WordLevel"
    with pytest.raises(InputError, match="is a WordLevel: only the vocabulary of a WordPiece"):
        prune(TrainedModel(small_model(), TOKENIZER, ["a", "b"], {}), ["a"])


def save_bert(folder):
    """An untrained BERT of two layers that reads word pieces."""
    torch.manual_seed(0)
    tokenizer = wordpiece()
    names = {f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep", "mask")}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(folder)
    shape = dict(hidden_size=24, num_hidden_layers=2, num_attention_heads=2, intermediate_size=48)
    config = BertConfig(vocab_size=tokenizer.get_vocab_size(), max_position_embeddings=64, **shape)
    BertForSequenceClassification(config).save_pretrained(folder)
    return folder


STUDENT = "--stage1-epochs 0 --teacher-epochs 1"


@pytest.mark.parametrize("command, stages", [([], STUDENT), (["baseline", "spikformer"], "")])
def test_a_trained_model_keeps_what_its_texts_use_and_is_measured_with_it(command, stages, tmp_path, capsys):
    save_bert(tmp_path / "bert")
    rows = [f"{'pos' if i % 2 else 'neg'}\t{'good' if i % 2 else 'bad'} film {'abcdefghij'[i % 10]}" for i in range(80)]
    (tmp_path / "task.tsv").write_text("\n".join(rows))
    options = "--preset tiny --width 24 --heads 2 --blocks 1 --max-tokens 16 --epochs 1 --vocabulary used --neighbours"
    where = ["--task", str(tmp_path / "task.tsv"), "--teacher", str(tmp_path / "bert"), "--out", str(tmp_path / "run")]
    assert main([*command, *where, *options.split(), *stages.split()]) == 0
    assert "vocabulary: 60 of 65 word pieces are kept" in capsys.readouterr().out
    found = load_model(tmp_path / "run" / "model.pt")
    assert found.model.config.vocab_size == 60 and found.training["word_pieces"] == {"kept": 60, "of": 65}
    assert len(found.model.embeddings.word.weight) == len(found.model.embeddings.neighbour.weight) == 60
    assert Tokenizer.from_str(found.tokenizer).encode("bad film").tokens == ["[CLS]", "bad", "film", "[SEP]"]
