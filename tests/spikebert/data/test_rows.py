"""Files of rows as people have them: read rightly, or refused with file, line, reason and remedy."""

import gzip
import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikebert.core.errors import InputError
from spikebert.data.columns import USUAL, Columns
from spikebert.data.labelled import read_labelled, read_table
from spikebert.data.rows import Row
from spikebert.data.tasks import load_task, save_rows

CASES = Path(__file__).parents[2] / "data" / "cases"
TWO = [Row("pos", "good film"), Row("neg", "bad, very")]


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.tsv", "pos\tgood film\rneg\tbad, very\r"),
        ("a.tsv", "\ufeffpos\tgood film\n\ufeffneg\tbad, very\n"),
        ("a.tsv", "pos\tgood film\n\nneg\tbad, very\n  \n"),
        ("a.tsv", '"pos"\t"good film"\nneg\tbad, very\n'),
        ("a.tsv", "label\ttext\npos\tgood film\nneg\tbad, very\n"),
        ("a.tsv", "sentence\tlabel\ngood film\tpos\nbad, very\tneg\n"),
        ("a.tsv", "pos\tgood film\t\nneg\tbad, very\t\n"),
        ("A.TSV", "pos\tgood film\nneg\tbad, very\n"),
        ("A.CSV", 'label,text\npos,good film\nneg,"bad, very"\n'),
        ("a.csv", 'label, text\npos, good film\nneg, "bad, very"\n'),
        ("a.csv", "text;label\ngood film;pos\nbad, very;neg\n"),
        ("a.csv", 'id,Sentiment,Text\r\n1,pos,"good\nfilm"\r\n\r\n2,neg,"bad, very"\r\n'),
        ("a.csv", gzip.compress(b'label,text\npos,good film\nneg,"bad, very"\n', mtime=0)),
        ("A.CSV.GZ", gzip.compress(b'label,text\npos,good film\nneg,"bad, very"\n', mtime=0)),
        ("a.jsonl", '{"label": "pos", "text": "good film"}\n{"text": "bad,\\nvery", "label": "neg", "id": 3}\n'),
    ],
)
def test_what_is_plain_is_read(tmp_path, name, content):
    assert read_labelled(write(tmp_path / name, content)) == TWO


MANY = "".join(f"good film number {i}\t{'pos' if i % 2 else 'neg'}\n" for i in range(12))
PAIRS = "".join(f"yes\tone {i}\ttwo {i}\n" for i in range(5))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "a.csv",
            "label,text\npos,good, very\n",
            "line 2: has 3 columns, where line 1 has 2; a text with a comma",
        ),
        ("a.csv", "label,text\npos\n", "line 2: has 1 columns, where line 1 has 2"),
        ("a.csv", "\n\nlabel,text\npos\n", "line 4: has 1 columns, where line 3 has 2"),
        (
            "a.csv",
            'label,text\nneg,bad\npos,"good\n',
            "line 3: not CSV .a quotation mark that opens a text is never",
        ),
        ("a.csv", 'label,text\npos,"good" film\n', "line 2: not CSV .a quotation mark inside"),
        (
            "a.csv",
            'label,text\nneg,x\npos,"good\nneg,bad\npos,fine"\nneg,y\n',
            "line 3: .* what looks like a row",
        ),
        ("a.csv", 'text,label\n"good,pos\nfine",pos\nx,neg\n', "line 2: .* holds what looks like a row"),
        ("a.csv", "label,text\npos,a\nlabel,text\nneg,b\n", "line 3: is the header once more"),
        ("a.csv", "label,text,text\npos,a,b\n", "line 1: the header names 'text' 2 times"),
        ("a.csv", 'label,text\n"pos\nitive",a\n', "line 2: the label .* holds a line break"),
        ("a.csv", "pos,good\nneg,bad\n", "line 1: the header must name a label column .*--label-column"),
        ("a.csv", "sentence1,sentence2,label\na,b,yes\na,,no\n", "line 3: the second text is empty; fill it"),
        ("a.tsv", "pos\tgood\0film\n", "line 1: holds a NUL byte"),
        ("a.tsv", "pos\tgood\npos\tfine\rneg\tbad\n", "line 2: holds two rows with a CR between them"),
        ("a.tsv", '"pos\tgood\n', "line 1: a quotation mark that opens is not closed"),
        ("a.tsv", "class\ttweet\npos\tgood\nneg\tbad\n", "line 1: looks like a header .*--label-column"),
        ("a.tsv", "category\tof the mail\npos\tgood\nneg\tbad\n", "line 1: looks like a header"),
        ("a.tsv", MANY, "line 1: the text seems to stand before the label .* --label-column 2 --text-column 1"),
        ("a.tsv", PAIRS + "no\tone\t\n", "line 6: the second text is empty"),
        ("a.tsv", PAIRS + "no\t\ttwo\n", "line 6: the first text is empty"),
        ("a.tsv", PAIRS + "no\tone\n", "line 6: has one text, where most lines have two"),
        ("a.tsv", PAIRS + "no\tone\ttwo\tthree\n", "line 6: has 3 texts, where most lines have two"),
        ("a.tsv", "1\tpos\tx\tgood\n2\tneg\ty\tbad\n", "line 1: has 4 columns; say which"),
        ("a.tsv", "po\u200bs\tgood\n", r"line 1: the label .* holds the invisible U\+200B"),
        ("a.tsv", "\t\n", "line 1: the label is empty"),
        ("a.tsv", b"\xff\xfep\0o\0", "is text in UTF-16, not text; convert it: iconv"),
        (
            "a.csv",
            b"PK\x03\x04" + bytes(40),
            "is an Excel workbook or another zip archive, not text; unpack",
        ),
        ("a.tsv", b"PAR1" + bytes(40), "is Parquet, not text; write it as CSV"),
        ("a.tsv.gz", gzip.compress(b"PAR1" + bytes(40), mtime=0), "is Parquet, not text"),
        ("a.tsv.gz", gzip.compress(gzip.compress(b"1\tgood\n", mtime=0), mtime=0), "is packed by gzip more than once"),
        ("a.jsonl", '{"label": NaN, "text": "a"}\n', "line 1: 'label' must be a text or a finite number, not NaN"),
        ("a.jsonl", f'{{"label": {"9" * 400}, "text": "a"}}\n', "line 1: not JSON .9999999.* is larger than any"),
        ("a.jsonl", '{"label": null, "text": "a"}\n', "line 1: 'label' must be a text or a finite number, not null"),
        ("a.jsonl", '{"label": "a", "text": ["b"]}\n', "line 1: 'text' must be a text"),
        ("a.jsonl", '{"label": "a", "text": "\\ud800"}\n', "line 1: 'text' holds half of a letter"),
        ("a.jsonl", '{"label": "a", "label": "b", "text": "c"}\n', "line 1: not JSON .a field stands there twice"),
        ("a.jsonl", '{"label": "a", "text": "b"}\n{"label": "a"}\n', "line 2: no field 'text'"),
        (
            "a.json",
            '[{"label": "a", "text": "b"}]',
            "line 1: is no JSON object; each line is one object .of an array",
        ),
        ("a.jsonl", "[" * 100_000, "line 1: not JSON"),
    ],
)
def test_what_is_not_sure_is_refused(tmp_path, name, content, message):
    with pytest.raises(InputError, match=message) as error:
        read_labelled(write(tmp_path / name, content))
    assert name in str(error.value)
    assert "\n" not in str(error.value)


def test_columns_are_named_or_counted(tmp_path):
    named = write(tmp_path / "a.csv", "id,class,tweet\n1,pos,good film\n2,neg,bad\n")
    assert read_labelled(named, Columns("class", ("tweet",)))[0] == TWO[0]
    with pytest.raises(InputError, match="line 1: no column 'klass' among 'id', 'class', 'tweet'"):
        read_labelled(named, Columns("klass", ("tweet",)))
    swapped = write(tmp_path / "a.tsv", "good film\tpos\nbad, very\tneg\n")
    assert read_labelled(swapped, Columns("2", ("1",))) == TWO
    with pytest.raises(InputError, match="line 1: has 2 columns, no column 3"):
        read_labelled(swapped, Columns("3", ("1",)))
    with pytest.raises(InputError, match=r"line 1: no column '1' among .*; to count columns, give the numbers of both"):
        read_labelled(swapped, Columns(text=("1",)))
    pair = write(tmp_path / "b.csv", "p,h,gold\na,b,yes\n")
    assert read_labelled(pair, Columns("gold", ("p", "h"))) == [Row("yes", "a\tb")]
    with pytest.raises(InputError, match="'x' is named twice"):
        Columns("x", ("x",))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (Columns(text=("tweet",)), "no label column .label or sentiment. among 'id', 'tweet', 'text': name it"),
        (USUAL, "no label column .* where there is none, give the texts alone, one a line"),
        (Columns("text"), "no text column .text or sentence or review. among .*: name it with --text-column"),
    ],
)
def test_of_a_header_that_lacks_one_column_that_one_is_asked_for(tmp_path, columns, message):
    path = write(tmp_path / "a.csv", "id,tweet,text\n1,good film,x\n")
    with pytest.raises(InputError, match=f"line 1: {message}"):
        read_labelled(path, columns)


def test_what_was_left_out_is_told_where_a_model_is_measured_too(tmp_path, caplog):
    path = write(tmp_path / "a.tsv", "pos\tgood film\n\n\nneg\tbad, very\n")
    with caplog.at_level("INFO", "spikebert"):
        assert read_labelled(path) == TWO
    assert "a.tsv: 2 blank lines left out" in caplog.text


def test_quotation_marks_of_a_text_stay_and_those_of_a_writer_go(tmp_path):
    own = write(tmp_path / "a.tsv", 'pos\t"good" he said\nneg\t"bad"\n')
    table = read_table(own)
    assert [row.text for row in table.rows] == ['"good" he said', '"bad"']
    assert table.notes == ["1 texts stand in quotation marks, which count as part of the text"]
    writers = write(tmp_path / "b.tsv", '0\t"he said ""good"" twice"\n1\tbad\n')
    assert [row.text for row in read_labelled(writers)] == ['he said "good" twice', "bad"]
    every = write(tmp_path / "c.tsv", '0\t"good"\n1\t"bad"\n')
    assert [row.text for row in read_labelled(every)] == ["good", "bad"]


def test_tabs_in_single_texts_are_said(tmp_path):
    table = read_table(write(tmp_path / "a.tsv", "a\tx\ty\nb\tz\na\tw\n"))
    assert table.rows[0] == Row("a", "x y")
    assert table.notes == ["1 texts hold a TAB, which counts as a space (the first on line 1)"]


def test_no_more_is_read_than_is_asked_for(tmp_path):
    path = write(tmp_path / "a.tsv", b"a\tx\nb\ty\n\xff\xff\n")
    assert len(read_labelled(path, limit=2)) == 2
    with pytest.raises(InputError, match="line 3: not UTF-8"):
        read_labelled(path)


def test_labels_of_json_are_texts_or_whole_numbers(tmp_path):
    path = write(tmp_path / "a.jsonl", '{"label": 1, "text": "a"}\n\n{"label": true, "text": "b"}\n')
    assert [row.label for row in read_labelled(path)] == ["1", "true"]


TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).filter(lambda text: text.strip() == text)


@given(st.lists(TEXTS, min_size=1), st.booleans())
def test_rows_that_are_saved_are_read_as_they_were(tmp_path_factory, texts, pairs):
    path = tmp_path_factory.mktemp("rows") / "dev.jsonl"
    rows = [Row("a", f"{' '.join(text.split())}\tx" if pairs else text) for text in texts]
    save_rows(rows, pairs, path)
    assert read_labelled(path) == rows


@pytest.mark.parametrize(
    ("case", "labels", "rows"),
    [
        ("bom_mid/data.tsv", ["negative", "positive"], 20),
        ("cr_only_line_ends/data.tsv", ["negative", "positive"], 20),
        ("quoted_tsv_some/data.tsv", ["negative", "positive"], 20),
        ("folder_validation", ["negative", "positive"], 40),
        ("rare_class_in_split/data.tsv", ["mixed", "negative", "positive"], 41),
    ],
)
def test_a_case_of_the_field_is_read(case, labels, rows):
    task = load_task(str(CASES / case))
    assert task.labels == labels
    assert len(task.train) + len(task.dev) == rows
    assert not any('"' in row.text or "\ufeff" in row.text for row in task.train)


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("csv_unquoted_comma/data.csv", "data.csv, line 2: has 3 columns"),
        ("pair_with_one_empty/data.tsv", "data.tsv, line 81: the second text is empty"),
        ("text_before_label/data.tsv", "data.tsv, line 1: the text seems to stand before the label"),
    ],
)
def test_a_case_of_the_field_is_refused(case, message):
    with pytest.raises(InputError, match=message):
        load_task(str(CASES / case))


def test_the_folders_parts_have_many_names_and_none_is_passed_over(tmp_path):
    write(tmp_path / "Train.CSV", 'label,text\npos,good film\nneg,"bad, very"\n')
    write(tmp_path / "valid.jsonl", json.dumps({"label": "pos", "text": "fine"}) + "\n")
    task = load_task(str(tmp_path))
    assert task.train == TWO and task.dev == [Row("pos", "fine")] and not task.cut
    write(tmp_path / "dev.tsv", "pos\tfine\n")
    with pytest.raises(InputError, match=r"holds dev.tsv and valid.jsonl; keep one"):
        load_task(str(tmp_path))
    for name in ("dev.tsv", "valid.jsonl"):
        (tmp_path / name).unlink()
    shutil.copy(CASES / "folder_validation" / "validation.csv", tmp_path / "validation.parquet")
    with pytest.raises(InputError, match=r"validation.parquet: is of a kind that is not read"):
        load_task(str(tmp_path))
