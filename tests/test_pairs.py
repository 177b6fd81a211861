"""Sentence pairs: from a row of two texts to an exported model that takes two."""

import json

import numpy as np
import pytest
import torch
from transformers import BertForSequenceClassification

from export.cli import main as export
from export.ir import nir
from simulate.cli import main as simulate
from simulate.fast import FastSimulator
from simulate.text import encode
from spikebert.cli import main
from spikebert.core.errors import InputError
from spikebert.data.labelled import read_labelled
from spikebert.data.rows import Row
from spikebert.data.tasks import load_task
from spikebert.model.checkpoint import load_model
from spikebert.model.packing import Packing, segments, shared
from spikebert.training.augment import Augmenter
from spikebert.training.distill import initialise_embeddings
from spikebert.training.examples import tokenise
from spikebert.training.loop import Batch, Example
from spikebert.training.teacher import Teacher
from tests.spikebert.model.test_model import small_model
from tests.spikebert.training.test_training import WORDS, command, teacher, tokenizer_of_words

__all__ = ["teacher"]  # a fixture
SEP = WORDS.index("[SEP]")


@pytest.fixture(scope="session")
def pairs(tmp_path_factory):
    """A task of pairs, where what counts is which of the two texts is good."""
    folder = tmp_path_factory.mktemp("pairs")
    rows = [
        f"{['first', 'second'][i % 2]}\tw{i % 24} {['good', 'bad'][i % 2]}\t{['poor', 'fine'][i % 2]} w{i * 7 % 24}"
        for i in range(120)
    ]
    (folder / "train.tsv").write_text("\n".join(rows[:90]))
    (folder / "dev.tsv").write_text("\n".join(rows[90:]))
    return folder


def test_segments_are_the_token_types_of_the_tokenizer():
    tokenizer = tokenizer_of_words()
    encoded = tokenizer([("w1 w2", "w3"), ("w1", "w2 w3 w4")], padding=True, return_token_type_ids=True)
    ids, mask = torch.tensor(encoded["input_ids"]), torch.tensor(encoded["attention_mask"])
    assert torch.equal(segments(ids, SEP) * mask, torch.tensor(encoded["token_type_ids"]))
    assert not segments(torch.tensor([[2, 5, SEP]]), SEP).any()  # a single text


def test_a_word_is_shared_where_it_stands_in_both_texts_and_padding_is_no_word():
    ids = torch.tensor([[2, 5, 6, 6, SEP, 6, 9, SEP, 0, 0], [2, 5, 0, SEP, 7, SEP, 0, 0, 0, 0]])
    found = shared(ids, segments(ids, SEP), torch.tensor([8, 6]))
    assert found[0, :8].tolist() == [0, 0, 1, 1, 1, 1, 0, 1]
    assert found[1, :6].tolist() == [0, 0, 0, 1, 0, 1]
    alone = torch.tensor([[2, 5, 5, SEP]])
    assert not shared(alone, segments(alone, SEP), torch.tensor([4])).any()  # a single text


def test_a_student_starts_from_the_positions_and_token_types_of_its_teacher(teacher):
    bert = BertForSequenceClassification.from_pretrained(teacher)
    model = small_model(vocab_size=len(WORDS), hidden_size=32, separator=SEP)
    initialise_embeddings(model, Teacher(bert, SEP))
    ids = torch.tensor([[2, 5, 6, SEP, 9, 10, SEP]])
    summed = []
    bert.bert.embeddings.LayerNorm.register_forward_hook(lambda _m, inputs, _o: summed.append(inputs[0][0]))
    with torch.no_grad():
        bert(input_ids=ids, token_type_ids=segments(ids, SEP))
        embedded, _ = model.embeddings(ids, Packing.from_mask(torch.ones_like(ids)))
    assert torch.allclose(embedded, summed[0], atol=1e-5)


def test_a_teacher_reads_the_second_text_as_such(teacher):
    bert = BertForSequenceClassification.from_pretrained(teacher).eval()
    batch = Batch.of([Example([2, 5, SEP, 9, SEP], 0)])
    with torch.no_grad():
        expected = bert(input_ids=batch.tokens, token_type_ids=torch.tensor([[0, 0, 0, 1, 1]])).logits
    assert torch.equal(Teacher(bert, SEP).targets(batch, [4]).logits, expected)
    assert not torch.equal(Teacher(bert).targets(batch, [4]).logits, expected)


def test_pairs_are_read_from_both_kinds_of_file(tmp_path):
    (tmp_path / "a.tsv").write_text("yes\tone text\tanother\nno\tthis\tthat\n")
    (tmp_path / "a.csv").write_text('sentence1,sentence2,label\none text,another,yes\n"this",that,no\n')
    rows = [Row("yes", "one text\tanother"), Row("no", "this\tthat")]
    assert read_labelled(tmp_path / "a.tsv") == read_labelled(tmp_path / "a.csv") == rows


def test_a_task_is_of_pairs_if_every_row_is_one(pairs, tmp_path):
    assert load_task(str(pairs)).pairs
    rows = [f"{'ab'[i % 2]}\tw{i}\tx" for i in range(40)]
    (tmp_path / "train.tsv").write_text("\n".join([*rows, *(f"a\ty{i}" for i in range(9))]))
    with pytest.raises(InputError, match=r"train.tsv, line 41: has one text, where most lines have two"):
        load_task(str(tmp_path / "train.tsv"))
    (tmp_path / "train.tsv").write_text("\n".join([*rows, *(f"a\ty{i}" for i in range(41))]))
    assert not load_task(str(tmp_path / "train.tsv")).pairs


def test_a_dev_part_of_single_texts_does_not_fit_a_task_of_pairs(pairs, tmp_path):
    (tmp_path / "dev.tsv").write_text("first\tw1\nsecond\tw2\n")
    with pytest.raises(InputError, match=r"^dev .*dev.tsv: dev row 1 has one text, where those of train have two"):
        load_task(str(pairs), str(tmp_path / "dev.tsv"))
    (tmp_path / "pairs.tsv").write_text("first\tw1\tw3\nsecond\tw2\tw3\n")
    with pytest.raises(InputError, match="dev row 1 has two texts, where those of train have one"):
        load_task(str(tmp_path / "dev.tsv"), str(tmp_path / "pairs.tsv"))


def test_singles_and_pairs_are_tokenised_beside_one_another_and_cut_where_they_are_longer(told):
    encoded = tokenise(["w1 w2 w3 w4\tw5", "w1"], tokenizer_of_words(), 7, SEP)
    names = [" ".join(WORDS[i] for i in tokens) for tokens in encoded]
    assert names == ["[CLS] w1 w2 w3 [SEP] w5 [SEP]", "[CLS] w1 [SEP]"]
    assert "1 of 2 texts are longer than 7 tokens" in told.text


def test_the_texts_of_a_pair_are_altered_each_by_itself():
    texts = [f"good film w{i}\tbad song x{i}" for i in range(40)]
    made = Augmenter(texts, "[MASK]", 0, pairs=True).texts(2)
    assert made
    assert all(text.count("\t") == 1 and all(text.split("\t")) for text in made)


def test_a_pair_goes_all_the_way_to_the_exported_model(pairs, teacher, tmp_path, capsys):
    more = ["--epochs", "2", "--stage1-epochs", "1", "--max-tokens", "16", "--augment", "1"]
    assert main(command(pairs, teacher, tmp_path / "run", *more)) == 0
    assert "90 training and 30 dev pairs of texts" in capsys.readouterr().out
    model = load_model(tmp_path / "run" / "model.pt").model
    assert model.config.separator == SEP
    assert model.config.shared_words
    assert model.embeddings.position.num_embeddings == 64
    assert export([str(tmp_path / "run" / "model.pt"), "--to", "nir", "-o", str(tmp_path / "model.nir")]) == 0
    graph = nir.read(tmp_path / "model.nir")
    one, other = encode(graph, ["w1 good\tpoor w2", "poor w2\tw1 good"], "texts")
    assert one.tolist() == [2, 9, 4, SEP, 7, 10, SEP]
    logits = FastSimulator(graph).run([one, other]).logits
    assert not np.array_equal(*logits)
    capsys.readouterr()
    answers = []
    for texts in (["--text", "w1 good", "--text-pair", "poor w2"], ["--text", "w1 good\tpoor w2"]):
        assert simulate([str(tmp_path / "model.nir"), *texts]) == 0
        answers.append(capsys.readouterr().out.splitlines()[:-1])  # the last line tells the seconds
    assert answers[0] == answers[1]
    assert simulate([str(tmp_path / "model.nir"), "--data", str(pairs / "dev.tsv")]) == 0
    baseline = ["baseline", "snn-textcnn", "--task", str(pairs), "--teacher", str(teacher), "--epochs", "1"]
    assert main([*baseline, "--preset", "tiny", "--out", str(tmp_path / "cnn")]) == 0


def test_a_second_text_for_a_model_of_single_texts_is_refused(capsys):
    shipped = "examples/tweets/model.nir"
    assert simulate([shipped, "--text", "a", "--text-pair", "b"]) == 2
    assert "takes single texts" in capsys.readouterr().err
    assert simulate([shipped, "--text", "a", "--text", "b", "--text-pair", "c"]) == 2
    assert "--text-pair needs a --text for each" in capsys.readouterr().err


PAIRS = "examples/mrpc/model.nir"


def test_a_tab_inside_of_one_text_does_not_part_it_elsewhere(capsys):
    assert simulate([PAIRS, "--text", "a\tx", "--text-pair", "b\tc", "--format", "jsonl"]) == 0
    assert json.loads(capsys.readouterr().out)["text"] == "a x\tb c"


@pytest.mark.parametrize("text", ["a\t", "\tb", "a\t "])
def test_half_of_a_pair_is_refused(text, capsys):
    assert simulate([PAIRS, "--text", "a\tb", "--text", text]) == 2
    assert "text 2: one of its two texts is empty" in capsys.readouterr().err


def test_texts_alone_are_told_to_who_gives_them_to_a_model_of_pairs(capsys):
    assert simulate([PAIRS, "--text", "a\tb", "--text", "c", "--text", "d [SEP] e"]) == 0
    assert "1 of 3 texts stand alone: the model was trained on pairs" in capsys.readouterr().err


def test_pairs_are_told_to_who_gives_them_to_a_model_of_single_texts(capsys):
    assert simulate(["examples/sst2/model.nir", "--text", "positive\tgood", "--text", "bad"]) == 0
    assert "1 of 2 texts hold a TAB: the model was trained on single texts" in capsys.readouterr().err


def test_a_separator_that_is_no_word_is_refused():
    with pytest.raises(InputError, match="a separator is one of the words"):
        small_model(separator=40)
