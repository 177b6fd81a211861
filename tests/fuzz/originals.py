"""Small good files of every kind that a command reads."""

from __future__ import annotations

from dataclasses import replace
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
    """model.nir, model.pt, texts.tsv and run/ (of that model on those texts); foreign.nir and its spikes.npy."""
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
    write_foreign(folder / "foreign.nir")
    np.save(folder / "spikes.npy", np.random.default_rng(0).integers(0, 2, (6, 2, 3)).astype(np.float32))


def write_foreign(path: Path) -> None:
    """A network of stock NIR nodes, one of them a network of its own."""
    import nir

    rng = np.random.default_rng(0)
    ones = np.ones(4)
    neurons = nir.LIF(tau=5e-4 * ones, r=ones, v_leak=0 * ones, v_threshold=ones, v_reset=0 * ones)
    inner = nir.NIRGraph.from_list(nir.Linear(weight=rng.normal(size=(2, 4))), nir.IF(r=ones[:2], v_threshold=ones[:2]))
    layer = nir.Affine(weight=3 * rng.normal(size=(4, 3)), bias=np.zeros(4))
    nir.write(path, nir.NIRGraph.from_list(layer, neurons, inner))
