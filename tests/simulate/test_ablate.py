"""What parts are worth: a part that is silenced, made constant or permuted is so, and nothing else changes."""

import json

import numpy as np
import pytest

from export.ir.early_exit import with_margin
from simulate.ablate import ablate, parts, runs, table
from simulate.cli import main
from simulate.fast import FastSimulator
from simulate.measure import Measure, predicted
from spikebert.data.metrics import ACCURACY, SPEARMAN
from tests.random_graph import random_graph

RNG = np.random.default_rng(0)
SENTENCES = [RNG.integers(0, 50, n) for n in (7, 1, 16, 9, 4, 12)]
LAYERS = {"spikes": 11, "membrane": 10}


def itself(graph, sentences, metric=ACCURACY):
    """A model measured by its own answers, all of which are right."""
    return Measure(metric, predicted(graph, FastSimulator(graph).run(sentences).logits))


@pytest.mark.parametrize("residual", ["spikes", "membrane"])
def test_blocks_branches_and_layers_are_found_by_the_shape_of_the_graph(residual):
    found = parts(random_graph(norm="batch", residual=residual))
    assert [p.kind for p in found] == ["block"] * 2 + ["attention", "MLP"] * 2 + ["neurons"] * LAYERS[residual]


@pytest.mark.parametrize("residual", ["spikes", "membrane"])
@pytest.mark.parametrize("levels", [1, 3])
def test_a_model_is_right_on_its_own_predictions_and_every_part_has_its_share(residual, levels):
    graph = random_graph(norm="batch", reset="zero", residual=residual, levels=levels)
    done = []
    found = ablate(graph, SENTENCES, itself(graph, SENTENCES), progress=done.append)
    assert found.score.value == 1.0 and sum(done) == 1 + runs(graph)
    shares = {kind: sum(p.operations for p in found.parts if p.kind == kind) for kind in ("block", "attention", "MLP")}
    assert shares["block"] == pytest.approx(1) and shares["attention"] + shares["MLP"] == pytest.approx(1)
    assert "| block 0 | block |" in table(found)


@pytest.mark.parametrize("residual, layers", [("spikes", 7), ("membrane", 6)])
def test_of_blocks_of_attention_alone_no_mlp_is_looked_for(residual, layers):
    found = parts(random_graph(norm="batch", residual=residual, attention_only=True))
    assert [p.kind for p in found] == ["block"] * 2 + ["attention"] * 2 + ["neurons"] * layers


def test_a_block_without_an_mlp_stands_beside_blocks_with_one():
    found = parts(random_graph(norm="batch", blocks=3, attention_only=[1]))
    assert [p.kind for p in found[:8]] == ["block"] * 3 + ["attention", "MLP", "attention", "attention", "MLP"]


def test_a_model_without_its_blocks_answers_from_its_embedding_alone():
    graph = random_graph(norm="batch", reset="zero", residual="membrane", blocks=1)
    block, attention, mlp = ablate(graph, SENTENCES, itself(graph, SENTENCES)).parts[:3]
    assert block.scores["majority"] is None and attention.scores["majority"] is None
    assert block.scores["silenced"] is not None and mlp.scores["silenced"] is not None


def test_permuting_the_tokens_of_a_text_of_one_token_changes_nothing():
    graph = random_graph(norm="batch", reset="zero")
    single = [s[:1] for s in SENTENCES]
    for part in ablate(graph, single, itself(graph, single)).parts:
        assert part.scores["permuted"] in (None, 1.0)


@pytest.mark.parametrize("residual", ["spikes", "membrane"])
@pytest.mark.parametrize("margin", ["never", "1e5"])
def test_many_batches_and_texts_that_leave_early_are_each_from_rest(residual, margin):
    graph = with_margin(random_graph(norm="batch", reset="zero", residual=residual), margin)
    many = [RNG.integers(0, 50, n) for n in RNG.integers(1, 17, 80)]  # more tokens than a batch holds
    found = ablate(graph, many, itself(graph, many))
    assert found.score.value == 1.0
    assert all(0 <= share <= 1 for part in found.parts for share in part.scores.values() if share is not None)


def test_of_a_regression_it_is_the_correlation_that_a_part_is_worth():
    graph = random_graph(norm="batch", reset="zero", labels=0)
    found = ablate(graph, SENTENCES, itself(graph, SENTENCES, SPEARMAN))
    assert found.score.value == pytest.approx(1) and found.score.metric == SPEARMAN
    assert min(share for part in found.parts for share in part.scores.values() if share is not None) < 0.99
    assert "whole model: Spearman correlation 1.0000 on 6 texts" in table(found)


def test_the_data_are_no_output_and_their_name_need_not_be_utf_8(tmp_path, capsys):
    data, model = tmp_path / "d\udcff.jsonl", "examples/sst2/model.nir"
    data.write_text('{"label": "positive", "text": "a warm film"}\n{"label": "negative", "text": "dull"}\n')
    (tmp_path / "d.json").write_bytes(data.read_bytes())
    for command in ("ablate", "sweep"):
        arguments = [command, model, "--data", str(tmp_path / "d.json"), "-o", str(tmp_path / "d.json")]
        assert main(arguments) == 2
        assert "d.json: is read or written by this command, too" in capsys.readouterr().err
    assert main(["ablate", model, "--data", str(data), "-o", str(tmp_path / "parts.json")]) == 0
    assert json.loads((tmp_path / "parts.json").read_text("utf-8"))["data"] == r"d\udcff.jsonl"
