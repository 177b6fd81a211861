"""A teacher for a language without one."""

import json
import re

import pytest
from transformers import AutoTokenizer

from spikebert.cli import main
from spikebert.model.checkpoint import load_model

GOOD, BAD = ["味道很好吃", "送餐很快", "非常满意"], ["味道很难吃", "送餐太慢", "非常失望"]


@pytest.fixture
def task(tmp_path):
    rows = [f"{i % 2}\t{(GOOD if i % 2 else BAD)[i % 3]},{(GOOD if i % 2 else BAD)[i // 3 % 3]}" for i in range(120)]
    for part, lines in (("train", rows[:90]), ("dev", rows[90:])):
        (tmp_path / f"{part}.tsv").write_text("\n".join(lines), "utf-8")
    return tmp_path


def test_a_new_teacher_cuts_frequent_words_whole_and_teaches_a_student(task, tmp_path):
    folder, out = tmp_path / "new", tmp_path / "run"
    common = ["--task", str(task), "--out"]
    assert main(["new-teacher", *common, str(folder), "--vocabulary", "200", "--width", "64"]) == 0
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokens = tokenizer.tokenize("送餐很快")
    assert len(tokens) < 4
    assert tokenizer("送餐很快")["input_ids"] == [2, *tokenizer.convert_tokens_to_ids(tokens), 3]
    more = ["--teacher", str(folder), "--preset", "tiny", "--stage1-epochs", "0", "--epochs", "2"]
    rates = ["--teacher-epochs", "4", "--teacher-learning-rate", "2e-3", "--learning-rate", "2e-3", "--batch-size", "8"]
    assert main([*common, str(out), *more, *rates]) == 0
    assert load_model(out / "model.pt").training["teacher_accuracy"] > 0.9


def test_chinese_texts_are_augmented_word_by_word(task, tmp_path, capsys):
    common = ["--task", str(task), "--out"]
    assert main(["new-teacher", *common, str(tmp_path / "new"), "--vocabulary", "200", "--width", "64"]) == 0
    sizes = ["--preset", "tiny", "--stage1-epochs", "0", "--epochs", "1", "--teacher-epochs", "1"]
    arguments = [*common, str(tmp_path / "run"), "--teacher", str(tmp_path / "new"), *sizes, "--augment", "4"]
    assert main(arguments) == 0
    (copies,) = re.findall(r"(\d+) more texts without labels", capsys.readouterr().out)
    assert int(copies) > 40


def test_the_tokenizer_learns_no_word_of_dev(task, tmp_path):
    with (task / "dev.tsv").open("a", encoding="utf-8") as file:
        file.write("\n1\t鹮鹮鹮鹮鹮\n1\t鹮鹮鹮鹮鹮")
    assert main(["new-teacher", "--task", str(task), "--out", str(tmp_path / "new"), "--width", "64"]) == 0
    assert "鹮" not in "".join(json.loads((tmp_path / "new" / "tokenizer.json").read_text("utf-8"))["model"]["vocab"])


@pytest.mark.parametrize(
    ("option", "message"), [("--width=100", "multiple of 64"), ("--dropout=1", "[0, 1)"), ("--vocabulary=3", "least")]
)
def test_a_shape_that_cannot_be_is_one_clear_line(task, tmp_path, capsys, option, message):
    assert main(["new-teacher", "--task", str(task), "--out", str(tmp_path / "new"), option]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not (tmp_path / "new").exists()
