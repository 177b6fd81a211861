"""Small good files of every kind that a command reads."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.random_graph import random_graph

WORDS = ["[UNK]", "[CLS]", "[SEP]", "good", "bad", "film", "a", "very"]


def tokenizer() -> str:
    """A tokenizer of a few words, as JSON."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    made = Tokenizer(models.WordLevel({w: i for i, w in enumerate(WORDS)}, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    return made.to_str()


def write_originals(folder: Path) -> None:
    """model.nir, model.pt, texts.tsv and run/ (of that model on those texts)."""
    from export import nir
    from simulate.cli import main as simulate
    from spikebert.checkpoint import TrainedModel, save_model
    from tests.spikebert.test_model import small_model

    folder.mkdir()
    nir.write(replace(random_graph(blocks=1), tokenizer=tokenizer()), folder / "model.nir")
    model = small_model()
    labels = [f"label{i}" for i in range(model.config.num_labels)]
    save_model(TrainedModel(model, tokenizer(), labels, {}), folder / "model.pt")
    (folder / "texts.tsv").write_text("label0\ta good film\nlabel1\ta very bad film\nlabel1\tbad\n", "utf-8")
    arguments = [str(folder / "model.nir"), "--data", str(folder / "texts.tsv"), "--out", str(folder / "run")]
    assert simulate([*arguments, "--spikes"]) == 0
