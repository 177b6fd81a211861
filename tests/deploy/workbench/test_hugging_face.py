"""A trained model among transformers' own: its pipeline, its classes, its card."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from tokenizers import Tokenizer, models, pre_tokenizers

import spikebert
from export.cli import main as export
from spikebert.cli import main as train_command
from spikebert.model.checkpoint import TrainedModel, save_directory
from spikebert.model.config import SpikeBertConfig
from spikebert.model.model import SpikeBertForSequenceClassification
from tests.spikebert.training.test_training import command
from tests.spikebert.training.test_training import task as task  # fixtures
from tests.spikebert.training.test_training import teacher as teacher

WORDS = ["[PAD]", "[UNK]", "good", "bad", "film", "a", "very"]
TEXTS = ["a very good film", "bad"]
TRAINING = {"task": "films", "accuracy": 0.75, "dev_texts": 8, "teacher": "minilm", "epochs": 2}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hub") / "model"
    torch.manual_seed(0)
    config = SpikeBertConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_tokens=8,
        norm="batch",
        reset="zero",
        num_labels=2,
    )
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    model = SpikeBertForSequenceClassification(config).eval()
    save_directory(TrainedModel(model, tokenizer.to_str(), ["bad", "good"], TRAINING), folder)
    return folder


@pytest.mark.parametrize("first", ["import spikebert; import transformers", "import transformers; import spikebert"])
def test_a_saved_folder_works_in_a_pipeline_of_transformers(folder, first):
    code = (
        f"{first}\n"
        "from transformers import pipeline\n"
        f"pipe = pipeline('text-classification', model={str(folder)!r}, device='cpu')\n"
        f"found = pipe({TEXTS!r}, batch_size=2)\n"
        f"own = spikebert.pipeline({str(folder)!r})({TEXTS!r})\n"
        "assert [row['label'] for row in found] == [row['label'] for row in own], (found, own)\n"
        "assert all(abs(a['score'] - b['score']) < 1e-5 for a, b in zip(found, own)), (found, own)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_classes_of_transformers_know_it(folder):
    from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

    config = AutoConfig.from_pretrained(folder)
    assert type(config) is SpikeBertConfig and config.id2label == {0: "bad", 1: "good"}
    assert type(AutoModelForSequenceClassification.from_pretrained(folder)) is SpikeBertForSequenceClassification
    assert AutoTokenizer.from_pretrained(folder).model_max_length == 8


def test_export_takes_such_a_folder_and_the_scores_are_alike(folder, tmp_path, capsys):
    assert export([str(folder), "-o", str(tmp_path / "model.nir")]) == 0
    floats, integers = spikebert.load(folder), spikebert.load(tmp_path / "model.nir")
    assert integers.labels == floats.labels == ("bad", "good")
    assert abs(integers.predict_proba(TEXTS) - floats.predict_proba(TEXTS)).max() < 0.1


def test_a_trained_model_exports_in_python(folder, tmp_path):
    model = spikebert.load(folder).export(bits=8)
    model.save(tmp_path / "model.nir")
    assert spikebert.load(tmp_path / "model.nir").predict(TEXTS) == model.predict(TEXTS)


def test_its_card_says_what_was_recorded(folder):
    _, metadata, page = (folder / "README.md").read_text("utf-8").split("---\n", 2)
    content = yaml.safe_load(metadata)
    assert content["pipeline_tag"] == "text-classification"
    assert content["model-index"][0]["results"][0]["metrics"] == [{"type": "accuracy", "value": 0.75}]
    assert "Accuracy 0.7500 on 8 dev texts" in page and "- teacher: minilm" in page


def test_a_model_folder_is_inspected(folder):
    found = spikebert.inspect(folder)
    assert found.facts["labels"] == ["bad", "good"] and found.facts["task"] == "films"


def test_a_setting_that_is_none_is_refused_before_anything_is_made(tmp_path):
    with pytest.raises(spikebert.InputError, match="colour is no setting"):
        spikebert.train("tweets", tmp_path / "run", colour="blue")
    assert not (tmp_path / "run").exists()


def test_a_training_in_python_is_that_of_the_command_and_can_be_exported(task, teacher, tmp_path):
    short = {"norm": "batch", "epochs": 1, "stage1_epochs": 0, "teacher_epochs": 1}
    rates = {"batch_size": 16, "learning_rate": 2e-3, "teacher_learning_rate": 2e-3}
    trained = spikebert.train(task, tmp_path / "run", teacher=str(teacher), preset="tiny", **short, **rates)
    labels, texts = zip(*(row.split("\t") for row in (task / "dev.tsv").read_text("utf-8").splitlines()), strict=True)
    assert trained.labels == ("neg", "pos")
    right = sum(a == b for a, b in zip(trained.predict(texts), labels, strict=True))
    assert trained.trained.training["accuracy"] == right / len(labels)
    assert set(trained.export(bits=8).predict(texts)) <= {"neg", "pos"}
    model = tmp_path / "run" / "model.pt"
    written = model.stat().st_mtime_ns
    options = [f"--{name.replace('_', '-')}={value}" for name, value in short.items()]
    assert train_command(command(task, teacher, tmp_path / "run", *options)) == 0  # of other settings it would refuse
    assert model.stat().st_mtime_ns == written


def test_what_the_old_commands_train_and_export_answers_the_same_everywhere(task, teacher, tmp_path):
    scripts = {
        name: str(Path(sys.executable).with_name(f"spikebert-{name}")) for name in ("train", "export", "simulate")
    }
    short = ["--norm", "batch", "--epochs", "1", "--stage1-epochs", "0", "--teacher-epochs", "1"]
    subprocess.run([scripts["train"], *command(task, teacher, tmp_path / "run", *short)], check=True)
    subprocess.run([scripts["export"], str(tmp_path / "run/model.pt"), "-o", str(tmp_path / "model.nir")], check=True)
    texts = [row.partition("\t")[2] for row in (task / "dev.tsv").read_text("utf-8").splitlines()]
    code = (
        "import json, spikebert, sys; from transformers import pipeline; "
        f"pipe = pipeline('text-classification', model={str(tmp_path / 'run/model')!r}, device='cpu'); "
        "print(json.dumps([found['label'] for found in pipe(json.load(sys.stdin))]))"
    )
    floats = subprocess.run(
        [sys.executable, "-c", code], input=json.dumps(texts), stdout=subprocess.PIPE, text=True, check=True
    )
    assert json.loads(floats.stdout) == spikebert.load(tmp_path / "run" / "model.pt").predict(texts)
    piped = [scripts["simulate"], str(tmp_path / "model.nir"), "--data", "-", "--format", "jsonl"]
    integers = subprocess.run(piped, input="\n".join(texts), stdout=subprocess.PIPE, text=True, check=True)
    found = [json.loads(line)["predicted"] for line in integers.stdout.splitlines()]
    assert found == spikebert.load(tmp_path / "model.nir").predict(texts)
    assert found == [row["label"] for row in spikebert.pipeline(tmp_path / "model.nir")(texts)]
