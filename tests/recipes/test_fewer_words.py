"""recipes/fewer_words.py: a BERT that keeps the words of its texts, and answers to them as before."""

import pytest
import torch
from transformers import AutoTokenizer, BertModel

from recipes.fewer_words import main
from spikebert.cli import main as train
from spikebert.model.checkpoint import load_model
from spikebert.training.teacher import load


def states(folder, text):
    """The word pieces of a text and the last hidden states of a BERT that reads them."""
    tokenizer, model = AutoTokenizer.from_pretrained(folder), BertModel.from_pretrained(folder).eval()
    with torch.no_grad():
        return tokenizer.tokenize(text), model(torch.tensor([tokenizer(text).input_ids])).last_hidden_state


@pytest.fixture(scope="module")
def few(bert, films, tmp_path_factory):
    """57 characters and special tokens, and the two words that are used most often."""
    out = tmp_path_factory.mktemp("few") / "bert"
    assert main([str(bert), "--task", str(films), "--pieces", "59", "-o", str(out)]) == 0
    return out


def test_a_text_of_kept_words_gives_the_same_hidden_states(bert, few):
    (pieces, before), (same, after) = (states(folder, "bad film") for folder in (bert, few))
    assert pieces == same == ["bad", "film"]
    assert torch.equal(before, after)


def test_a_word_whose_piece_is_gone_is_cut_into_shorter_ones(few):
    pieces, found = states(few, "great film")
    assert pieces == ["g", "##r", "##e", "##a", "##t", "film"]
    assert torch.isfinite(found).all()
    assert len(BertModel.from_pretrained(few).embeddings.word_embeddings.weight) == 59


def test_the_words_of_a_corpus_count_beside_those_of_the_task(bert, films, tmp_path):
    (tmp_path / "corpus.txt").write_text("great\n" * 100)
    options = ["--corpus", str(tmp_path / "corpus.txt"), "--pieces", "59", "-o", str(tmp_path / "bert")]
    assert main([str(bert), "--task", str(films), *options]) == 0
    assert states(tmp_path / "bert", "great bad film")[0] == ["great", "b", "##a", "##d", "film"]


def test_a_fine_tuned_teacher_keeps_its_classes_and_answers_as_before(bert, films, tmp_path):
    stages = ["--teacher", str(bert), "--teacher-epochs", "1", "--labels", "0=bad,1=good", "--teacher-pooling", "mean"]
    assert train(["teacher", "--task", str(films), *stages, "--out", str(tmp_path / "tuned")]) == 0
    tuned, fewer = str(tmp_path / "tuned/model"), str(tmp_path / "fewer")
    assert main([tuned, "--task", str(films), "--pieces", "59", "-o", fewer]) == 0
    answers = []
    for folder in (tuned, fewer):
        model, tokenizer, fitted = load(folder, ["bad", "good"])
        assert fitted
        tokens = torch.tensor([tokenizer("bad film").input_ids])
        with torch.no_grad():
            answers.append(model.eval()(tokens, torch.ones_like(tokens)).logits)
    assert torch.equal(*answers)


def test_a_student_learns_from_it_with_the_words_that_it_keeps(few, films, tmp_path):
    shape = "--preset tiny --width 24 --heads 2 --blocks 1 --max-tokens 16 --epochs 1 --stage1-epochs 0"
    stages = [*shape.split(), "--teacher-epochs", "1"]
    assert train(["--task", str(films), "--teacher", str(few), "--out", str(tmp_path / "run"), *stages]) == 0
    assert load_model(tmp_path / "run/model.pt").model.config.vocab_size == 59


def test_what_cannot_be_made_is_told_in_one_line(bert, teacher, films, tmp_path, refused):
    task, out = ["--task", films], ["-o", tmp_path / "out"]
    assert "no such folder" in refused(main, [tmp_path / "none", *task, *out])
    assert "no such file" in refused(main, [bert, "--task", tmp_path / "none.tsv", *out])
    assert "no such corpus file" in refused(main, [bert, *task, "--corpus", tmp_path / "none.txt", *out])
    assert "--pieces 0: must be at least 1" in refused(main, [bert, *task, "--pieces", 0, *out])
    assert "--pieces 56: single characters and special" in refused(main, [bert, *task, "--pieces", 56, *out])
    assert "the tokenizer is a WordLevel: only the vocabulary of a WordPiece" in refused(main, [teacher, *task, *out])
    assert not (tmp_path / "out").exists()


def test_a_folder_that_holds_something_else_is_left_as_it_is(bert, films, tmp_path, refused):
    (tmp_path / "config.json").write_text("mine")
    assert "holds config.json, which this" in refused(main, [bert, "--task", films, "-o", tmp_path])
    assert (tmp_path / "config.json").read_text() == "mine"
