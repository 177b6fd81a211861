"""recipes/fewer_layers.py: the cut network is the first layers, and is fine-tuned for any task."""

import torch
from transformers import BertModel

from recipes.fewer_layers import main
from spikebert.cli import main as train


def test_the_layers_that_stay_are_the_first(bert, tmp_path):
    assert main([str(bert), "--layers", "1", "-o", str(tmp_path / "cut")]) == 0
    whole, cut = (BertModel.from_pretrained(folder).state_dict() for folder in (bert, tmp_path / "cut"))
    layers = {name for name in cut if name.startswith("encoder.layer.")}
    assert layers == {name for name in whole if name.startswith("encoder.layer.0.")}
    assert all(torch.equal(whole[name], cut[name]) for name in layers)


def test_a_cut_network_is_fine_tuned_for_labels_that_are_0_and_1(bert, films, tmp_path):
    assert main([str(bert), "-o", str(tmp_path / "cut")]) == 0
    options = ["--task", str(films), "--teacher", str(tmp_path / "cut"), "--out", str(tmp_path / "run")]
    assert train(["teacher", *options, "--teacher-epochs", "1"]) == 0
    assert (tmp_path / "run/model/config.json").exists()


def test_what_cannot_be_cut_is_told_in_one_line(bert, tmp_path, refused):
    assert "no such folder" in refused(main, [tmp_path / "none", "-o", tmp_path / "cut"])
    assert "--layers 0: must be at least 1" in refused(main, [bert, "--layers", 0, "-o", tmp_path / "cut"])
    assert not (tmp_path / "cut").exists()


def test_a_folder_that_holds_something_else_is_left_as_it_is(bert, tmp_path, refused):
    (tmp_path / "config.json").write_text("mine")
    assert "holds config.json, which this command did not write" in refused(main, [bert, "-o", tmp_path])
    assert (tmp_path / "config.json").read_text() == "mine"
