"""recipes/masked_words.py: a BERT learns to tell masked words, and goes on where it was interrupted."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoTokenizer, BertModel

from recipes.masked_words import main
from spikebert.cli import main as train

SCRIPT = Path(__file__).parents[2] / "recipes/masked_words.py"
FAST = ["--batch-size", "8", "--learning-rate", "3e-3", "--device", "cpu"]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    path = tmp_path_factory.mktemp("corpus") / "films.txt"
    path.write_text("good film good film good film good film\n" * 30 + "bad great bad great bad great bad great\n" * 30)
    return path


def command(bert, corpus, out, *more):
    return [str(bert), "--corpus", str(corpus), "-o", str(out), *FAST, *map(str, more)]


@pytest.fixture(scope="module")
def film_bert(bert, corpus, tmp_path_factory):
    """A finished run."""
    out = tmp_path_factory.mktemp("runs") / "films"
    assert main(command(bert, corpus, out, "--epochs", "20")) == 0
    return out


def test_it_learns_to_tell_masked_words(film_bert):
    losses = [json.loads(line)["loss"] for line in (film_bert / "metrics.jsonl").read_text().splitlines()]
    assert losses[-1] < 0.8 * losses[0]
    assert not list(film_bert.glob("*.checkpoint"))


def test_the_bert_that_has_read_on_is_fine_tuned_for_labels_that_are_0_and_1(film_bert, films, tmp_path):
    options = ["--task", str(films), "--teacher", str(film_bert / "model"), "--teacher-pooling", "mean"]
    assert train(["teacher", *options, "--out", str(tmp_path / "run"), "--teacher-epochs", "1"]) == 0
    assert AutoTokenizer.from_pretrained(tmp_path / "run/model").tokenize("good films") == ["good", "film", "##s"]


def test_a_finished_run_is_not_begun_anew(bert, corpus, film_bert, capsys):
    before = (film_bert / "model/model.safetensors").stat().st_mtime_ns
    assert main(command(bert, corpus, film_bert, "--epochs", "20")) == 0
    assert "is finished" in capsys.readouterr().out
    assert (film_bert / "model/model.safetensors").stat().st_mtime_ns == before


def test_lines_of_which_no_word_is_drawn_are_no_failure(bert, tmp_path):
    (tmp_path / "short.txt").write_text("a\nb\nc\nd\n")
    options = command(bert, tmp_path / "short.txt", tmp_path / "run", "--epochs", "10")
    assert main([*options, "--batch-size", "1"]) == 0
    assert all(w.isfinite().all() for w in BertModel.from_pretrained(tmp_path / "run/model").state_dict().values())


def test_a_killed_run_resumes_to_the_same_bert(bert, corpus, tmp_path):
    checkpoint, model = tmp_path / "killed/words.checkpoint", tmp_path / "killed/model"
    child = subprocess.Popen([sys.executable, SCRIPT, *command(bert, corpus, tmp_path / "killed", "--epochs", 10)])
    while child.poll() is None and not checkpoint.exists():
        time.sleep(0.01)
    child.kill()
    child.wait()
    assert checkpoint.exists() and not model.exists()
    for out in ("killed", "whole"):
        assert main(command(bert, corpus, tmp_path / out, "--epochs", 10)) == 0
    killed, whole = (load_file(tmp_path / out / "model/model.safetensors") for out in ("killed", "whole"))
    assert all(torch.equal(killed[name], whole[name]) for name in whole)


def test_a_run_does_not_go_on_with_other_settings_or_another_corpus(bert, corpus, film_bert, tmp_path, refused):
    assert "with other settings (epochs)" in refused(main, command(bert, corpus, film_bert, "--epochs", 9))
    (tmp_path / "other.txt").write_text("good film\n")
    assert "corpus" in refused(main, command(bert, tmp_path / "other.txt", film_bert, "--epochs", 20))


def test_what_cannot_be_read_is_told_in_one_line(bert, teacher, corpus, tmp_path, refused):
    out = tmp_path / "out"
    assert "no such folder" in refused(main, command(tmp_path / "none", corpus, out))
    assert "no such corpus file" in refused(main, command(bert, tmp_path / "none.txt", out))
    assert "--epochs 0: must be at least 1" in refused(main, command(bert, corpus, out, "--epochs", 0))
    assert "--learning-rate 0.0: must be above 0" in refused(main, command(bert, corpus, out, "--learning-rate", 0))
    assert "--max-tokens 99: the teacher" in refused(main, command(bert, corpus, out, "--max-tokens", 99))
    assert "has no token for a masked word" in refused(main, command(teacher, corpus, out, "--max-tokens", 16))
    assert not (out / "model").exists()


def test_a_folder_that_holds_something_else_is_left_as_it_is(bert, corpus, tmp_path, refused):
    (tmp_path / "metrics.jsonl").write_text("mine")
    assert "holds metrics.jsonl, which this command" in refused(main, command(bert, corpus, tmp_path))
    assert (tmp_path / "metrics.jsonl").read_text() == "mine"
