"""Small good files of every kind that a command reads."""

from __future__ import annotations

import gzip
import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from tests.random_graph import random_graph

WORDS = ["[UNK]", "[CLS]", "[SEP]", "good", "bad", "film", "a", "very"]


def tokenizer() -> str:
    """A tokenizer of a few words, as JSON."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    made = Tokenizer(models.WordLevel({w: i for i, w in enumerate(WORDS)}, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    return made.to_str()


def write_originals(folder: Path) -> None:
    """A model in all its forms, texts, runs and a bundle of it on them; a network of another tool, its input."""
    from export.ir import nir

    folder.mkdir()
    nir.write(replace(random_graph(blocks=1), tokenizer=tokenizer()), folder / "model.nir")
    pairs = random_graph(blocks=1, separator=2, shared_words=1, neighbours=True)
    nir.write(replace(pairs, tokenizer=tokenizer()), folder / "pairs.nir")
    number = replace(random_graph(blocks=1, labels=1), labels=(), tokenizer=tokenizer())
    nir.write(number, folder / "number.nir")
    write_trained(folder)
    write_teacher(folder / "teacher")
    write_texts(folder)
    write_runs(folder)
    write_foreign(folder / "foreign.nir")
    (folder / "with").mkdir()
    (folder / "with" / "notes").write_text("as it is", "utf-8")
    np.save(folder / "spikes.npy", np.random.default_rng(0).integers(0, 2, (6, 2, 3)).astype(np.float32))


def write_trained(folder: Path) -> None:
    """model.pt, the same as a folder; the checkpoint, the settings and the student of a training."""
    from spikebert.model.checkpoint import TrainedModel, save_directory, save_model
    from spikebert.training import warm_start
    from tests.fuzz.readers import settings, tiny_student, tiny_training
    from tests.spikebert.model.test_model import small_model

    model = small_model(num_hidden_layers=1)
    labels = [f"label{i}" for i in range(model.config.num_labels)]
    trained = TrainedModel(model, tokenizer(), labels, {"task": "none", "accuracy": 0.5})
    save_model(trained, folder / "model.pt")
    save_directory(trained, folder / "model")
    tiny_training(folder / "checkpoint")
    (folder / "student").mkdir()
    warm_start.save(tiny_student(), folder / "student")
    (folder / "training").mkdir()
    (folder / "training" / ".lock").touch()  # as each training leaves it
    begun = {key: value for key, value in asdict(settings("training")).items() if key != "out"}
    (folder / "training" / "settings.json").write_text(json.dumps(begun), "utf-8")


def write_teacher(folder: Path) -> None:
    """A BERT of a few weights, and the same with weights of the older kind."""
    import torch
    from tokenizers import Tokenizer
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

    shape = dict(hidden_size=4, num_hidden_layers=1, num_attention_heads=2, intermediate_size=4)
    model = BertForSequenceClassification(BertConfig(vocab_size=len(WORDS), **shape))
    model.save_pretrained(folder)
    PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(tokenizer())).save_pretrained(folder)
    older = shutil.copytree(folder, folder.with_name("older teacher"))
    (older / "model.safetensors").unlink()
    torch.save(model.state_dict(), older / "pytorch_model.bin")


def write_texts(folder: Path) -> None:
    rows = [("label0", "a good film"), ("label1", "a very bad film"), ("label1", "bad")]
    lines = "".join(f"{label}\t{text}\n" for label, text in rows)
    (folder / "texts.tsv").write_text(lines, "utf-8")
    (folder / "texts.tsv.gz").write_bytes(gzip.compress(lines.encode(), mtime=0))
    (folder / "texts.csv").write_text("label,text\n" + lines.replace("\t", ","), "utf-8")
    (folder / "columns.csv").write_text(
        "id,gold,body\n" + "".join(f"{i},{label},{text}\n" for i, (label, text) in enumerate(rows)), "utf-8"
    )
    objects = [json.dumps({"text": text, "label": label}) for label, text in rows]
    (folder / "numbers.tsv").write_text("2.5\ta good film\n0\tbad\n-1e-3\ta very bad film\n", "utf-8")
    (folder / "texts.jsonl").write_text("\n".join(objects), "utf-8")
    (folder / "alone.txt").write_text("".join(f"{text}\n" for _, text in rows), "utf-8")
    (folder / "alone.csv").write_text("id,text\n" + "".join(f"{i},{t}\n" for i, (_, t) in enumerate(rows)), "utf-8")
    pairs = "".join(f"label{i % 2},a good film,film {i}\n" for i in range(12))
    (folder / "pairs.csv").write_text(f"label,sentence1,sentence2\n{pairs}", "utf-8")
    many = "".join(f"label{i % 3}\tfilm {i}\n" for i in range(33))
    (folder / "task.tsv").write_text(many, "utf-8")
    (folder / "task").mkdir()
    for part in ("train.tsv", "dev.tsv"):
        (folder / "task" / part).write_text(lines * 2, "utf-8")


def write_runs(folder: Path) -> None:
    """run/, bundle/, map/ and theirs.npz of model.nir on texts.tsv; chip.yaml."""
    from deploy.bundle import golden
    from deploy.chips.chip import CHIPS
    from deploy.cli import main as deploy
    from export.ir import nir
    from simulate.cli import main as simulate

    model, texts = str(folder / "model.nir"), str(folder / "texts.tsv")
    assert simulate([model, "--data", texts, "--out", str(folder / "run"), "--trace", "1"]) == 0
    assert deploy(["bundle", model, "--data", texts, "-o", str(folder / "bundle")]) == 0
    assert deploy(["map", model, "-o", str(folder / "map")]) == 0
    trains = golden.read(folder / "bundle" / "golden.npz", nir.read(model)).spikes
    np.savez_compressed(folder / "theirs.npz", **trains)
    shutil.copyfile(CHIPS / "template.yaml", folder / "chip.yaml")


def write_foreign(path: Path) -> None:
    """A network of NIR's own nodes, one of them a network of its own."""
    import nir

    rng = np.random.default_rng(0)
    ones = np.ones(4)
    neurons = nir.LIF(tau=5e-4 * ones, r=ones, v_leak=0 * ones, v_threshold=ones, v_reset=0 * ones)
    inner = nir.NIRGraph.from_list(nir.Linear(weight=rng.normal(size=(2, 4))), nir.IF(r=ones[:2], v_threshold=ones[:2]))
    layer = nir.Affine(weight=3 * rng.normal(size=(4, 3)), bias=np.zeros(4))
    nir.write(path, nir.NIRGraph.from_list(layer, neurons, inner))
