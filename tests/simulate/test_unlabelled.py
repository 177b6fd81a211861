"""Texts without labels: classified with a score, from a file, from standard input, from a CSV, and in a bundle."""

import gzip
import io
import json
import sys

import numpy as np
import pytest

from deploy.cli import main as deploy
from simulate.cli import main as simulate
from simulate.unlabelled import read_texts
from spikebert.core.errors import InputError
from spikebert.data.labelled import read_labelled
from tests.simulate.example_run import example_run

TEXTS = ["a good film", "a very bad film", "bad"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("unlabelled")
    example_run(folder, norm="batch", blocks=1)
    (folder / "texts.txt").write_text("\n".join(TEXTS) + "\n", "utf-8")
    (folder / "texts.csv").write_text("id,Text\n" + "".join(f'{i},"{t}"\n' for i, t in enumerate(TEXTS)), "utf-8")
    return folder


def feed(monkeypatch, data: bytes):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), "utf-8"))


@pytest.mark.parametrize("source", ["texts.txt", "texts.csv", "-"])
def test_they_are_classified_with_a_score(folder, source, capsys, monkeypatch):
    feed(monkeypatch, (folder / "texts.txt").read_bytes())
    capsys.readouterr()
    data = source if source == "-" else str(folder / source)
    assert simulate([str(folder / "model.nir"), "--data", data]) == 0
    lines = capsys.readouterr().out.splitlines()
    expected = (folder / "run" / "predictions.tsv").read_text("utf-8").splitlines()[1:]
    for line, row in zip(lines[:3], expected, strict=True):
        label, score, text = line.split("\t")
        _, predicted, known, *_, known_text = row.split("\t")
        assert (label, text) == (predicted, known_text)
        assert float(score) == pytest.approx(float(known), abs=1e-4)
        assert 1 / 3 <= float(score) <= 1
    assert lines[3] == "3 texts on fast, without labels"


def test_with_a_folder_they_stand_in_the_table_there(folder, capsys):
    out = folder / "alone"
    assert simulate([str(folder / "model.nir"), "--data", str(folder / "texts.txt"), "--out", str(out)]) == 0
    rows = [line.split("\t") for line in (out / "predictions.tsv").read_text("utf-8").splitlines()]
    assert rows[0] == ["label", "predicted", "score", "logit_label0", "logit_label1", "logit_label2", "text"]
    assert [row[0] for row in rows[1:]] == ["", "", ""]
    for row in rows[1:]:
        powers = np.exp(np.array(row[3:6], float) - max(map(float, row[3:6])))
        assert float(row[2]) == pytest.approx(powers.max() / powers.sum(), abs=1e-6)
    assert json.loads((out / "counts.json").read_text("utf-8"))["accuracy"] is None


def test_no_more_are_read_than_are_asked_for(folder):
    assert read_texts(str(folder / "texts.txt"), 2) == read_texts(str(folder / "texts.csv"), 2) == TEXTS[:2]


def test_a_file_with_labels_is_none_of_them(tmp_path):
    for name, text in (("a.tsv", "good\n"), ("a.txt", "label\tgood\nbad\n"), ("a.csv", "label,text\nx,good\n")):
        (tmp_path / name).write_text(text, "utf-8")
        assert read_texts(str(tmp_path / name)) is None
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(b"good\nbad\n"))
    assert read_texts(str(tmp_path / "a.txt.gz")) == ["good", "bad"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_csv_of_texts_alone_is_parted_by_what_parts_one_with_labels(tmp_path, delimiter):
    rows = [["id", "Text"], ["1", ' "good, not; bad"'], ["2", '"so ""so"""']]
    (tmp_path / "a.csv").write_text("".join(delimiter.join(row) + "\n" for row in rows), "utf-8")
    assert read_texts(str(tmp_path / "a.csv")) == ["good, not; bad", 'so "so"']


def test_what_is_left_out_of_a_csv_of_texts_or_joined_in_it_is_told(tmp_path, caplog):
    (tmp_path / "a.csv").write_text('text\n"a good\nfilm"\n\nbad\n', "utf-8")
    with caplog.at_level("INFO"):
        assert read_texts(str(tmp_path / "a.csv")) == ["a good film", "bad"]
    told = " ".join(caplog.messages)
    assert "1 blank lines left out" in told
    assert "1 texts go over several lines, in quotation marks (the first from line 2 on)" in told


def test_a_column_that_is_not_read_is_told_since_it_may_hold_labels(tmp_path, caplog):
    (tmp_path / "a.csv").write_text("text,Target\ngood film,1\n", "utf-8")
    with caplog.at_level("INFO"):
        assert read_texts(str(tmp_path / "a.csv")) == ["good film"]
    assert "the text is 'text'; 'Target' left out (labels are named by --label-column)" in caplog.text


def test_the_column_of_texts_may_be_named(tmp_path):
    (tmp_path / "a.csv").write_text("id;Body;text\n1;a good film;x\n", "utf-8")
    assert read_texts(str(tmp_path / "a.csv"), columns=["body"]) == ["a good film"]
    assert read_texts(str(tmp_path / "a.csv"), columns=["Body", "text"]) == ["a good film\tx"]
    assert read_texts(str(tmp_path / "a.csv"), columns=["other"]) is None


@pytest.mark.parametrize("content", ["", "\n\n", '""\n'])
def test_a_csv_of_nothing_is_left_to_the_reader_of_labels(tmp_path, content):
    (tmp_path / "a.csv").write_text(content, "utf-8")
    assert read_texts(str(tmp_path / "a.csv")) is None
    with pytest.raises(InputError, match="holds no rows"):
        read_labelled(tmp_path / "a.csv")


def test_pairs_of_texts_in_a_csv_are_parted_by_a_tab(tmp_path):
    (tmp_path / "a.csv").write_text("premise,hypothesis\na b,c\n", "utf-8")
    assert read_texts(str(tmp_path / "a.csv")) == ["a b\tc"]


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("a.txt", b"good\n\nbad\n", "line 2: the text is empty"),
        ("a.txt", b"", "holds no texts"),
        ("a.txt", b"good\n\xff\n", "line 2: not UTF-8"),
        ("a.csv", b"text\n", "holds no texts"),
        ("a.csv", b"id,text\n1,good, bad\n", "line 2: has 3 columns, .* with a comma must stand in quotation marks"),
        ("a.csv", b"id;text\n1;good; bad\n", "line 2: has 3 columns, .* with a semicolon must stand"),
        ("a.csv", b"id,text\n1,good\nid,text\n2,bad\n", "line 3: is the header once more"),
        ("a.csv", b'id,text\n1,"good\n', "line 2: not CSV .a quotation mark that opens a text is never closed"),
        ("a.csv", b'text\n"good"\nbad, so\n', "line 3: has 2 columns"),
        ("a.csv", b"text,id,Text\na,1,b\n", "line 1: the header names 'text' 2 times; rename all but one"),
        ("a.csv", b"sentence1,sentence2\na,b\na,\n", "line 3: the second text is empty; fill it"),
    ],
)
def test_what_is_wrong_is_named_by_line(tmp_path, name, content, fault):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=fault):
        read_texts(str(tmp_path / name))


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"good\n\nbad\n", "line 2"),
        (b"", "no texts"),
        (b"\xff", "not UTF-8"),
        (gzip.compress(b"good\n", mtime=0), "is packed by gzip; unpack it"),
        (b"PAR1\0\0", "is Parquet, not text"),
    ],
)
def test_standard_input_is_held_to_the_same(monkeypatch, data, fault):
    feed(monkeypatch, data)
    with pytest.raises(InputError, match=f"standard input.*{fault}"):
        read_texts("-")


def test_a_bundle_takes_them(folder, capsys):
    arguments = ["bundle", str(folder / "model.nir"), "--data", str(folder / "texts.txt"), "-o", str(folder / "bundle")]
    assert deploy(arguments) == 0
    assert json.loads((folder / "bundle" / "manifest.json").read_text("utf-8"))["golden"]["texts"] == 3
    assert deploy(["verify", str(folder / "bundle"), "--no-lava"]) == 0


def test_what_needs_labels_says_so(folder, capsys):
    assert simulate(["sweep", str(folder / "model.nir"), "--data", str(folder / "texts.txt")]) == 2
    assert "without labels" in capsys.readouterr().err


def test_a_line_without_end_on_standard_input_is_refused(monkeypatch):
    monkeypatch.setattr("spikebert.data.lines.LONGEST", 2**10)
    feed(monkeypatch, b"good\n" + b"x" * 2**11)
    with pytest.raises(InputError, match="standard input, line 2: takes more than 1,024 bytes"):
        read_texts("-")
