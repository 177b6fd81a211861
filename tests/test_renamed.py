"""What a node is called decides nothing: a graph under other names is counted, priced, mapped and bundled the same."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from deploy.cli import main as deploy
from export.ir import nir
from simulate.cli import main as simulate
from simulate.report.cli import main as report
from tests.fuzz.originals import tokenizer
from tests.random_graph import random_graph

TEXTS = "label0\ta good film\nlabel1\ta bad film\nlabel1\tbad\n"
SHAPES = [{"norm": "layer"}, {"norm": "batch", "reset": "zero", "residual": "membrane"}]
UNSTEADY = ("seconds", "startup_seconds", "sha256", "model_sha256")  # from run to run, and of the model's file
BYTES = ("reference/model.bin", "reference/golden.bin", "reference/reference.c", "tokenizer.json", "chip.yaml")


def under_other_names(graph, seed):
    """(the graph, {new name: old name}); a new name is as long as any other and no part of one."""
    rng = random.Random(seed)
    numbers = rng.sample(range(10**7, 10**8), len(graph.nodes))
    new = {node.name: f"q{number}" for node, number in zip(graph, numbers, strict=True)}
    nodes = [replace(n, name=new[n.name], inputs=tuple(new[s] for s in n.inputs)) for n in graph]
    return replace(graph, nodes=tuple(nodes)), {name: old for old, name in new.items()}


def outputs_of(graph, folder):
    """All that the commands make of a graph, below `folder`."""
    folder.mkdir()
    nir.write(graph, folder / "model.nir")
    (folder / "texts.tsv").write_text(TEXTS, "utf-8")
    model, texts = str(folder / "model.nir"), str(folder / "texts.tsv")
    assert simulate([model, "--data", texts, "--out", str(folder / "run"), "--spikes", "--trace", "1"]) == 0
    counts = ["--counts", str(folder / "run")]
    assert deploy(["map", model, *counts, "-o", str(folder / "map")]) == 0
    mapping = ["--mapping", str(folder / "map")]
    assert report([str(folder / "run"), *mapping, "-o", str(folder / "report.json")]) == 0
    assert deploy(["bundle", model, "--data", texts, "-o", str(folder / "bundle")]) == 0
    return folder


@pytest.fixture(scope="module", params=SHAPES, ids=str)
def pair(request, tmp_path_factory):
    """(the folder of a graph, that of the same under other names, {new name: old name})"""
    folder = tmp_path_factory.mktemp("renamed")
    graph = replace(random_graph(**request.param), tokenizer=tokenizer())
    other, names = under_other_names(graph, seed=7)
    return outputs_of(graph, folder / "own"), outputs_of(other, folder / "new"), names


def renamed(text: str, names: dict[str, str]) -> str:
    for new, old in names.items():
        text = text.replace(new, old)
    return text


def content(folder: Path, file: str, names: dict[str, str]) -> object:
    """A JSON file with the old names, without its folder and what differs from run to run."""
    return without(json.loads(renamed((folder / file).read_text("utf-8").replace(str(folder), "."), names)))


def without(value):
    """A value without times and digests."""
    if isinstance(value, dict):
        if value.get("what") in ("simulation", "sha256"):
            return {}
        return {key: without(v) for key, v in value.items() if key not in UNSTEADY}
    return [without(item) for item in value] if isinstance(value, list) else value


FILES = ["run/counts.json", "map/mapping.json", "report.json", "bundle/energy/counts.json"]


@pytest.mark.parametrize("file", FILES)
def test_counts_energy_and_mapping_are_the_same(pair, file):
    own, new, names = pair
    assert content(new, file, names) == content(own, file, {})


def test_the_bundle_holds_the_same_files_and_the_same_numbers(pair):
    own, new, _ = pair
    files = [sorted(p.relative_to(f / "bundle").as_posix() for p in (f / "bundle").rglob("*")) for f in (own, new)]
    assert [name for name in files[0] if "stages/" not in name] == [name for name in files[1] if "stages/" not in name]
    assert len(files[0]) == len(files[1])
    for name in BYTES:
        assert (new / "bundle" / name).read_bytes() == (own / "bundle" / name).read_bytes(), name


@pytest.mark.parametrize("file", ["run/spikes.npz", "run/trace.npz", "bundle/golden.npz"])
def test_recorded_arrays_are_the_same(pair, file):
    own, new, names = pair
    with np.load(own / file) as wanted, np.load(new / file) as found:
        back = {renamed(key, names): key for key in found.files}
        assert sorted(back) == sorted(wanted.files)
        for key in wanted.files:
            if key != "attended":
                assert np.array_equal(found[back[key]], wanted[key]), key
