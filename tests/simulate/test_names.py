"""Names that other tools give: a layer may be called like a keyword, a formula or markup, in every form of output."""

import json
from dataclasses import replace

import numpy as np
import pytest

from deploy.cli import main as deploy
from export.cli import main as export
from export.ir import nir
from simulate.cli import main as simulate
from simulate.report.cli import main as report
from simulate.trace import Trace
from tests.export.ir.test_nir import renamed
from tests.fuzz.originals import tokenizer
from tests.random_graph import random_graph

NAMES = ["file", "lengths", r"$\frac{$", "<b> & 'q' \"r\" | ]]>"]


@pytest.fixture(scope="module", params=NAMES)
def run(request, tmp_path_factory):
    """(the name of a layer, the folder with model.nir and the run on it)"""
    folder, graph = tmp_path_factory.mktemp("names"), random_graph(blocks=1, norm="batch", reset="zero")
    graph = renamed(graph, "blocks.0.attention.qkv.lif", request.param)
    nir.write(replace(graph, tokenizer=tokenizer()), folder / "model.nir")
    texts = ["--text", "a good film", "--out", str(folder / "run"), "--spikes"]
    assert simulate([str(folder / "model.nir"), *texts]) == 0
    return request.param, folder


def test_its_spikes_are_recorded_as_they_are_counted(run):
    name, folder = run
    (layer,) = [x for x in json.loads((folder / "run/counts.json").read_text("utf-8"))["layers"] if x["name"] == name]
    with np.load(folder / "run/spikes.npz") as spikes:
        assert spikes["lengths"].tolist() == [3]
        assert spikes["spikes/lengths" if name == "lengths" else name].sum() == layer["spikes"]
    assert Trace.read(folder / "run/trace.npz").spikes[name].sum() == layer["spikes"]


def test_it_stands_in_every_report(run, tmp_path):
    _, folder = run
    files = [part for kind in ("html", "md", "json") for part in ("-o", str(tmp_path / f"r.{kind}"))]
    assert report([str(folder / "run"), *files]) == 0


def test_it_is_exported_drawn_mapped_and_bundled(run, tmp_path):
    from xml.etree import ElementTree

    _, folder = run
    model = str(folder / "model.nir")
    assert export([model, "--to", "nir", "-o", str(tmp_path / "a.nir"), "--draw", str(tmp_path / "a.svg")]) == 0
    for target in ("nir-stages", "onnx-integer"):
        assert export([model, "--to", target, "-o", str(tmp_path / target)]) == 0
    assert deploy(["map", model, "-o", str(tmp_path / "map")]) == 0
    for picture in (tmp_path / "a.svg", tmp_path / "map/floorplan.svg"):
        ElementTree.parse(picture)
